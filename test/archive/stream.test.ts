import { describe, expect, it } from 'vitest';
import { type Claim, claimFrom, claimRuns, claimSpans } from '#strongroom/archive/stream.js';
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

describe('claims of several at once', () => {
  it('end with what is left, and then with none', () => {
    const claim = claimFrom(new Control(createControl(1)), 5, undefined, 1);
    expect([claim(2), claim(2), claim(2), claim(2)]).toEqual([[0, 1], [2, 3], [4], []]);
  });

  it('of chosen segments are of these alone', () => {
    const claim = claimFrom(new Control(createControl(1)), 9, Float64Array.of(3, 5, 8));
    expect([claim(2), claim(2), claim(2)]).toEqual([[3, 5], [8], []]);
  });
});

describe('claims of runs', () => {
  const runsOf = (segments: number, done: readonly number[]) => {
    const control = new Control(createControl(1));
    const asked: number[][] = [];
    const isDone = (run: number, from: number, to: number) => {
      asked.push([run, from, to]);
      return done.includes(run);
    };
    const claim = claimRuns(control, { segments, segmentBytes: 100, together: 4, isDone });
    return { claim, asked, control };
  };

  it('give one run after the other, whole, however many are asked for', () => {
    const { claim, asked } = runsOf(10, []);
    expect([claim(3), claim(3), claim(9), claim(1)]).toEqual([
      [0, 1, 2],
      [3, 4, 5],
      [6, 7, 8, 9],
      [],
    ]);
    expect(asked).toEqual([
      [0, 0, 4],
      [1, 4, 8],
      [2, 8, 10],
    ]);
  });

  it('pass over what is done, and report it', () => {
    const { claim, control } = runsOf(10, [0, 2]);
    expect([claim(9), claim(9)]).toEqual([[4, 5, 6, 7], []]);
    expect(control.done).toBe(600);
  });

  it('are shared by threads run by run', () => {
    const words = createControl(2);
    const claims = [0, 1].map(() =>
      claimRuns(new Control(words), {
        segments: 12,
        segmentBytes: 1,
        together: 4,
        isDone: () => false,
      }),
    );
    const [first, second] = claims as [Claim, Claim];
    expect([first(1), second(1), first(3), second(3), first(4)]).toEqual([
      [0],
      [4],
      [1, 2, 3],
      [5, 6, 7],
      [8, 9, 10, 11],
    ]);
  });

  it('end at once when the work is stopped', () => {
    const { claim, control } = runsOf(10, []);
    expect(claim(1)).toEqual([0]);
    control.stop();
    expect(claim(3)).toEqual([]);
  });
});

it('claims of spans go through each before they ask for the next', () => {
  const spans = [
    { from: 5, to: 7 },
    { from: 0, to: 1 },
  ];
  const claim = claimSpans(new Control(createControl(1)), () => spans.shift());
  expect([claim(1), spans.length, claim(4), spans.length, claim(1)]).toEqual([
    [5],
    1,
    [6, 0],
    0,
    [],
  ]);
});
