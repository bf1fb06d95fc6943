/**
 * Verified segments one after the other, where the source is far in runs of several that are
 * read ahead: while one is worked on, others are on their way.
 */
import { createSegmentCipher, type FloeState } from '../crypto/floe.ts';
import type { Control } from '../engine/control.ts';
import { using } from '../engine/files.ts';
import {
  isFinal,
  type LeafBuffer,
  type Payload,
  type SegmentReader,
  type SegmentRun,
} from './segments.ts';

/** The next segments to do, at most so many and in order; none when there are no more. */
export type Claim = (most: number) => readonly number[];

/**
 * What a thread may claim of a job that several threads share.
 * @param wanted the segments, in order; all of them when absent.
 * @param ways as many parts of them are begun at once, by turns: threads that are far from each
 *   other seldom want to write to one file at a time. Only where there is nothing to read ahead.
 */
export const claimFrom = (
  control: Control,
  segments: number,
  wanted?: Float64Array,
  ways = 1,
): Claim => {
  const end = wanted?.length ?? segments;
  const [least, longer] = [Math.floor(end / ways), end % ways];
  const place = (turn: number): number => {
    const part = turn % ways;
    return part * least + Math.min(part, longer) + Math.floor(turn / ways);
  };
  return (most) => {
    const from = control.claim(end, most);
    if (from === undefined) return [];
    const count = Math.min(most, end - from);
    return Array.from({ length: count }, (_, i) => {
      const at = place(from + i);
      return wanted?.[at] ?? at;
    });
  };
};

/** Segments that belong together, so many at a time. */
export interface Runs {
  readonly segments: number;
  readonly segmentBytes: number;
  readonly together: number;
  /** Whether nothing is left to do of a run. */
  isDone(run: number, from: number, to: number): boolean;
}

/** What a thread may claim of runs: all of one, in order, before the next. */
export function claimRuns(control: Control, runs: Runs): Claim {
  const { segments, segmentBytes, together } = runs;
  return claimSpans(control, () => {
    for (;;) {
      const from = control.claim(segments, together);
      if (from === undefined) return undefined;
      const to = Math.min(from + together, segments);
      if (!runs.isDone(from / together, from, to)) return { from, to };
      control.report((to - from) * segmentBytes);
    }
  });
}

/** The segments of spans, which are claimed as each is used up. */
export function claimSpans(
  control: Control,
  claim: () => { readonly from: number; readonly to: number } | undefined,
): Claim {
  let next = 0;
  let end = 0;
  return (most) => {
    const claimed: number[] = [];
    while (claimed.length < most) {
      if (next === end) {
        const span = claim();
        if (span === undefined) break;
        ({ from: next, to: end } = span);
      }
      if (control.stopped) break;
      claimed.push(next++);
    }
    return claimed;
  };
}

/** Every segment from `first` to `last`. */
function claimRange(first: number, last: number): Claim {
  let next = first;
  return (most) => {
    const count = Math.max(0, Math.min(most, last + 1 - next));
    next += count;
    return Array.from({ length: count }, (_, i) => next - count + i);
  };
}

export class SegmentStream {
  readonly #reader: SegmentReader;
  readonly #claim: Claim;
  readonly #ahead: SegmentReader['ahead'];
  /** Claimed, and not begun to be read. */
  #claimed: number[] = [];
  readonly #runs: SegmentRun[] = [];
  readonly #free: LeafBuffer[] = [];
  readonly #buffers: LeafBuffer[] = [];
  #current: SegmentRun | undefined;
  #index = 0;

  constructor(reader: SegmentReader, claim: Claim) {
    this.#reader = reader;
    this.#claim = claim;
    this.#ahead = reader.ahead;
  }

  /**
   * The next segment and its ciphertext, in a buffer that is the caller's until the next call;
   * `undefined` after the last.
   * @throws StrongroomError SEGMENT_INVALID, TREE_INVALID, TRUNCATED; and as the source.
   */
  async next(): Promise<{ readonly index: number; readonly segment: Uint8Array } | undefined> {
    const done = this.#current;
    if (done === undefined || ++this.#index === done.first + done.count) {
      if (done !== undefined) this.#free.push(done.into);
      this.#current = this.#runs.shift() ?? this.#begin();
      if (this.#current === undefined) return undefined;
      this.#index = this.#current.first;
      while (this.#runs.length < this.#ahead.runs) {
        const run = this.#begin();
        if (run === undefined) break;
        this.#runs.push(run);
      }
    }
    const index = this.#index;
    return { index, segment: await (this.#current as SegmentRun).take(index) };
  }

  #begin(): SegmentRun | undefined {
    if (this.#claimed.length === 0) this.#claimed.push(...this.#claim(this.#ahead.segments));
    const [first] = this.#claimed;
    if (first === undefined) return undefined;
    let count = 1;
    while (this.#claimed[count] === first + count) count++;
    this.#claimed = this.#claimed.slice(count);
    return this.#reader.run(first, count, this.#free.pop() ?? this.#buffer());
  }

  #buffer(): LeafBuffer {
    const buffer = this.#reader.bufferFor(this.#ahead.segments);
    this.#buffers.push(buffer);
    return buffer;
  }

  /** Wipes the buffers, into which callers may decrypt. */
  close(): void {
    for (const { segment } of this.#buffers) segment.fill(0);
  }
}

/**
 * Gives the plaintext from `offset` on, `size` bytes of it, to `write`: in order, every part
 * verified before, and the caller's to keep.
 */
export async function eachPart(
  reader: SegmentReader,
  payload: Payload,
  floe: FloeState,
  { offset, size }: { readonly offset: number; readonly size: number },
  write: (part: Uint8Array) => void | Promise<void>,
): Promise<void> {
  if (size === 0) return;
  const { segmentBytes } = payload;
  const end = offset + size;
  const claim = claimRange(Math.floor(offset / segmentBytes), Math.floor((end - 1) / segmentBytes));
  const cipher = createSegmentCipher(floe);
  try {
    await using(new SegmentStream(reader, claim), async (stream) => {
      for (let next = await stream.next(); next !== undefined; next = await stream.next()) {
        const { index, segment } = next;
        const length = cipher.decrypt(segment, index, isFinal(payload, index), segment);
        const at = index * segmentBytes;
        const part = segment.slice(Math.max(0, offset - at), Math.min(length, end - at));
        await write(part);
      }
    });
  } finally {
    cipher.wipe();
  }
}
