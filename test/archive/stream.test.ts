import { describe, expect, it } from 'vitest';
import { claimFrom } from '#strongroom/archive/stream.js';
import { Control, createControl } from '#strongroom/engine/control.js';

/** The order in which segments are claimed, one by one. */
function claimed(segments: number, ways: number, wanted?: number[]): number[] {
  const control = new Control(createControl(1));
  const list = wanted && Float64Array.from(wanted);
  const claim = claimFrom(control, segments, list, ways);
  const order: number[] = [];
  for (let next = claim(1); next.length > 0; next = claim(1)) order.push(...next);
  return order;
}

describe('claims', () => {
  it('go through an archive from front to back', () => {
    expect(claimed(5, 1)).toEqual([0, 1, 2, 3, 4]);
  });

  it('begin in as many places as there are ways, by turns', () => {
    expect(claimed(7, 2)).toEqual([0, 4, 1, 5, 2, 6, 3]);
    expect(claimed(4, 2, [3, 5, 8, 9])).toEqual([3, 8, 5, 9]);
  });

  it.each([1, 2, 3, 7, 64])('take every segment once with %i ways', (ways) => {
    for (const segments of [0, 1, 2, 6, 63, 64, 65, 1000]) {
      const all = Array.from({ length: segments }, (_, i) => i);
      expect(claimed(segments, ways).sort((a, b) => a - b)).toEqual(all);
    }
  });
});
