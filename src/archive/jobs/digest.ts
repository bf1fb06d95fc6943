/**
 * SHA-256 of files, by as many threads as there are files or shards: on its own, or beside
 * the sealing of the same stream, whose reads have just brought the bytes into memory.
 */
import { createHash } from 'node:crypto';
import type { Control } from '../../engine/control.ts';
import { using } from '../../engine/files.ts';
import { type Pieces, PiecesReader } from '../../engine/pieces.ts';
import type { DigestRanges } from '../digests.ts';
import { type LeafReport, LeafReporter } from './leaves.ts';

/** Digests on their way from the threads: of ranges, by their indices. */
export interface DigestReport {
  readonly digests: LeafReport;
}

export interface DigestJob {
  readonly kind: 'digest';
  readonly pieces: Pieces;
  readonly ranges: DigestRanges;
}

const bufferBytes = 2 ** 20;

/** Hashes ranges of a stream, one thread's share of them. */
export class RangeHasher {
  readonly #ranges: DigestRanges;
  readonly #reader: PiecesReader;
  readonly #control: Control;
  readonly #done: LeafReporter;
  readonly #buffer = new Uint8Array(bufferBytes);

  constructor(
    ranges: DigestRanges,
    reader: PiecesReader,
    control: Control,
    report: (report: DigestReport) => void,
  ) {
    this.#ranges = ranges;
    this.#reader = reader;
    this.#control = control;
    this.#done = new LeafReporter((digests) => report({ digests }));
  }

  /** Hashes every range that nobody has claimed and that begins before `offset`. */
  hashBefore(offset: () => number): void {
    const { at, lengths } = this.#ranges;
    for (;;) {
      const index = this.#control.claimBeside(
        at.length,
        (candidate) => (at[candidate] as number) < offset(),
      );
      if (index === undefined) return;
      this.#hash(index, at[index] as number, lengths[index] as number);
    }
  }

  #hash(index: number, at: number, length: number): void {
    const hash = createHash('sha256');
    for (let done = 0; done < length && !this.#control.stopped; ) {
      const part = this.#buffer.subarray(0, Math.min(bufferBytes, length - done));
      this.#reader.read(part, at + done);
      hash.update(part);
      done += part.length;
      this.#control.report(part.length);
    }
    this.#done.add(index, hash.digest());
  }

  /** Reports what is still held back, and wipes what was read. */
  close(): void {
    this.#done.flush();
    this.#buffer.fill(0);
  }
}

export async function digestRanges(
  { pieces, ranges }: DigestJob,
  control: Control,
  report: (report: DigestReport) => void,
): Promise<void> {
  await using(new PiecesReader(pieces), (reader) =>
    using(new RangeHasher(ranges, reader, control, report), (hasher) =>
      hasher.hashBefore(() => Number.POSITIVE_INFINITY),
    ),
  );
}
