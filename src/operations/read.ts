/** Reading some of an archive: its list of files, and the bytes of one. */
import type { Entry } from '../archive/entry.ts';
import { type Access, unlock } from '../archive/reader.ts';
import { PlaintextReader, SegmentReader } from '../archive/segments.ts';
import { eachPart } from '../archive/stream.ts';
import { assertHeadersFit } from '../archive/tarfit.ts';
import { type Freshness, holdEpoch } from '../custody/epochs/freshness.ts';
import { using } from '../engine/files.ts';
import { locationOf, openSource } from '../engine/source.ts';
import { StrongroomError } from '../errors.ts';
import { printable } from '../text.ts';

/**
 * The files and directories in the archive at `path`, in its order, as the manifest lists them.
 * No segment is read, and so the tar inside is not held against it: `cat` and `open` do that.
 * @throws StrongroomError of any code that docs/format.md, "How to read", leads to.
 */
export function list(path: string, access: Access & Freshness): Promise<readonly Entry[]> {
  return using(openSource(locationOf(path), access.signal), async (source) => {
    const archive = await unlock(source, access);
    archive.wipe();
    holdEpoch(archive, access, source.name);
    return archive.manifest.entries;
  });
}

/**
 * Gives the bytes of `file` to `write`, in order and each verified before; the chunks are
 * the caller's to keep and to wipe. Only the segments that hold the file are read.
 * @throws StrongroomError NO_SUCH_ENTRY, TAR_MISMATCH, and as `list`.
 */
export function cat(
  path: string,
  file: string,
  access: Access & Freshness,
  write: (chunk: Uint8Array) => void | Promise<void>,
): Promise<void> {
  return using(openSource(locationOf(path), access.signal), async (source) => {
    const archive = await unlock(source, access);
    try {
      holdEpoch(archive, access, source.name);
      const entry = archive.manifest.entries.find((candidate) => candidate.path === file);
      if (entry === undefined || entry.type !== 'file') {
        const what = entry === undefined ? 'is not in it' : 'is a directory';
        throw new StrongroomError('NO_SUCH_ENTRY', `${source.name}: ${printable(file)} ${what}`);
      }
      const { payload, tree } = archive.trailer;
      const segments = await SegmentReader.open(source, payload, tree);
      // Two: the header may lie in the segment before
      const reader = new PlaintextReader(payload, segments, archive.floe, 2);
      try {
        await assertHeadersFit(reader, archive.manifest, [entry], source.name);
      } finally {
        reader.close();
      }
      await eachPart(segments, payload, archive.floe, entry, write);
    } finally {
      archive.wipe();
    }
  });
}
