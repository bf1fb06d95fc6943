/**
 * Reading an archive lazily, for whatever loads models: any part of any file, of which only the
 * segments that hold it are verified and decrypted.
 */
import { availableParallelism } from 'node:os';
import type { FileEntry } from '../archive/entry.ts';
import { type CacheStatistics, type PinnedSegment, SegmentCache } from '../archive/lazy/cache.ts';
import { openLane } from '../archive/lazy/lane.ts';
import { startLane } from '../archive/lazy/thread.ts';
import { type Access, type Unlocked, unlock } from '../archive/reader.ts';
import { assertHeadersFit } from '../archive/tarfit.ts';
import {
  type FoundTensor,
  findTensor,
  findTensors,
  type ReadFile,
} from '../archive/tensors/find.ts';
import { hex } from '../bytes.ts';
import { type Freshness, holdEpoch } from '../custody/epochs/freshness.ts';
import { orAborted } from '../engine/abort.ts';
import { threadsWithin } from '../engine/limits.ts';
import { locationOf, openSource } from '../engine/locate.ts';
import { StrongroomError } from '../errors.ts';
import { printable } from '../text.ts';

export interface LoaderOptions extends Access, Freshness {
  /**
   * Threads that decrypt; 0: the calling one. By default one per core, for what is worth it, and
   * more where an archive that is far away is read in several requests at once.
   */
  readonly threads?: number | undefined;
  /** Plaintext that is kept in memory at most, in bytes; two segments at least. 64 MiB by default. */
  readonly cacheBytes?: number | undefined;
  /** How far a stream is read ahead, in bytes. 8 MiB by default. */
  readonly readAheadBytes?: number | undefined;
}

export interface ReadOptions {
  /** Ends a read with INTERRUPTED. */
  readonly signal?: AbortSignal | undefined;
}

export interface StreamOptions extends ReadOptions {
  /** Where to begin, in bytes; 0 by default. */
  readonly offset?: number | undefined;
  /** How many bytes; to the end by default. */
  readonly length?: number | undefined;
}

export interface TensorOptions extends ReadOptions {
  /** The file that it is in, if several have one of that name. */
  readonly file?: string | undefined;
}

export interface Tensor extends FoundTensor {
  /** Its bytes, as they stand in the file; the caller's to keep and to wipe. */
  readonly data: Uint8Array<ArrayBuffer>;
}

