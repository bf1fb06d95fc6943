/**
 * A virtual stream: literal bytes and parts of files, each at its place, so that any
 * range of it can be read on its own and in any order.
 */
import { closeSync } from 'node:fs';
import { asStrongroomError, isStrongroomError } from '../errors.ts';
import {
  descriptorFingerprint,
  FileCache,
  type Fingerprint,
  noFollow,
  openToRead,
  readFully,
  sameFingerprint,
  sourceChanged,
} from './files.ts';
import {
  type SharedTexts,
  sharedBytes,
  sharedIntegers,
  sharedNumbers,
  sharedTexts,
  textAt,
} from './shared.ts';

/** Runs of literal bytes in stream order; offsets and lengths in bytes. */
export interface Literals {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** Where each run is in the stream. */
  readonly at: Float64Array<SharedArrayBuffer>;
  /** Where each run begins in `bytes`. */
  readonly from: Float64Array<SharedArrayBuffer>;
  readonly lengths: Float64Array<SharedArrayBuffer>;
}

export interface FilePiece {
  readonly path: string;
  /** Where the file's first byte is in the stream. */
  readonly at: number;
  readonly fingerprint: Fingerprint;
}

export interface Pieces {
  /** Bytes in the stream. */
  readonly length: number;
  readonly literals: Literals;
  /** In stream order, none of them empty. */
  readonly files: FilePieces;
}

/** Files with their fingerprints, a column each, in memory that all threads share. */
export interface FilePieces {
  readonly paths: SharedTexts;
  readonly at: Float64Array<SharedArrayBuffer>;
  readonly sizes: Float64Array<SharedArrayBuffer>;
  readonly mtimeNs: BigInt64Array<SharedArrayBuffer>;
  readonly ctimeNs: BigInt64Array<SharedArrayBuffer>;
  readonly inodes: BigInt64Array<SharedArrayBuffer>;
}

export const shareFiles = (files: readonly FilePiece[]): FilePieces => ({
  paths: sharedTexts(files.map(({ path }) => path)),
  at: sharedNumbers(files.map(({ at }) => at)),
  sizes: sharedNumbers(files.map(({ fingerprint }) => fingerprint.size)),
  mtimeNs: sharedIntegers(files.map(({ fingerprint }) => fingerprint.mtimeNs)),
  ctimeNs: sharedIntegers(files.map(({ fingerprint }) => fingerprint.ctimeNs)),
  inodes: sharedIntegers(files.map(({ fingerprint }) => fingerprint.inode)),
});

const fileAt = (files: FilePieces, i: number): FilePiece => ({
  path: textAt(files.paths, i),
  at: files.at[i] as number,
  fingerprint: {
    size: files.sizes[i] as number,
    mtimeNs: files.mtimeNs[i] as bigint,
    ctimeNs: files.ctimeNs[i] as bigint,
    inode: files.inodes[i] as bigint,
  },
});

export const noLiterals: Literals = {
  bytes: sharedBytes(0),
  at: sharedNumbers([]),
  from: sharedNumbers([]),
  lengths: sharedNumbers([]),
};

/** The first index from 0 to `count` − 1 whose end lies beyond `offset`. */
export function firstBeyond(count: number, end: (index: number) => number, offset: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (end(middle) > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Reads ranges of a virtual stream; one reader per thread. */
export class PiecesReader {
  readonly #pieces: Pieces;
  readonly #files: FileCache;

  constructor(pieces: Pieces) {
    this.#pieces = pieces;
    // Held against the plan when opened and before closing: nothing changed in between.
    const opened = new Map<number, FilePiece>();
    this.#files = new FileCache(
      (index) => {
        const piece = fileAt(pieces.files, index);
        const fd = openPiece(piece);
        opened.set(fd, piece);
        return fd;
      },
      (fd) => assertUnchanged(fd, opened.get(fd) as FilePiece),
    );
  }

  /** Fills `into` with the stream's bytes from `offset` on; all of them lie within the stream. */
  read(into: Uint8Array, offset: number): void {
    const end = offset + into.length;
    const { literals, files } = this.#pieces;
    const literalEnd = (i: number) => (literals.at[i] as number) + (literals.lengths[i] as number);
    const fileEnd = (i: number) => (files.at[i] as number) + (files.sizes[i] as number);
    for (let i = firstBeyond(literals.at.length, literalEnd, offset); i < literals.at.length; i++) {
      const at = literals.at[i] as number;
      if (at >= end) break;
      const from = Math.max(at, offset);
      const start = (literals.from[i] as number) + from - at;
      const length = Math.min(literalEnd(i), end) - from;
      into.set(literals.bytes.subarray(start, start + length), from - offset);
    }
    const count = files.at.length;
    for (let i = firstBeyond(count, fileEnd, offset); i < count; i++) {
      const at = files.at[i] as number;
      if (at >= end) break;
      const from = Math.max(at, offset);
      const part = into.subarray(from - offset, Math.min(fileEnd(i), end) - offset);
      if (this.#readFile(i, part, from - at) < part.length) {
        throw sourceChanged(textAt(files.paths, i));
      }
    }
  }

  #readFile(index: number, into: Uint8Array, offset: number): number {
    try {
      return readFully(this.#files.get(index), into, offset);
    } catch (error) {
      throw asStrongroomError(error, textAt(this.#pieces.files.paths, index));
    }
  }

  /** @throws StrongroomError SOURCE_CHANGED when a file was changed while it was read. */
  close(): void {
    this.#files.close();
  }
}

function openPiece(piece: FilePiece): number {
  let fd: number;
  try {
    fd = openToRead(piece.path, noFollow);
  } catch (error) {
    if (isStrongroomError(error) && error.code === 'NOT_FOUND') throw sourceChanged(piece.path);
    throw error;
  }
  try {
    assertUnchanged(fd, piece);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function assertUnchanged(fd: number, piece: FilePiece): void {
  if (!sameFingerprint(descriptorFingerprint(fd), piece.fingerprint))
    throw sourceChanged(piece.path);
}
