import { describe, expect, it } from 'vitest';
import { Control, createControl } from '#strongroom/engine/control.js';
import { type RunOptions, runThreads, threadsFor } from '#strongroom/engine/pool.js';
import { outcome } from '../support/archive.ts';

const worker = new URL('pool.worker.mjs', import.meta.url);

async function run(job: object, threads: number, options: RunOptions = {}) {
  const reports: number[] = [];
  const code = await outcome(() =>
    runThreads<object, number>(worker, job, threads, undefined, options, (i) => reports.push(i)),
  );
  return { code, reports };
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('threads', () => {
  it('do every unit once', async () => {
    const { code, reports } = await run({ kind: 'count', units: 500 }, 3);
    expect(code).toBe('accepted');
    expect(reports.sort((a, b) => a - b)).toEqual(numbers(500));
  });

  it('write in order', async () => {
    const { reports } = await run({ kind: 'inOrder', units: 300 }, 3);
    expect([...reports].sort((a, b) => a - b)).toEqual(numbers(300));
  });

  it('stop when one fails, and tell why', async () => {
    const reports: number[] = [];
    const job = { kind: 'failAt', units: 1000, at: 7 };
    await expect(
      runThreads<object, number>(worker, job, 3, undefined, {}, (i) => reports.push(i)),
    ).rejects.toMatchObject({ code: 'SEGMENT_INVALID', message: 'broken', segment: 7, file: 'f' });
    expect(reports.sort((a, b) => a - b)).toEqual(numbers(7));
  });

  it('tell an unexpected error as internal', async () => {
    expect((await run({ kind: 'crash' }, 2)).code).toBe('INTERNAL');
  });

  it('stop when told to, before and while they run', async () => {
    expect((await run({ kind: 'spin' }, 2, { signal: AbortSignal.abort() })).code).toBe(
      'INTERRUPTED',
    );
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    const { code } = await run({ kind: 'spin' }, 2, { signal: controller.signal, onProgress });
    expect(code).toBe('INTERRUPTED');
  });

  it.each([
    [0, undefined, 1],
    [7, 4, 1],
    [9, 4, 2],
    [1000, 4, 4],
    [1000, 1, 1],
  ])('for %d MiB of at most %s are %d', (units, asked, threads) => {
    expect(threadsFor(units, asked)).toBe(threads);
  });
});

it('leaves nobody asleep who was about to wait when the others stopped', () => {
  const buffer = createControl();
  const cells = new BigInt64Array(buffer);
  const before = [...cells];
  new Control(buffer).stop();
  // A waiter sleeps only while its cell still holds what it saw: `stop` must have changed it.
  const turn = 1;
  expect(Atomics.wait(cells, turn, before[turn] as bigint, 0)).toBe('not-equal');
  expect(new Control(buffer).claim(10)).toBeUndefined();
  expect(new Control(buffer).awaitWriteTurn(0)).toBe(false);
});
