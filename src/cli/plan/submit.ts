import type { Command } from 'commander';
import { trustOf } from '../access.ts';
import { plural } from '../format.ts';
import { report, tell } from '../messages.ts';
import { integer, jsonOption, type TrustOptions, trustOptions } from '../options.ts';
import { interruptible } from '../signals.ts';
import { planOption } from './options.ts';
import { needQueue, type QueueOptions, queueOptions } from './queue.ts';

interface Options extends TrustOptions, QueueOptions {
  readonly plan: string;
  readonly attempts?: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function addPlanSubmit(plan: Command): void {
  const command = plan
    .command('submit')
    .summary('put the ranges of a plan into a queue')
    .description(
      'Puts every range that is not done into a queue on Redis. Again is as good as once: do it when the queue was lost, or when a range was given up.',
    )
    .addHelpText(
      'before',
      `Examples:
  strongroom plan submit -p s3://models/w.srm.plan --signer lab.key.card \\
    --queue redis://queue.example:6379
  strongroom plan submit -p w.plan --signer lab.key.card --queue-file queue.address
`,
    )
    .option(
      '--attempts <N>',
      'how often a range is tried, by default 5',
      integer('--attempts', 1, 1000),
    );
  jsonOption(trustOptions(queueOptions(planOption(command))))
    .option('-q, --quiet', 'no message on success')
    .action(run);
}

async function run(options: Options): Promise<void> {
  const queue = await needQueue(options);
  const trust = await trustOf(options);
  const { submitPlan } = await import('../../index.ts');
  const { plan, attempts } = options;
  const found = await interruptible((signal) =>
    submitPlan(plan, { queue, trust, attempts, signal }),
  );
  const before = found.done === 0 ? '' : `, ${found.done} of ${found.ranges} are done`;
  tell(`queued ${plural(found.queued, 'range')}${before}`, options);
  if (options.json) report(options, found, []);
}
