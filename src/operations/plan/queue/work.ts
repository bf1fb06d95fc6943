/** A worker that takes ranges of one plan from its queue, until there are none or it is told. */
import type { Job, Queue, Worker } from 'bullmq';
import { z } from 'zod';
import type { Progress } from '../../../engine/pool.ts';
import { asStrongroomError, type ErrorCode, StrongroomError } from '../../../errors.ts';
import type { RangeReport, WorkOptions } from '../range.ts';
import { readTrusted } from '../show.ts';
import { assertMayWork, workPlanned } from '../work.ts';
import {
  type Connection,
  connectionTo,
  forQueue,
  holding,
  pause,
  queueNames,
} from './connection.ts';

export interface QueueWorkOptions extends WorkOptions {
  /** `redis://` or `rediss://`. */
  readonly queue: string;
  /** End when no range waits and none is at work anywhere; otherwise wait for more. */
  readonly drain?: boolean | undefined;
  /** How long this worker may be silent before others take its range: 10 s by default. */
  readonly lockMs?: number | undefined;
  readonly onRange?: ((done: RangeReport) => void) | undefined;
  /** What a person may want to know: a range that failed, a queue that does not answer. */
  readonly onNotice?: ((message: string) => void) | undefined;
}

export interface QueueWorkReport {
  readonly id: string;
  /** Ranges that this worker did, and that it found done. */
  readonly done: number;
  readonly already: number;
  readonly failed: number;
}

const job = z.strictObject({ index: z.int().min(0) });

/** Errors that say nothing of a range, but that this worker cannot do any. */
const ownFaults: ReadonlySet<ErrorCode> = new Set([
  'PLAN_INVALID',
  'PLAN_UNTRUSTED',
  'PLAN_EXPIRED',
  'NOT_A_WORKER',
  'SUITE_MISMATCH',
  'CARD_EXPIRED',
  'KEY_STATE',
  'KEY_COMPROMISED',
  'S3_UNAVAILABLE',
]);

/** Errors that may pass, here or with another worker; any other one is final for its range. */
const passing: ReadonlySet<ErrorCode> = new Set([
  ...ownFaults,
  'NETWORK',
  'REMOTE_FAILED',
  'IO',
  'DISK_FULL',
  'NOT_FOUND',
  'PERMISSION_DENIED',
  'INTERRUPTED',
]);

/**
 * Works on the plan at `location` as its queue says. The plan is read and trusted here; of the
 * queue comes nothing but indices.
 * @throws StrongroomError as `workRange` where no range can be done, QUEUE_UNAVAILABLE, USAGE,
 *   INTERRUPTED.
 */
export async function workQueue(
  location: string,
  options: QueueWorkOptions,
): Promise<QueueWorkReport> {
  const plan = await readTrusted(location, options);
  // Before it waits for a range that it may not do; a plan with a queue assigns none
  assertMayWork(plan, 0, options);
  const { id } = plan.body;
  const to = await connectionTo(options.queue, true);
  const state = { done: 0, already: 0, failed: 0 };
  const stop = new AbortController();
  const ended = stopping(stop, options.signal);
  let failure: StrongroomError | undefined;

  const one = async (taken: Job, token?: string): Promise<RangeReport> => {
    try {
      const { data } = job.safeParse(taken.data);
      if (data === undefined) throw new StrongroomError('USAGE', 'a job of the queue is not ours');
      const onProgress = throttled((progress) => taken.updateProgress({ ...progress }));
      const { signal } = stop;
      const found = await workPlanned(plan, data.index, { ...options, signal, onProgress });
      state[found.state] += 1;
      options.onRange?.(found);
      return found;
    } catch (thrown) {
      const error = asStrongroomError(thrown);
      if (error.code === 'INTERRUPTED') {
        // Back to the queue at once, and not counted as an attempt
        await taken.moveToWait(token);
        throw new to.bullmq.WaitingError();
      }
      state.failed += 1;
      options.onNotice?.(error.message);
      if (ownFaults.has(error.code)) {
        failure = error;
        stop.abort();
      }
      const { UnrecoverableError } = to.bullmq;
      throw forQueue(new (passing.has(error.code) ? Error : UnrecoverableError)(error.code));
    }
  };

  const names = queueNames(id);
  const queue: Queue = new to.bullmq.Queue(names.ranges, { connection: to.connection });
  const worker = workerOf(to, names.ranges, one, options);
  queue.on('error', () => {});
  try {
    await Promise.race([ended, ...(options.drain ? [drained(queue, stop.signal)] : [])]);
  } finally {
    stop.abort();
    await worker.close();
    await queue.close();
  }
  if (failure !== undefined) throw failure;
  if (options.signal?.aborted) throw new StrongroomError('INTERRUPTED', 'interrupted');
  return { id, ...state };
}

function workerOf(
  { bullmq, connection }: Connection,
  name: string,
  one: (job: Job, token?: string) => Promise<RangeReport>,
  { onNotice, lockMs }: QueueWorkOptions,
): Worker {
  const worker = new bullmq.Worker(name, one, {
    connection,
    concurrency: 1,
    ...holding(lockMs),
  });
  let reachable = true;
  worker.on('error', () => {
    if (reachable) onNotice?.('the queue does not answer; trying again');
    reachable = false;
  });
  worker.on('ready', () => {
    reachable = true;
  });
  return worker;
}

/** Resolves when work is to end, whoever says so. */
function stopping(stop: AbortController, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    stop.signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal?.aborted) stop.abort();
    signal?.addEventListener('abort', () => stop.abort(), { once: true });
  });
}

/** Resolves when nothing waits in the queue and nobody is at work. */
async function drained(queue: Queue, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const counts = await queue.getJobCounts('wait', 'active', 'delayed', 'prioritized');
    if (Object.values(counts).every((count) => count === 0)) return;
    await pause();
  }
}

const progressMs = 1000;

/** At most once a second; that it does not get through is no failure. */
function throttled(tell: (progress: Progress) => Promise<void>): (progress: Progress) => void {
  let last = 0;
  return (progress) => {
    const now = performance.now();
    if (now - last < progressMs) return;
    last = now;
    tell(progress).catch(() => {});
  };
}
