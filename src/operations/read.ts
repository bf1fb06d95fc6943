/** Reading some of an archive: its list of files, and the bytes of one. */
import type { Entry, FileEntry } from '../archive/entry.ts';
import { type Access, type Unlocked, unlock } from '../archive/reader.ts';
import { PlaintextReader, SegmentReader } from '../archive/segments.ts';
import { eachPart } from '../archive/stream.ts';
import { assertHeadersFit } from '../archive/tarfit.ts';
import type { FoundTensor } from '../archive/tensors/find.ts';
import { type Freshness, holdEpoch } from '../custody/epochs/freshness.ts';
import { using } from '../engine/files.ts';
import { locationOf, openSource } from '../engine/locate.ts';
import type { Source } from '../engine/source.ts';
import { StrongroomError } from '../errors.ts';
import { printable } from '../text.ts';
import { openArchive } from './loader.ts';

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
      await readEntry(source, archive, entry, write);
    } finally {
      archive.wipe();
    }
  });
}

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
  } finally {
    reader.close();
  }
  await eachPart(segments, payload, floe, entry, write);
}

/** Of a short visit: nothing is worth keeping, and no thread worth starting. */
const visit = { threads: 0, cacheBytes: 0, readAheadBytes: 0 };

/**
 * The tensors in the archive at `path`, from the headers of its safetensors and GGUF files.
 * @throws StrongroomError MODEL_INVALID, and as `list`.
 */
export async function listTensors(
  path: string,
  access: Access & Freshness,
): Promise<readonly FoundTensor[]> {
  const archive = await openArchive(path, { ...access, ...visit });
  try {
    return await archive.tensors();
  } finally {
    await archive.close();
  }
}

/**
 * Gives the bytes of a tensor to `write`, like `cat`.
 * @param file where it is; needed only if several files have one of that name.
 * @throws StrongroomError NO_SUCH_TENSOR, MODEL_INVALID, and as `list`.
 */
export async function catTensor(
  path: string,
  name: string,
  access: Access & Freshness & { readonly file?: string | undefined },
  write: (chunk: Uint8Array) => void | Promise<void>,
): Promise<void> {
  const archive = await openArchive(path, { ...access, ...visit });
  try {
    const { file, offset, bytes: length } = await archive.findTensor(name, { file: access.file });
    for await (const chunk of archive.stream(file, { offset, length })) await write(chunk);
  } finally {
    await archive.close();
  }
}
