/** Reading some of an archive: its list of files, and the bytes of one. */
import type { Entry, FileEntry } from '../archive/entry.ts';
import { type Access, type Unlocked, unlock } from '../archive/reader.ts';
import { PlaintextReader, SegmentReader } from '../archive/segments.ts';
import { assertHeadersFit } from '../archive/tarfit.ts';
import { type Freshness, holdEpoch } from '../custody/epochs/freshness.ts';
import { using } from '../engine/files.ts';
import { openSource, type Source } from '../engine/source.ts';
import { StrongroomError } from '../errors.ts';
import { printable } from '../text.ts';

/**
 * The files and directories in the archive at `path`, in its order, as the manifest lists them.
 * No segment is read, and so the tar inside is not held against it: `cat` and `open` do that.
 * @throws StrongroomError of any code that docs/format.md, "How to read", leads to.
 */
export function list(path: string, access: Access & Freshness): Promise<readonly Entry[]> {
  return using(openSource({ kind: 'file', path }), async (source) => {
    const archive = await unlock(source, access);
    archive.wipe();
    holdEpoch(archive, access, path);
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
  return using(openSource({ kind: 'file', path }), async (source) => {
    const archive = await unlock(source, access);
    try {
      holdEpoch(archive, access, path);
      const entry = archive.manifest.entries.find((candidate) => candidate.path === file);
      if (entry === undefined || entry.type !== 'file') {
        const what = entry === undefined ? 'is not in it' : 'is a directory';
        throw new StrongroomError('NO_SUCH_ENTRY', `${path}: ${printable(file)} ${what}`);
      }
      await readEntry(source, archive, entry, write);
    } finally {
      archive.wipe();
    }
  });
}

const chunkBytes = 2 ** 20;

/** The bytes of one file of an archive, as `cat` gives them. */
export async function readEntry(
  source: Source,
  { trailer, floe, manifest }: Unlocked,
  entry: FileEntry,
  write: (chunk: Uint8Array) => void | Promise<void>,
): Promise<void> {
  const { payload, tree } = trailer;
  const segments = await SegmentReader.open(source, payload, tree);
  // Two: the header may lie in the segment before
  const reader = new PlaintextReader(payload, segments, floe, 2);
  try {
    await assertHeadersFit(reader, manifest, [entry], source.name);
    for (let at = 0; at < entry.size; at += chunkBytes) {
      // The caller's to keep: what a stream has queued must not change under it.
      const chunk = new Uint8Array(Math.min(chunkBytes, entry.size - at));
      await reader.readAt(chunk, entry.offset + at);
      await write(chunk);
    }
  } finally {
    reader.close();
  }
}
