/** From what a user names to a source that can be read. */
import { closeSync, fstatSync } from 'node:fs';
import { asStrongroomError, StrongroomError } from '../errors.ts';
import { openToRead, readFully } from './files.ts';
import { remoteLocation } from './remote/location.ts';
import type { FileLocation, OpenedSource, SourceLocation } from './source.ts';

/** What a path of the user's leads to: a local file, or what `http:`, `https:` or `s3:` names. */
export const locationOf = (path: string): SourceLocation =>
  remoteLocation(path) ?? { kind: 'file', path };

/**
 * @param signal ends every read that is under way; a remote source only.
 * @throws StrongroomError NOT_FOUND, PERMISSION_DENIED, NOT_AN_ARCHIVE; for a remote source also
 *   NETWORK, REMOTE_FAILED, RANGES_UNSUPPORTED, SOURCE_CHANGED, S3_UNAVAILABLE, INTERRUPTED.
 */
export async function openSource(
  location: SourceLocation,
  signal?: AbortSignal,
): Promise<OpenedSource> {
  switch (location.kind) {
    case 'file':
      return openFile(location);
    case 'http':
      return (await import('./remote/http.ts')).openHttp(location, { signal });
    case 's3':
      return (await import('./remote/s3.ts')).openS3(location, { signal });
  }
}

function openFile(location: FileLocation): OpenedSource {
  const { path } = location;
  const fd = openToRead(path);
  const stat = fstatSync(fd);
  if (!stat.isFile()) {
    closeSync(fd);
    const what = stat.isDirectory() ? 'a directory' : 'not a regular file';
    throw new StrongroomError('NOT_AN_ARCHIVE', `${path}: ${what}`, { file: path });
  }
  return {
    name: path,
    size: stat.size,
    location,
    readAt(buffer, offset) {
      try {
        return readFully(fd, buffer, offset);
      } catch (error) {
        throw asStrongroomError(error, path);
      }
    },
    close: () => closeSync(fd),
  };
}
