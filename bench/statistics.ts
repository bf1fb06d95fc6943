/** Order statistics of few samples: what a benchmark of a handful of rounds can honestly give. */

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

const sorted = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);

/**
 * The value below which the share `q` (0 to 1) of `values` lies, interpolated linearly
 * between neighbours (Hyndman and Fan 1996, definition 7).
 * @throws RangeError for no values.
 */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) throw new RangeError('no values');
  const order = sorted(values);
  const at = (order.length - 1) * q;
  const below = order[Math.floor(at)] as number;
  const above = order[Math.ceil(at)] as number;
  return below + (above - below) * (at - Math.floor(at));
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export const spreadOf = (values: readonly number[]): Spread => ({
  median: median(values),
  least: quantile(values, 0),
  most: quantile(values, 1),
});

/**
 * Ratios within each round, `reference[i] / own[i]`: how many times as fast as the reference.
 * What slows a whole round down cancels out.
 * @throws RangeError unless both were measured in the same rounds.
 */
export function pairwise(reference: readonly number[], own: readonly number[]): number[] {
  if (reference.length !== own.length) throw new RangeError('not the same rounds');
  return reference.map((value, i) => value / (own[i] as number));
}

/**
 * How far the values stray from their median, as a share of it: half the range. With the
 * few rounds of a run anything more robust would call chance a certainty.
 */
export function noise(values: readonly number[]): number {
  const { median: middle, least, most } = spreadOf(values);
  return (most - least) / 2 / middle;
}
