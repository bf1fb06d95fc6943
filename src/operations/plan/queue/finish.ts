/** Finishing a plan when its queue says that all ranges are done. */
import type { Queue, Worker } from 'bullmq';
import { asStrongroomError, StrongroomError } from '../../../errors.ts';
import { trustCards } from '../../../keys/policy.ts';
import { cutText } from '../../../text.ts';
import { finishPlan } from '../finish.ts';
import type { FinishOptions, FinishReport } from '../finishing.ts';
import { describePlan } from '../show.ts';
import { connectionTo, finishJob, forQueue, holding, pause, queueNames } from './connection.ts';

export interface QueueFinishOptions extends FinishOptions {
  /** `redis://` or `rediss://`. */
  readonly queue: string;
}

/**
 * Waits until the queue of the plan at `location` has no range left, and finishes it. Receipts
 * decide, as ever: the queue only says when to look.
 * @throws StrongroomError as `finishPlan`; QUEUE_LOST where the queue knows nothing of the plan,
 *   QUEUE_STOPPED where a range was given up, QUEUE_UNAVAILABLE, INTERRUPTED.
 */
export async function finishQueued(
  location: string,
  options: QueueFinishOptions,
): Promise<FinishReport> {
  const { signal, identity } = options;
  const { id } = await describePlan(location, { trust: trustCards([identity.card]), signal });
  const { bullmq, connection } = await connectionTo(options.queue, true);
  const name = queueNames(id).finish;
  let finished: FinishReport | undefined;
  let failure: StrongroomError | undefined;
  const worker: Worker = new bullmq.Worker(
    name,
    async () => {
      try {
        finished = await finishPlan(location, options);
      } catch (error) {
        failure = asStrongroomError(error);
        throw forQueue(new bullmq.UnrecoverableError(failure.code));
      }
    },
    { connection, ...holding() },
  );
  const queue: Queue = new bullmq.Queue(name, { connection });
  worker.on('error', () => {});
  queue.on('error', () => {});
  try {
    while (finished === undefined && failure === undefined) {
      if (signal?.aborted) throw new StrongroomError('INTERRUPTED', 'interrupted');
      await assertKnown(queue, () => finished ?? failure);
      await pause();
    }
  } finally {
    await worker.close();
    await queue.close();
  }
  if (failure !== undefined) throw failure;
  return finished as FinishReport;
}

/** Refuses to wait for what will not come. */
async function assertKnown(queue: Queue, ended: () => unknown): Promise<void> {
  const job = await queue.getJob(finishJob);
  const state = await job?.getState();
  if (ended() !== undefined) return;
  if (state === undefined || state === 'unknown') {
    throw new StrongroomError('QUEUE_LOST', 'the queue knows nothing of this plan');
  }
  if (state === 'completed') {
    throw new StrongroomError('QUEUE_LOST', 'the queue says that the plan was finished');
  }
  if (state !== 'failed') return;
  const why = cutText(job?.failedReason ?? '', 200);
  throw new StrongroomError('QUEUE_STOPPED', `a range was given up: ${why}`);
}
