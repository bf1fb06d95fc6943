import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { median, noise, pairwise, quantile, spreadOf } from '../../bench/statistics.ts';

const times = fc.array(fc.double({ min: 0.001, max: 1000, noNaN: true }), { minLength: 1 });

describe('quantile', () => {
  it('takes the middle of an odd number and between the two middles of an even one', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  it('interpolates between neighbours', () => {
    expect(quantile([10, 20, 30, 40, 50], 0.9)).toBeCloseTo(46);
    expect(quantile([10], 0.99)).toBe(10);
  });

  it('does not reorder what it is given', () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });

  it('refuses no values', () => {
    expect(() => quantile([], 0.5)).toThrow(RangeError);
  });

  it('lies between least and most, and grows with the share', () => {
    fc.assert(
      fc.property(times, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
        const { least, most } = spreadOf(values);
        expect(least).toBe(Math.min(...values));
        expect(most).toBe(Math.max(...values));
        expect(quantile(values, q)).toBeGreaterThanOrEqual(least);
        // Interpolation may round up by a last digit.
        expect(quantile(values, q)).toBeLessThanOrEqual(most * (1 + 1e-12));
      }),
    );
  });
});

describe('pairwise', () => {
  it('is the times of the reference over its own, round by round', () => {
    expect(pairwise([2, 4, 6], [1, 4, 12])).toEqual([2, 1, 0.5]);
  });

  it('cancels what slows a whole round down', () => {
    expect(pairwise([1, 10], [2, 20])).toEqual([0.5, 0.5]);
  });

  it('refuses samples of other rounds', () => {
    expect(() => pairwise([1, 2], [1])).toThrow(RangeError);
  });
});

describe('noise', () => {
  it('is half the range over the median', () => {
    expect(noise([0.9, 1, 1.1])).toBeCloseTo(0.1);
    expect(noise([2, 2])).toBe(0);
    expect(noise([5])).toBe(0);
  });

  it('does not depend on the unit', () => {
    fc.assert(
      fc.property(times, (values) => {
        expect(noise(values.map((value) => value * 1024))).toBeCloseTo(noise(values), 9);
      }),
    );
  });
});
