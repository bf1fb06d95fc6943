/** Where archive bytes come from. */
import { closeSync, fstatSync } from 'node:fs';
import { StrongroomError } from '../errors.ts';
import { openToRead, readFully } from './files.ts';
import { type HttpLocation, remoteLocation, type S3Location } from './remote/location.ts';

/** Random access to bytes that stay as they are. */
export interface Source {
  /** For messages. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Fills `buffer` from `offset` on; returns fewer bytes only at the end. Reads may overlap. */
  readAt(buffer: Uint8Array, offset: number): number | Promise<number>;
  /** How much is worth reading ahead so that latency does not rule; nothing for a local file. */
  readonly ahead?: { readonly bytes: number; readonly reads: number };
  close(): void;
}

/** Where a source can be opened, also by another thread. */
export type SourceLocation = FileLocation | HttpLocation | S3Location;

interface FileLocation {
  readonly kind: 'file';
  readonly path: string;
}

/** A source that was opened. */
export interface OpenedSource extends Source {
  /** Opens the same bytes again: what is not in the state that was found is refused. */
  readonly location: SourceLocation;
}

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
    readAt: (buffer, offset) => readFully(fd, buffer, offset),
    close: () => closeSync(fd),
  };
}

/**
 * Pieces of a forward-only source that were kept, at the offsets they had; what was not kept
 * reads as zeros.
 */
export function keptSource(
  name: string,
  size: number,
  parts: readonly { readonly at: number; readonly bytes: Uint8Array }[],
): Source {
  return {
    name,
    size,
    readAt(buffer, offset) {
      const length = Math.max(0, Math.min(buffer.length, size - offset));
      buffer.fill(0, 0, length);
      for (const { at, bytes } of parts) {
        const from = Math.max(at, offset);
        const to = Math.min(at + bytes.length, offset + length);
        if (from < to) buffer.set(bytes.subarray(from - at, to - at), from - offset);
      }
      return length;
    },
    close() {},
  };
}

/**
 * Exactly `length` bytes at `offset`.
 * @throws StrongroomError TRUNCATED when the source ends before them.
 */
export async function readExactly(source: Source, offset: number, length: number) {
  const bytes = new Uint8Array(length);
  if (offset + length > source.size || (await source.readAt(bytes, offset)) < length) {
    throw new StrongroomError('TRUNCATED', `${source.name}: ends before its content does`, {
      file: source.name,
      offset,
    });
  }
  return bytes;
}
