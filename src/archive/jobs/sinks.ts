/** Where the threads of a job put what they made, a segment at a time. */
import { closeSync, constants, fsyncSync, openSync } from 'node:fs';
import type { Control } from '../../engine/control.ts';
import {
  FileCache,
  noFollow,
  openMade,
  readFully,
  standard,
  writeFully,
  writePipe,
} from '../../engine/files.ts';
import { firstBeyond } from '../../engine/pieces.ts';
import { type SharedTexts, sharedNumbers, sharedTexts, textAt } from '../../engine/shared.ts';
import { type Payload, segmentOffset } from '../segments.ts';

export interface SegmentSink {
  /** Takes the bytes of segment `index`; false when the job stops. */
  write(bytes: Uint8Array, index: number): boolean | Promise<boolean>;
  /** Waits until all that was taken is where it belongs; not called when the job fails. */
  finish?(): Promise<void>;
  close(): void;
}

/** Ciphertext segments, each at its place in the archive. */
export function atOffsets(path: string, payload: Payload, control: Control): SegmentSink {
  const fd = openMade(path);
  return {
    write(bytes, index) {
      return control.writeAlone(0, () => writeFully(fd, bytes, segmentOffset(payload, index)));
    },
    close: () => closeSync(fd),
  };
}

/** Standard output: the threads take turns, so that segments come out in order. */
export function inOrder(control: Control): SegmentSink {
  return {
    write(bytes, index) {
      if (!control.awaitWriteTurn(index)) return false;
      writePipe(standard.output, bytes);
      control.passWriteTurn();
      return true;
    },
    close() {},
  };
}

/** Where one file's bytes come from in the plaintext, and where they go. */
export interface Extent {
  readonly path: string;
  /** Permission bits, before the umask. */
  readonly mode: number;
  readonly offset: number;
  readonly size: number;
}

/** Extents in order of offset, none empty: a column each, in memory that all threads share. */
export interface Extents {
  readonly paths: SharedTexts;
  readonly modes: Float64Array<SharedArrayBuffer>;
  readonly offsets: Float64Array<SharedArrayBuffer>;
  readonly sizes: Float64Array<SharedArrayBuffer>;
}

export const shareExtents = (extents: readonly Extent[]): Extents => ({
  paths: sharedTexts(extents.map(({ path }) => path)),
  modes: sharedNumbers(extents.map(({ mode }) => mode)),
  offsets: sharedNumbers(extents.map(({ offset }) => offset)),
  sizes: sharedNumbers(extents.map(({ size }) => size)),
});

/** Part of a segment: some of one file. */
interface FilePart {
  readonly file: number;
  /** Where it begins: in the segment, and in the file. */
  readonly at: number;
  readonly offset: number;
  readonly length: number;
}

export interface FilesSink extends SegmentSink {
  write(bytes: Uint8Array, index: number): boolean;
  /** Moves what files hold of a segment to its front, and returns that. */
  gather(plaintext: Uint8Array, index: number): Uint8Array;
  /** Reads the same back from the files; `undefined` when it is not all there. */
  read(into: Uint8Array, length: number, index: number): Uint8Array | undefined;
  /** Makes durable what was written. */
  sync(): void;
}

/** Plaintext segments into the files that they hold parts of. */
export function intoFiles(
  { paths, modes, offsets, sizes }: Extents,
  payload: Payload,
  control: Control,
): FilesSink {
  // Several threads may write parts of one file, so each opens it without truncating.
  const flags = constants.O_RDWR | constants.O_CREAT | noFollow;
  const open = (i: number) => openSync(textAt(paths, i), flags, modes[i]);
  const cache = new FileCache(open, fsyncSync);
  const end = (i: number) => (offsets[i] as number) + (sizes[i] as number);
  function* parts(length: number, index: number): Generator<FilePart> {
    const from = index * payload.segmentBytes;
    const to = from + length;
    const count = offsets.length;
    for (let file = firstBeyond(count, end, from); file < count; file++) {
      const offset = offsets[file] as number;
      if (offset >= to) break;
      const start = Math.max(offset, from);
      const length = Math.min(end(file), to) - start;
      yield { file, at: start - from, offset: start - offset, length };
    }
  }
  return {
    write(plaintext, index) {
      for (const { file, at, offset, length } of parts(plaintext.length, index)) {
        const part = plaintext.subarray(at, at + length);
        const write = () => writeFully(cache.get(file), part, offset);
        if (!control.writeAlone(file, write)) return false;
      }
      return true;
    },
    gather(plaintext, index) {
      let filled = 0;
      for (const { at, length } of parts(plaintext.length, index)) {
        plaintext.copyWithin(filled, at, at + length);
        filled += length;
      }
      return plaintext.subarray(0, filled);
    },
    read(into, segmentLength, index) {
      let filled = 0;
      for (const { file, offset, length } of parts(segmentLength, index)) {
        const part = into.subarray(filled, filled + length);
        if (readFully(cache.get(file), part, offset) < length) return undefined;
        filled += length;
      }
      return into.subarray(0, filled);
    },
    sync: () => cache.flush(),
    close: () => cache.close(),
  };
}
