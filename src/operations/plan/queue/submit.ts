/** Submitting a plan: a job for every range that is not done, and one that waits for all of them. */
import type { EventEmitter } from 'node:events';
import type { Job, Queue } from 'bullmq';
import { StrongroomError } from '../../../errors.ts';
import { type PlanOptions, showPlan } from '../show.ts';
import {
  type Connection,
  connectionTo,
  finishJob,
  queueFailure,
  queueNames,
  type RangeJob,
} from './connection.ts';

export interface SubmitOptions extends PlanOptions {
  /** `redis://` or `rediss://`. */
  readonly queue: string;
  /** How often a range is tried in all; 5 by default. */
  readonly attempts?: number | undefined;
}

export interface SubmitReport {
  /** Of the plan: hex, 32 bytes. */
  readonly id: string;
  readonly ranges: number;
  /** Ranges that are done by their receipts, and were not put into the queue. */
  readonly done: number;
  /** Ranges in the queue now. */
  readonly queued: number;
}

/**
 * Puts the ranges of the plan at `location` into a queue, each once however often it is done.
 * @throws StrongroomError PLAN_INVALID, PLAN_UNTRUSTED, PLAN_EXPIRED, USAGE for a plan whose ranges
 *   are assigned, QUEUE_UNAVAILABLE, QUEUE_FAILED; and as any source.
 */
export async function submitPlan(location: string, options: SubmitOptions): Promise<SubmitReport> {
  const plan = await showPlan(location, options);
  const { id, ranges, missing } = plan;
  if (plan.expired) {
    throw new StrongroomError('PLAN_EXPIRED', `${location}: expired at ${plan.expires}`);
  }
  if (plan.assigned) {
    throw new StrongroomError('USAGE', `${location}: each range is for one worker alone`, {
      hint: 'start its workers with --index, or make the plan without --assign',
    });
  }
  const to = await connectionTo(options.queue, false);
  try {
    await enqueue(to, id, missing, options.attempts ?? 5);
  } catch (error) {
    throw queueFailure(error);
  }
  return { id, ranges, done: ranges - missing.length, queued: missing.length };
}

async function enqueue(
  { bullmq, connection }: Connection,
  id: string,
  missing: readonly number[],
  attempts: number,
): Promise<void> {
  const names = queueNames(id);
  const ranges: Queue<RangeJob> = new bullmq.Queue(names.ranges, { connection });
  const finish = new bullmq.Queue(names.finish, { connection });
  const flows = new bullmq.FlowProducer({ connection });
  const all = [ranges, finish, flows];
  // Failures come back from what was asked; without a listener they would end the process too
  for (const each of all) (each as EventEmitter).on('error', () => {});
  try {
    await clear(await finish.getJob(finishJob));
    for (const index of missing) await clear(await ranges.getJob(jobOf(index)));
    await flows.add({
      name: finishJob,
      queueName: names.finish,
      data: {},
      opts: { jobId: finishJob },
      children: missing.map((index) => ({
        name: 'range',
        queueName: names.ranges,
        data: { index } satisfies RangeJob,
        opts: {
          jobId: jobOf(index),
          attempts,
          backoff: { type: 'exponential', delay: 1000, jitter: 0.5 },
          failParentOnFailure: true,
        },
      })),
    });
  } finally {
    await Promise.allSettled(all.map((each) => each.close()));
  }
}

const jobOf = (index: number): string => `range-${index}`;

/** Makes room for a job of the same name; one that still waits or runs goes on under it. */
async function clear(job: Job | undefined): Promise<void> {
  const state = await job?.getState();
  if (state === 'failed' || state === 'completed') await job?.remove({ removeChildren: false });
}
