import { describe, expect, it } from 'vitest';
import { type Baseline, compare, isRegression, lost, marksOf } from '../../bench/compare.ts';
import type { Result, Scene } from '../../bench/record.ts';

const result = (name: string, walls: number[], rest: Partial<Result> = {}): Result => ({
  name,
  bytes: 1e9,
  samples: walls.map((wall) => ({ wall, memoryBytes: 100e6 })),
  fresh: { wall: 9 },
  freshPages: true,
  ...rest,
});

const ours = (name: string, walls: number[], memoryBytes = 100e6): Result =>
  result(name, walls, { ours: true, samples: walls.map((wall) => ({ wall, memoryBytes })) });

const sceneOf = (...results: Result[]): { scenes: Scene[] } => ({
  scenes: [
    {
      name: 'hybrid 1 GiB tmpfs',
      kind: 'hybrid',
      place: 'tmpfs',
      bytes: 2 ** 30,
      reference: 'cp',
      results,
    },
  ],
});

const key = 'hybrid 1 GiB tmpfs/seal';
const copy = result('cp', [1, 1, 1]);
const baseline = (ratio: number, noise: number, memoryBytes = 100e6): Baseline => ({
  format: 1,
  marks: { [key]: { ratio, noise, memoryBytes } },
});

const verdict = (seal: Result, before: Baseline) => compare(sceneOf(copy, seal), before)[0];

describe('marks', () => {
  it('are of Strongroom alone, against the reference of their scene', () => {
    const record = sceneOf(
      result('cp', [1, 2, 3]),
      ours('seal', [2, 4, 6]),
      result('age', [3, 3, 3]),
    );
    expect(marksOf(record)).toEqual({ [key]: { ratio: 0.5, noise: 0, memoryBytes: 100e6 } });
  });

  it('are none where the reference is missing', () => {
    expect(marksOf(sceneOf(ours('seal', [1, 1])))).toEqual({});
  });

  it('compare by the byte where the reference does another amount', () => {
    const shard = { ...ours('seal', [1, 1, 1]), bytes: 25e7 };
    expect(marksOf(sceneOf(copy, shard))[key]?.ratio).toBe(0.25);
  });

  it('do not count the warm-up', () => {
    const slowStart = { ...ours('seal', [2, 2, 2]), fresh: { wall: 1000 } };
    expect(marksOf(sceneOf(copy, slowStart))[key]?.ratio).toBe(0.5);
  });
});

describe('a quiet run', () => {
  it('holds within five percent', () => {
    const seal = ours('seal', [1.04, 1.04, 1.04]);
    expect(verdict(seal, baseline(1, 0))).toMatchObject({ verdict: 'held', allowed: 0.05 });
  });

  it('regresses beyond', () => {
    const comparison = verdict(ours('seal', [1.06, 1.06, 1.06]), baseline(1, 0));
    expect(comparison?.verdict).toBe('slower');
    expect(isRegression(comparison as NonNullable<typeof comparison>)).toBe(true);
  });

  it('says when it is faster, which is no regression', () => {
    const comparison = verdict(ours('seal', [0.5, 0.5, 0.5]), baseline(1, 0));
    expect(comparison?.verdict).toBe('faster');
    expect(isRegression(comparison as NonNullable<typeof comparison>)).toBe(false);
  });
});

describe('noise', () => {
  it('of either run widens what is allowed', () => {
    const steady = ours('seal', [1.2, 1.2, 1.2]);
    expect(verdict(steady, baseline(1, 0))?.verdict).toBe('slower');
    expect(verdict(steady, baseline(1, 0.2))?.verdict).toBe('held');
    const shaky = ours('seal', [1, 1.2, 1.5]);
    expect(verdict(shaky, baseline(1, 0))?.verdict).toBe('held');
  });

  it('excuses nothing that takes more than two and a half times as long', () => {
    expect(verdict(ours('seal', [1, 3, 9]), baseline(1, 0.5))?.verdict).toBe('slower');
  });

  it('of the machine that meets all alike counts for nothing', () => {
    const record = sceneOf(result('cp', [1, 5, 2]), ours('seal', [1, 5, 2]));
    expect(compare(record, baseline(1, 0))[0]).toMatchObject({ verdict: 'held', allowed: 0.05 });
  });
});

it('allows more to another machine than the one of the baseline', () => {
  const record = sceneOf(copy, ours('seal', [1.4, 1.4, 1.4]));
  expect(compare(record, baseline(1, 0), 0.3)[0]).toMatchObject({ verdict: 'held', allowed: 0.3 });
  expect(compare(record, baseline(1, 0), 0.2)[0]?.verdict).toBe('slower');
});

describe('memory', () => {
  it('may grow by a quarter', () => {
    expect(verdict(ours('seal', [1, 1, 1], 124e6), baseline(1, 0))?.verdict).toBe('held');
    expect(verdict(ours('seal', [1, 1, 1], 126e6), baseline(1, 0))?.verdict).toBe('memory');
  });

  it('is not held against a run that could not measure it', () => {
    const seal = result('seal', [1, 1, 1], {
      ours: true,
      samples: [{ wall: 1 }, { wall: 1 }, { wall: 1 }],
    });
    expect(verdict(seal, baseline(1, 0))?.verdict).toBe('held');
  });
});

describe('what is in one of them only', () => {
  it('is new in the record', () => {
    expect(verdict(ours('seal', [1, 1, 1]), { format: 1, marks: {} })?.verdict).toBe('new');
  });

  it('is lost from a scene that was run', () => {
    expect(lost(sceneOf(copy), baseline(1, 0))).toEqual([key]);
  });

  it('is not missed in a scene that was not run', () => {
    expect(lost({ scenes: [] }, baseline(1, 0))).toEqual([]);
    const other: Baseline = {
      format: 1,
      marks: { 'hybrid 1 GiB tmpfs 2/seal': { ratio: 1, noise: 0 } },
    };
    expect(lost(sceneOf(copy), other)).toEqual([]);
  });
});

it('decides the same every time', () => {
  const record = sceneOf(result('cp', [1, 1.2]), ours('seal', [1.3, 1.1]), ours('open', [2, 3]));
  expect(compare(record, baseline(0.9, 0.1))).toEqual(compare(record, baseline(0.9, 0.1)));
});
