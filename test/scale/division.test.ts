import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { segmentCount } from '#strongroom/crypto/floe.js';
import { partLimits } from '#strongroom/engine/remote/multipart.js';
import { isStrongroomError } from '#strongroom/errors.js';
import {
  divideIntoParts,
  listOf,
  maxRanges,
  partsOfRange,
  segmentsOfPart,
  shareOf,
} from '#strongroom/scale/division.js';

const overhead = 32;

describe('a payload', () => {
  it('is divided into shares that follow each other and differ by one at most', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 40 }),
        fc.integer({ min: 1, max: 500 }),
        (total, shares) => {
          let next = 0;
          for (let i = 0; i < shares; i++) {
            const { from, to } = shareOf(total, shares, i);
            expect(from).toBe(next);
            expect([Math.floor(total / shares), Math.ceil(total / shares)]).toContain(to - from);
            next = to;
          }
          expect(next).toBe(total);
        },
      ),
    );
  });

  it('is divided into parts that a store takes, or refused', () => {
    const exponents = fc.integer({ min: 12, max: 24 });
    const lengths = fc
      .integer({ min: 0, max: 45 })
      .chain((bits) => fc.integer({ min: 0, max: 2 ** bits }));
    const counts = fc.oneof(
      fc.integer({ min: 1, max: 64 }),
      fc.integer({ min: 1, max: maxRanges }),
    );
    let taken = 0;
    fc.assert(
      fc.property(exponents, lengths, counts, (exponent, length, ranges) => {
        const segmentBytes = 2 ** exponent;
        const segments = segmentCount(length, segmentBytes);
        const payload = { length, segments, segmentBytes };
        let parts: ReturnType<typeof divideIntoParts>;
        try {
          parts = divideIntoParts(payload, ranges);
        } catch (error) {
          expect(isStrongroomError(error, 'USAGE')).toBe(true);
          return;
        }
        taken++;
        const { count } = parts;
        expect(count).toBeGreaterThanOrEqual(ranges);
        expect(count).toBeLessThanOrEqual(partLimits.most - 200);
        const bytesOf = (part: number) => {
          const { from, to } = segmentsOfPart(parts, payload, part);
          const end = Math.min(to * segmentBytes, length);
          return end - from * segmentBytes + (to - from) * overhead;
        };
        for (const part of [0, Math.floor(count / 2), count - 1]) {
          expect(bytesOf(part)).toBeGreaterThanOrEqual(partLimits.leastBytes);
          expect(bytesOf(part)).toBeLessThanOrEqual(partLimits.mostBytes);
        }
        const last = partsOfRange(parts, payload, ranges, ranges - 1);
        expect(last.segments.to).toBe(segments);
        expect(last.parts.to).toBe(count);
        for (const range of [1, Math.floor(ranges / 2), ranges - 1].filter(
          (i) => i > 0 && i < ranges,
        )) {
          const [before, own] = [range - 1, range].map((i) =>
            partsOfRange(parts, payload, ranges, i),
          );
          expect(own?.segments.from).toBe(before?.segments.to);
          expect(own?.parts.from).toBe(before?.parts.to);
          expect((own?.parts.to ?? 0) - (own?.parts.from ?? 0)).toBeGreaterThan(0);
        }
      }),
      { numRuns: 2000 },
    );
    expect(taken).toBeGreaterThan(200);
  });

  it('of 10 TB has parts of about a gigabyte', () => {
    const segments = segmentCount(1e13, 2 ** 20);
    const parts = divideIntoParts({ length: 1e13, segments, segmentBytes: 2 ** 20 }, 64);
    expect(parts.count).toBeGreaterThan(9700);
    expect(parts.segments * 2 ** 20).toBeLessThan(1.05 * 2 ** 30);
    expect(() =>
      divideIntoParts(
        { length: 6e13, segments: segmentCount(6e13, 2 ** 20), segmentBytes: 2 ** 20 },
        64,
      ),
    ).toThrow('too much');
  });
});

it('ranges are listed for people', () => {
  expect(listOf([])).toBe('');
  expect(listOf([3])).toBe('3');
  expect(listOf([0, 1, 2, 5, 7, 8])).toBe('0-2, 5, 7-8');
  expect(listOf(Array.from({ length: 50 }, (_, i) => 2 * i))).toMatch(/38, …$/);
});
