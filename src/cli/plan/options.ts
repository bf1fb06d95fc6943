/** What the commands that make plans share. */
import type { Command } from 'commander';
import type { NewPlanOptions, PlanReport } from '../../index.ts';
import { assertFree, readCards } from '../access.ts';
import { bytes, plural } from '../format.ts';
import { report, tell } from '../messages.ts';
import { collect, expiry, integer, jsonOption } from '../options.ts';

export interface MakingOptions {
  readonly plan: string;
  readonly ranges: number;
  readonly worker: readonly string[];
  readonly assign?: boolean;
  readonly expires?: string;
  readonly receipts?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Where a plan is, for the commands that follow one. */
export const planOption = (command: Command): Command =>
  command.requiredOption('-p, --plan <PLAN>', 'the plan: a path, s3://BUCKET/KEY or https://…');

export const makingOptions = (command: Command): Command =>
  jsonOption(
    command
      .requiredOption('-p, --plan <FILE>', 'the plan to be, or s3://BUCKET/KEY')
      .requiredOption('--ranges <N>', 'into how many ranges', integer('--ranges', 1, 9800))
      .requiredOption('--worker <CARD>', 'who may do them; repeatable', collect)
      .option('--assign', 'range I is for worker I mod N alone')
      .option('--expires <TIME>', 'until when, as 7d or 2027-01-01; by default 7d', expiry)
      .option('--receipts <PLACE>', 'below which receipts are kept, by default OUTPUT.receipts'),
  ).option('-q, --quiet', 'no message on success');

export async function newPlanOptions(options: MakingOptions): Promise<NewPlanOptions> {
  const { plan, ranges, assign, expires, receipts } = options;
  if (!plan.startsWith('s3://')) assertFree(plan, 'file');
  return { plan, ranges, assign, expires, receipts, workers: await readCards(options.worker) };
}

export function tellPlanned(planned: PlanReport, options: MakingOptions): void {
  const { ranges, parts, workers, plan, expires, planBytes } = planned;
  const inParts = parts === 0 ? '' : ` of ${plural(parts, 'part')}`;
  const what = `${plural(ranges, 'range')}${inParts} for ${plural(workers, 'worker')}`;
  tell(`planned ${what} into ${plan}, ${bytes(planBytes)}, valid until ${expires}`, options);
  if (options.json) report(options, planned, []);
}
