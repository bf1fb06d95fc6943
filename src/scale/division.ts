/** How a payload is divided among ranges, and into the parts of an upload (docs/plans.md, "Ranges"). */
import { segmentsOfRun } from '../archive/jobs/parts.ts';
import { segmentOverhead } from '../crypto/floe.ts';
import { partLimits } from '../engine/remote/multipart.ts';
import { StrongroomError } from '../errors.ts';

/** What of the parts of an upload is for the trailer. */
const trailerParts = 200;
const mostParts = partLimits.most - trailerParts;

/** Ranges that a plan can have. */
export const maxRanges = mostParts;

/** From this one to before that one. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Share `index` of `shares` of so many things: the first ones get one more where it does not go even. */
export function shareOf(total: number, shares: number, index: number): Span {
  const [least, longer] = [Math.floor(total / shares), total % shares];
  const start = (share: number) => share * least + Math.min(share, longer);
  return { from: start(index), to: start(index + 1) };
}

/** The parts of an upload that hold segments; the trailer comes in parts behind them. */
export interface Parts {
  readonly count: number;
  /** Segments in each, but for the last, which has what is left. */
  readonly segments: number;
}

/** What a part holds as long as there are not too many, or too few for the ranges. */
const usualPartBytes = 2 ** 24;

/**
 * As many parts for each range, of at least 5 MiB and of about 16 MiB unless that makes too many.
 * @throws StrongroomError USAGE for a payload that is too short for so many ranges, or too long.
 */
export function divideIntoParts(
  payload: { readonly length: number; readonly segments: number; readonly segmentBytes: number },
  ranges: number,
): Parts {
  const { length, segments, segmentBytes } = payload;
  const fullBytes = segmentBytes + segmentOverhead;
  const bytes = length + segments * segmentOverhead;
  const { leastBytes, mostBytes } = partLimits;
  const least = Math.ceil(leastBytes / fullBytes);
  const parts = (each: number): Parts => {
    const before = Math.ceil(segments / each) - 1;
    // What is left must be long enough for a part, since the trailer comes behind it
    const isShort = bytes - before * each * fullBytes < leastBytes;
    return { count: Math.max(1, isShort ? before : before + 1), segments: each };
  };
  const wanted = Math.round(bytes / ranges / usualPartBytes);
  const ofRange = Math.max(1, Math.min(wanted, Math.floor(mostParts / ranges)));
  const even = parts(Math.max(least, Math.ceil(segments / (ranges * ofRange))));
  const found = even.count < ranges ? parts(Math.max(least, Math.floor(segments / ranges))) : even;
  if (bytes < leastBytes || found.count < ranges) {
    const possible = bytes < leastBytes ? 0 : parts(least).count;
    throw new StrongroomError('USAGE', `too little for ${ranges} ranges`, {
      hint:
        possible < 2
          ? 'seal it without a plan'
          : `a part has at least 5 MiB: give --ranges ${possible} or fewer`,
    });
  }
  if (found.count > mostParts || (found.segments + least) * fullBytes > mostBytes) {
    throw new StrongroomError('USAGE', 'too much for one object', {
      hint: `an upload has at most ${partLimits.most} parts of 5 GiB`,
    });
  }
  return found;
}

/** The parts of a range, by index from 0, and the segments in them. */
export function partsOfRange(
  parts: Parts,
  payload: { readonly segments: number },
  ranges: number,
  index: number,
): { readonly parts: Span; readonly segments: Span } {
  const span = shareOf(parts.count, ranges, index);
  const { from } = segmentsOfPart(parts, payload, span.from);
  const { to } = segmentsOfPart(parts, payload, span.to - 1);
  return { parts: span, segments: { from, to } };
}

export const segmentsOfPart = (
  { count, segments }: Parts,
  payload: { readonly segments: number },
  part: number,
): Span => segmentsOfRun(part, segments, { of: count }, payload);

/** Such as `3, 7-9`. */
export function listOf(indices: readonly number[]): string {
  const spans: { from: number; to: number }[] = [];
  for (const index of indices) {
    const last = spans.at(-1);
    if (last !== undefined && index === last.to + 1) last.to = index;
    else spans.push({ from: index, to: index });
  }
  const shown = spans
    .slice(0, 20)
    .map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`));
  return shown.join(', ') + (spans.length > 20 ? ', …' : '');
}
