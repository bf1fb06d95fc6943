import { fork } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Control, createControl } from '#strongroom/engine/control.js';
import { threadsWithin } from '#strongroom/engine/limits.js';
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
  const buffer = createControl(2);
  const cells = new BigInt64Array(buffer);
  const before = [...cells];
  new Control(buffer).stop();
  // A waiter sleeps only while its cell still holds what it saw: `stop` must have changed it.
  const turn = 1;
  expect(Atomics.wait(cells, turn, before[turn] as bigint, 0)).toBe('not-equal');
  // As for the locks: one who waits saw that another thread writes.
  const written = 1n;
  const asleep = [...cells.keys()].slice(4).filter((i) => {
    return Atomics.wait(cells, i, written, 0) !== 'not-equal';
  });
  expect(asleep).toEqual([]);
  expect(new Control(buffer).claim(10)).toBeUndefined();
  expect(new Control(buffer).awaitWriteTurn(0)).toBe(false);
});

it('lets nobody wait for a writer who hangs when the job stops', async () => {
  // One thread writes until a second has stopped the job and a third has given up its wait.
  const { code, reports } = await run({ kind: 'writeAlone' }, 3);
  expect(code).toBe('SEGMENT_INVALID');
  expect(reports).toEqual([2]);
});

describe('a thread that cannot start', () => {
  const script = new URL('pool.process.mjs', import.meta.url);
  /** What a process of its own tells; it ends only if no thread runs any more. */
  async function told(what: string) {
    const child = fork(script, [what], { execArgv: [] });
    const [[message], [status]] = await Promise.all([once(child, 'message'), once(child, 'exit')]);
    return { message, status };
  }

  it('ends the others, for a job that it cannot be sent', async () => {
    expect(await told('argument')).toEqual({ message: 'INTERNAL: not twice', status: 0 });
  });
});

it('stops the others when a thread ends before its work', async () => {
  await expect(
    runThreads<object, number>(worker, { kind: 'spinOrExit' }, 2, undefined, {}),
  ).rejects.toMatchObject({ code: 'INTERNAL', message: 'a thread ended with 3' });
});

it.each([
  [1024, 16, 16],
  [128, 64, 8],
  [256, 64, 18],
  [20, 4, 1],
  [Number.POSITIVE_INFINITY, 64, 64],
])('within %d files of %d threads there are %d', (limit, asked, threads) => {
  expect(threadsWithin(asked, limit)).toBe(threads);
});
