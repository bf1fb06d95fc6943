/**
 * One range of a plan, by one worker. It is all that a scheduler has to start, as often as it
 * likes: a range that is done already is left as it is.
 */
import { asStrongroomError, StrongroomError } from '../../errors.ts';
import { isValidAt } from '../../keys/card.ts';
import { assertMayProcess } from '../../keys/enforce.ts';
import { assertCurrent, type WorkPlan } from '../../scale/document.ts';
import { createReceipt, mayDo, newAttempt } from '../../scale/receipt.ts';
import { timeOf } from '../../time.ts';
import { receiptsAt } from './place.ts';
import type { Range, RangeReport, RangeWork, WorkOptions } from './range.ts';
import { readTrusted } from './show.ts';
import { openRange } from './work-open.ts';
import { sealRange } from './work-seal.ts';
import { verifyRange } from './work-verify.ts';

/**
 * Does range `index` of the plan at `location`, and writes a receipt.
 * @throws StrongroomError PLAN_INVALID, PLAN_UNTRUSTED, PLAN_EXPIRED, NOT_A_WORKER, USAGE,
 *   SUITE_MISMATCH, SOURCE_CHANGED, UPLOAD_INVALID, SEGMENT_INVALID, and as any source or request.
 */
export async function workRange(
  location: string,
  index: number,
  options: WorkOptions,
): Promise<RangeReport> {
  try {
    return await workPlanned(await readTrusted(location, options), index, options);
  } catch (error) {
    throw asStrongroomError(error);
  }
}

/** The same, of a plan that was read and is trusted. */
export async function workPlanned(
  plan: WorkPlan,
  index: number,
  options: WorkOptions,
): Promise<RangeReport> {
  const { signal = new AbortController().signal, identity } = options;
  const worker = assertMayWork(plan, index, options);
  const range = { plan, worker, index, options, signal };
  const { done, failure, ...counted } = await doRange(range);
  if (done === undefined) return { index, state: 'already', ...counted };
  const attempt = newAttempt();
  const receipt = createReceipt(plan, index, attempt, done, identity);
  await receiptsAt(plan.body.receipts, signal).write(index, attempt, receipt);
  if (failure !== undefined) throw failure;
  return { index, state: 'done', ...counted };
}

function doRange(range: Range): Promise<RangeWork> {
  const { body } = range.plan;
  switch (body.kind) {
    case 'seal':
      return sealRange(range, body);
    case 'open':
      return openRange(range, body);
    case 'verify':
      return verifyRange(range, body);
  }
}

/** Which worker of the plan this is, if it may do the range now. */
export function assertMayWork(
  plan: WorkPlan,
  index: number,
  { identity, trust }: WorkOptions,
): number {
  const { body, core, workers, name } = plan;
  const { card } = identity;
  const now = timeOf();
  assertCurrent(plan, now);
  if (!Number.isInteger(index) || index < 0 || index >= body.ranges) {
    throw new StrongroomError('USAGE', `${name}: has no range ${index}`, {
      hint: `its ranges are 0 to ${body.ranges - 1}`,
    });
  }
  if (card.suite !== core.suite) {
    throw new StrongroomError(
      'SUITE_MISMATCH',
      `${name}: is of suite ${core.suite.name}, the identity of ${card.suite.name}`,
    );
  }
  const at = workers.findIndex(({ kem }) => kem.id === card.kem.id);
  if (at < 0) {
    throw new StrongroomError('NOT_A_WORKER', `${name}: does not name ${card.name} as a worker`);
  }
  if (!mayDo(plan, at, index)) {
    const other = workers[index % workers.length]?.name;
    throw new StrongroomError('NOT_A_WORKER', `${name}: range ${index} is for ${other} alone`, {
      hint: `the ranges of ${card.name} are those that leave ${at} when divided by ${workers.length}`,
    });
  }
  // As the plan has it: that is the one that receipts are held against
  if (!isValidAt(workers[at] as typeof card, now)) {
    throw new StrongroomError('CARD_EXPIRED', `the card of ${card.name} is not valid now`);
  }
  assertMayProcess(trust, card);
  return at;
}
