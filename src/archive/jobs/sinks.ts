/** Where the threads of a job put what they made, a segment at a time. */
import { closeSync, constants, fsyncSync, openSync } from 'node:fs';
import type { Control } from '../../engine/control.ts';
import { FileCache, standard, writeFully, writePipe } from '../../engine/files.ts';
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
  const fd = openSync(path, 'r+');
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

/** Plaintext segments into the files that they hold parts of. */
export function intoFiles(
  { paths, modes, offsets, sizes }: Extents,
  payload: Payload,
  control: Control,
): SegmentSink {
  // Several threads may write parts of one file, so each opens it without truncating.
  const flags = constants.O_WRONLY | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
  const open = (i: number) => openSync(textAt(paths, i), flags, modes[i]);
  const cache = new FileCache(open, fsyncSync);
  const end = (i: number) => (offsets[i] as number) + (sizes[i] as number);
  return {
    write(plaintext, index) {
      const from = index * payload.segmentBytes;
      const to = from + plaintext.length;
      const count = offsets.length;
      for (let i = firstBeyond(count, end, from); i < count; i++) {
        const offset = offsets[i] as number;
        if (offset >= to) break;
        const start = Math.max(offset, from);
        const part = plaintext.subarray(start - from, Math.min(end(i), to) - from);
        const write = () => writeFully(cache.get(i), part, start - offset);
        if (!control.writeAlone(i, write)) return false;
      }
      return true;
    },
    close: () => cache.close(),
  };
}
