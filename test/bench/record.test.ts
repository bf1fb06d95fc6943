import { describe, expect, it } from 'vitest';
import { type BenchRecord, joined, roundsOf, whyNotOne } from '../../bench/record.ts';

const scene = (name: string, wall: number, rounds = 1) => ({
  name,
  kind: 'hybrid',
  place: 'tmpfs' as const,
  bytes: 2 ** 30,
  reference: 'cp',
  results: [
    {
      name: 'cp',
      bytes: 1e9,
      samples: Array.from({ length: rounds }, () => ({ wall })),
      fresh: { wall },
      freshPages: true,
    },
  ],
});

const record = (rest: Partial<BenchRecord> = {}): BenchRecord => ({
  format: 1,
  date: '2026-01-01T00:00:00Z',
  commit: 'abc',
  modified: false,
  options: { quick: false, only: ['a'] },
  method: 'wait4',
  machine: {
    cpu: 'cpu',
    cores: 2,
    memoryBytes: 1,
    system: 'Linux',
    kernel: '6.1',
    architecture: 'x86_64',
  },
  versions: { node: '26.10.0' },
  absent: [],
  scenes: [],
  ...rest,
});

describe('records', () => {
  it('are one when the later one adds scenes, and keep the date of the first', () => {
    const before = record({
      absent: [
        { scene: 'one', name: 'gpg', why: 'not there' },
        { scene: 'two', name: 'age', why: 'not there' },
      ],
      scenes: [scene('one', 1), scene('two', 2)],
    });
    const now = record({
      date: '2026-01-02T00:00:00Z',
      options: { quick: false, only: ['b'] },
      scenes: [scene('two', 3), scene('three', 4)],
    });
    const both = joined(before, now);
    expect(both.date).toBe(before.date);
    expect(both.options.only).toEqual(['a', 'b']);
    expect(both.scenes.map(({ name }) => name)).toEqual(['one', 'two', 'three']);
    expect(both.scenes[1]?.results[0]?.samples).toEqual([{ wall: 3 }]);
    expect(both.absent).toEqual([{ scene: 'one', name: 'gpg', why: 'not there' }]);
  });

  it('of another commit, machine or version stay apart', () => {
    const before = record();
    expect(whyNotOne(before, record({ date: 'later' }))).toBeUndefined();
    expect(whyNotOne(before, record({ commit: 'abd' }))).toMatch('commit');
    expect(whyNotOne(before, record({ modified: true }))).toMatch('modified');
    const machine = { ...before.machine, cores: 4 };
    expect(whyNotOne(before, record({ machine }))).toMatch('machine');
    expect(whyNotOne(before, record({ versions: { node: '20.0.0' } }))).toMatch('versions');
  });

  it('tell how many rounds a scene had', () => {
    expect(roundsOf(scene('one', 1, 3))).toBe(3);
  });
});
