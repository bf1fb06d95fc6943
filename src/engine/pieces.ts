/**
 * A virtual stream: literal bytes and parts of files, each at its place, so that any
 * range of it can be read on its own and in any order.
 */
import { closeSync, constants, openSync } from 'node:fs';
import {
  descriptorFingerprint,
  FileCache,
  type Fingerprint,
  readFully,
  sameFingerprint,
  sourceChanged,
} from './files.ts';

/** Runs of literal bytes in stream order; offsets and lengths in bytes. */
export interface Literals {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** Where each run is in the stream. */
  readonly at: Float64Array;
  /** Where each run begins in `bytes`. */
  readonly from: Float64Array;
  readonly lengths: Float64Array;
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
  readonly files: readonly FilePiece[];
}

export const noLiterals: Literals = {
  bytes: new Uint8Array(new SharedArrayBuffer(0)),
  at: new Float64Array(0),
  from: new Float64Array(0),
  lengths: new Float64Array(0),
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
        const piece = pieces.files[index] as FilePiece;
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
    const fileEnd = (i: number) => {
      const { at, fingerprint } = files[i] as FilePiece;
      return at + fingerprint.size;
    };
    for (let i = firstBeyond(literals.at.length, literalEnd, offset); i < literals.at.length; i++) {
      const at = literals.at[i] as number;
      if (at >= end) break;
      const from = Math.max(at, offset);
      const start = (literals.from[i] as number) + from - at;
      const length = Math.min(literalEnd(i), end) - from;
      into.set(literals.bytes.subarray(start, start + length), from - offset);
    }
    for (let i = firstBeyond(files.length, fileEnd, offset); i < files.length; i++) {
      const { at, path } = files[i] as FilePiece;
      if (at >= end) break;
      const from = Math.max(at, offset);
      const part = into.subarray(from - offset, Math.min(fileEnd(i), end) - offset);
      if (readFully(this.#files.get(i), part, from - at) < part.length) throw sourceChanged(path);
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
    fd = openSync(piece.path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw sourceChanged(piece.path);
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
