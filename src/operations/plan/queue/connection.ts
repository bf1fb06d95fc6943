/**
 * The queue of a plan: BullMQ on Redis, loaded when it is used. It only spreads indices of ranges
 * among workers, and can be lost: what is done stands in the receipts.
 */
import type * as Bullmq from 'bullmq';
import { isStrongroomError, StrongroomError } from '../../../errors.ts';

/** How long a worker may be silent before others take its job, in milliseconds. */
const usualLockMs = 10_000;

/** How workers hold a job. Those that are killed again and again are no reason to give it up. */
export const holding = (lockMs = usualLockMs) => ({
  lockDuration: lockMs,
  stalledInterval: lockMs,
  maxStalledCount: 100,
});

/** Between two looks at a queue. */
export const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 500));

/** What BullMQ is told of every queue. */
export interface Connection {
  readonly bullmq: typeof Bullmq;
  readonly connection: Bullmq.ConnectionOptions;
}

/**
 * @param address `redis://` or `rediss://`, perhaps with a user, a password and a database.
 * @param patient whether a connection that is lost is waited for.
 * @throws StrongroomError USAGE, QUEUE_UNAVAILABLE where a package is not installed.
 */
export async function connectionTo(address: string, patient: boolean): Promise<Connection> {
  assertQueueAddress(address);
  let bullmq: typeof Bullmq;
  try {
    // What BullMQ would load only at the first connection
    await import('ioredis');
    bullmq = await import('bullmq');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new StrongroomError('QUEUE_UNAVAILABLE', 'the packages bullmq and ioredis are not there');
  }
  const wait = patient
    ? { maxRetriesPerRequest: null }
    : { maxRetriesPerRequest: 1, retryStrategy: () => null };
  return { bullmq, connection: { url: address, connectTimeout: 10_000, ...wait } };
}

function assertQueueAddress(address: string): void {
  const { protocol } = URL.canParse(address) ? new URL(address) : { protocol: '' };
  if (protocol === 'redis:' || protocol === 'rediss:') return;
  // Nothing of it is repeated: a password may stand in it
  throw new StrongroomError('USAGE', 'the queue is not at an address of redis: or rediss:', {
    hint: 'give it like redis://queue.example:6379',
  });
}

/** Queues of one plan: the ranges, and behind them what finishes it. */
export const queueNames = (id: string) => {
  const ranges = `strongroom-${id.slice(0, 32)}`;
  return { ranges, finish: `${ranges}-finish` } as const;
};

/** The one job of the second queue. */
export const finishJob = 'finish';

/** What a job says: the plan comes from whoever works, never from the queue. */
export interface RangeJob {
  readonly index: number;
}

/** Whatever went wrong with the queue itself; its address is not told. */
export const queueFailure = (error: unknown): StrongroomError =>
  isStrongroomError(error)
    ? error
    : new StrongroomError(
        'QUEUE_FAILED',
        `the queue does not answer: ${(error as Error).message}`,
        {
          cause: error,
        },
      );

/**
 * A failure as the queue may keep it, for whoever can read there: a code. Messages, and stacks,
 * name files and places.
 */
export function forQueue<E extends Error>(error: E): E {
  error.stack = '';
  return error;
}