/** An archive that is open: everything that it gives was verified before. */
export interface OpenArchive {
  /** Its path or address, without what is secret in one. */
  readonly name: string;
  /** Archive id, in hex. */
  readonly archive: string;
  readonly contentRoot: string;
  readonly author: { readonly name: string; readonly fingerprint: string };
  readonly sealedAt: string;
  readonly epoch: number;
  /** Plaintext of a full segment. */
  readonly segmentBytes: number;
  /** The regular files, in the archive's order. */
  files(): readonly FileEntry[];
  /**
   * `length` bytes of `file` from `offset` on; the caller's to keep and to wipe.
   * @throws StrongroomError NO_SUCH_ENTRY; RANGE_INVALID unless the file has all of them;
   *   SEGMENT_INVALID and others of docs/format.md, "How to read"; INTERRUPTED; ARCHIVE_CLOSED.
   */
  readRange(
    file: string,
    offset: number,
    length: number,
    options?: ReadOptions,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** A file, or part of one, in chunks that are the caller's to keep. Throws as `readRange`. */
  stream(file: string, options?: StreamOptions): AsyncGenerator<Uint8Array<ArrayBuffer>, void>;
  /**
   * The same without a copy: parts of the cache, each to be released by the caller when it has
   * no more use for it. What is not released takes room from everybody else.
   */
  parts(file: string, options?: StreamOptions): AsyncGenerator<PinnedSegment, void>;
  /**
   * All tensors of safetensors and GGUF files, of which only the headers are read.
   * @throws StrongroomError MODEL_INVALID, and as `readRange`.
   */
  tensors(options?: ReadOptions): Promise<readonly FoundTensor[]>;
  /**
   * Where a tensor is.
   * @throws StrongroomError NO_SUCH_TENSOR, and as `tensors`.
   */
  findTensor(name: string, options?: TensorOptions): Promise<FoundTensor>;
  /** A tensor with its bytes, of which only the segments that hold them are read. */
  tensor(name: string, options?: TensorOptions): Promise<Tensor>;
  statistics(): CacheStatistics;
  /** Ends threads and wipes keys and plaintext. Reads that are under way fail. */
  close(): Promise<void>;
}

const defaults = { cacheBytes: 64 * 2 ** 20, readAheadBytes: 8 * 2 ** 20 };

/** Plaintext below which starting threads takes longer than they save. */
const worthThreads = 16 * 2 ** 20;

/**
 * Opens the archive at `path`, or at what `http:`, `https:` or `s3:` names, to read any part of it
 * for as long as the caller wants.
 * @throws StrongroomError of any code that docs/format.md, "How to read", leads to.
 */
export async function openArchive(path: string, options: LoaderOptions): Promise<OpenArchive> {
  const source = await openSource(locationOf(path), options.signal);
  let archive: Unlocked;
  try {
    archive = await unlock(source, options);
  } finally {
    source.close();
  }
  try {
    const { name, ahead } = source;
    holdEpoch(archive, options, name);
    const { floe, trailer } = archive;
    const { payload, tree } = trailer;
    const job = { source: source.location, payload, tree, floe };
    const usual = payload.length < worthThreads ? 0 : availableParallelism();
    const threads = options.threads ?? usual;
    // What is far away is asked for several times at once, whether or not there are cores
    const reads = ahead?.reads ?? 1;
    const lanes =
      threads === 0
        ? await Promise.all(Array.from({ length: reads }, () => openLane(job)))
        : Array.from({ length: threadsWithin(Math.max(threads, reads)) }, () => startLane(job));
    // So that the first read waits for nothing but its segments
    const ready = Promise.all(lanes.map((lane) => lane.ready()));
    try {
      await orAborted(ready, options.signal);
    } catch (error) {
      ready.catch(() => {});
      await Promise.all(lanes.map((lane) => lane.close()));
      throw error;
    }
    return loader(name, archive, lanes, options);
  } catch (error) {
    archive.wipe();
    throw error;
  }
}

/** The segments that a stream is still to read. */
interface Passage {
  next: number;
  readonly last: number;
}

function loader(
  name: string,
  archive: Unlocked,
  lanes: ConstructorParameters<typeof SegmentCache>[2],
  { cacheBytes = defaults.cacheBytes, readAheadBytes = defaults.readAheadBytes }: LoaderOptions,
): OpenArchive {
  const { core, trailer, author, manifest, ring } = archive;
  const { segmentBytes } = trailer.payload;
  const capacity = Math.max(2, Math.floor(cacheBytes / segmentBytes));
  const cache = new SegmentCache(segmentBytes, capacity, lanes);
  const files = manifest.entries.filter((entry) => entry.type === 'file');
  const byPath = new Map(files.map((file) => [file.path, file]));
  const mostAhead = Math.ceil(readAheadBytes / segmentBytes);
  const streams = new Set<Passage>();

  const entryOf = (path: string): FileEntry => {
    const entry = byPath.get(path);
    if (entry !== undefined) return entry;
    const isDirectory = manifest.entries.some((each) => each.path === path);
    const what = isDirectory ? 'is a directory' : 'is not in it';
    throw new StrongroomError('NO_SUCH_ENTRY', `${name}: ${printable(path)} ${what}`);
  };

  const plaintext = {
    length: trailer.payload.length,
    async readAt(into: Uint8Array, offset: number): Promise<number> {
      const end = Math.min(offset + into.length, trailer.payload.length);
      for (let at = offset; at < end; ) {
        const index = Math.floor(at / segmentBytes);
        const { bytes, release } = await cache.acquire(index);
        const part = bytes.subarray(at - index * segmentBytes, end - index * segmentBytes);
        into.set(part, at - offset);
        at += part.length;
        release();
      }
      return Math.max(0, end - offset);
    },
  };
  const fitting = new Map<FileEntry, Promise<void>>();

  /** Once for every file: any tar reader must find the same file at the same place. */
  const assertFits = (entry: FileEntry): Promise<void> => {
    const known = fitting.get(entry);
    if (known !== undefined) return known;
    const fits = assertHeadersFit(plaintext, manifest, [entry], name);
    fitting.set(entry, fits);
    // What failed for another reason may hold the next time
    fits.catch(() => fitting.delete(entry));
    return fits;
  };

  /** Whether another stream is under way that has yet to come to a segment. */
  const isFollowed = (passage: Passage, index: number): boolean =>
    [...streams].some((each) => each !== passage && each.next <= index && index <= each.last);

  async function* partsOf(
    entry: FileEntry,
    { offset = 0, length = entry.size - offset, signal }: StreamOptions = {},
  ): AsyncGenerator<PinnedSegment, void> {
    assertWithin(entry, offset, length);
    await orAborted(assertFits(entry), signal);
    if (length === 0) return;
    const from = entry.offset + offset;
    const to = from + length;
    const last = Math.floor((to - 1) / segmentBytes);
    const passage = { next: Math.floor(from / segmentBytes), last };
    let ahead = passage.next + 1;
    streams.add(passage);
    try {
      for (; passage.next <= last; passage.next++) {
        const { next } = passage;
        const wanted = cache.acquire(next, signal);
        // Each stream its share, so that none drives out what another has read ahead
        const share = Math.min(mostAhead, Math.floor(capacity / streams.size) - 2);
        ahead = Math.max(ahead, next + 1);
        while (ahead <= Math.min(last, next + share) && cache.prefetch(ahead)) ahead++;
        const { bytes, release, spend } = await wanted;
        const at = next * segmentBytes;
        const part = bytes.subarray(Math.max(0, from - at), to - at);
        const isWhole = part.length === bytes.length;
        yield {
          bytes: part,
          release: () => (isWhole && !isFollowed(passage, next) ? spend() : release()),
        };
      }
    } finally {
      streams.delete(passage);
    }
  }

  const readRange = async (
    entry: FileEntry,
    offset: number,
    length: number,
    options?: ReadOptions,
  ) => {
    assertWithin(entry, offset, length);
    const out = new Uint8Array(length);
    let at = 0;
    for await (const { bytes, release } of partsOf(entry, { ...options, offset, length })) {
      out.set(bytes, at);
      at += bytes.length;
      release();
    }
    return out;
  };

  async function* streamOf(entry: FileEntry, options?: StreamOptions) {
    for await (const { bytes, release } of partsOf(entry, options)) {
      const chunk = new Uint8Array(bytes);
      release();
      yield chunk;
    }
  }

  const tensorOf = async (tensorName: string, options: TensorOptions = {}) => {
    if (options.file !== undefined) entryOf(options.file);
    const read: ReadFile = (file, offset, length) => readRange(file, offset, length, options);
    return findTensor(files, read, tensorName, options.file);
  };

  return {
    name,
    archive: hex(core.archiveId),
    contentRoot: hex(trailer.seal.contentRoot),
    author: { name: author.name, fingerprint: author.fingerprint },
    sealedAt: trailer.seal.predicate.time,
    epoch: ring.document.signed.epoch,
    segmentBytes,
    files: () => files,
    readRange: async (file, ...rest) => readRange(entryOf(file), ...rest),
    stream: (file, options) => streamOf(entryOf(file), options),
    parts: (file, options) => partsOf(entryOf(file), options),
    tensors: (options) =>
      findTensors(files, (file, offset, length) => readRange(file, offset, length, options)),
    findTensor: tensorOf,
    async tensor(tensorName, options) {
      const found = await tensorOf(tensorName, options);
      const data = await readRange(entryOf(found.file), found.offset, found.bytes, options);
      return { ...found, data };
    },
    statistics: () => cache.statistics,
    async close() {
      await cache.close();
      archive.wipe();
    },
  };
}

function assertWithin({ path, size }: FileEntry, offset: number, length: number): void {
  const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
  if (whole && offset >= 0 && length >= 0 && offset + length <= size) return;
  const range = `${length} bytes from ${offset}`;
  throw new StrongroomError('RANGE_INVALID', `${printable(path)}: it does not have ${range}`, {
    file: path,
  });
}
