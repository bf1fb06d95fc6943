import type { Command } from 'commander';
import { listOf } from '../../scale/division.ts';
import { trustOf } from '../access.ts';
import { bytes, plural } from '../format.ts';
import { report, table } from '../messages.ts';
import { httpHeaderOption, jsonOption, type TrustOptions, trustOptions } from '../options.ts';
import { interruptible } from '../signals.ts';
import { planOption } from './options.ts';

interface Options extends TrustOptions {
  readonly plan: string;
  readonly json?: boolean;
}

export function addPlanShow(plan: Command): void {
  const command = plan
    .command('show')
    .summary('what a plan says, and how far it is')
    .description('Tells what a plan divides, and which ranges are done, by its receipts.')
    .addHelpText(
      'before',
      `Examples:
  strongroom plan show -p w.plan --signer lab.key.card
  strongroom plan show -p s3://models/w.srm.plan --trust policy.json --json
`,
    );
  jsonOption(httpHeaderOption(trustOptions(planOption(command)))).action(run);
}

async function run(options: Options): Promise<void> {
  const trust = await trustOf(options);
  const { showPlan } = await import('../../index.ts');
  const found = await interruptible((signal) => showPlan(options.plan, { trust, signal }));
  const { done, missing, bad, ranges, winners, parts, expired, expires } = found;
  const twice = winners.length - new Set(winners.map(({ range }) => range)).size;
  const lines = table([
    ['plan', found.id],
    ['kind', found.kind],
    ['by', `${found.planner}, at ${found.created}`],
    ['archive', found.archive],
    ['output', found.output === '' ? "every worker's own disk" : found.output],
    ['payload', `${bytes(found.payloadBytes)}, ${plural(found.segments, 'segment')}`],
    ['parts', parts === 0 ? undefined : `${parts}`],
    ['ranges', `${ranges}${found.assigned ? ', each assigned to one worker' : ''}`],
    ['workers', found.workers.join(', ')],
    ['receipts', found.receipts],
    ['valid', expired ? `expired at ${expires}` : `until ${expires}`],
    ['upload', found.open ? undefined : 'not there: finished, or given up'],
    ['done', `${done.length} of ${ranges}`],
    ['missing', missing.length === 0 ? undefined : listOf(missing)],
    ['altered', bad.length === 0 ? undefined : listOf(bad)],
    ['superseded', found.superseded === 0 ? undefined : plural(found.superseded, 'receipt')],
    ['shared', twice === 0 ? undefined : `${plural(twice, 'part')} of ranges by another attempt`],
    ...found.refused.map(({ why }) => ['refused', why] as const),
  ]);
  report(options, found, lines);
}
