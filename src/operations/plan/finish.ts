/**
 * How a plan ends: all receipts are held against the plan, the store and the trust in its
 * workers, and only then is there an archive, a directory, or a word on an archive.
 */
import { asStrongroomError, StrongroomError } from '../../errors.ts';
import { finishOpen } from './finish-open.ts';
import { finishSeal } from './finish-seal.ts';
import { finishVerify } from './finish-verify.ts';
import type { FinishedWork, Finishing, FinishOptions, FinishReport } from './finishing.ts';
import { outputOf } from './new.ts';
import { readOwn } from './show.ts';

/**
 * Finishes the plan at `location`. It can be done again after it was stopped, and when it was
 * done before.
 * @throws StrongroomError PLAN_INVALID, PLAN_UNTRUSTED unless the identity made it,
 *   PLAN_INCOMPLETE naming the ranges, SEGMENT_INVALID, UPLOAD_INVALID, OUTPUT_EXISTS; and as any
 *   source or request.
 */
export async function finishPlan(location: string, options: FinishOptions): Promise<FinishReport> {
  const { signal = new AbortController().signal, check = 'sampled', identity } = options;
  try {
    if (options.source !== undefined && check === 'none') {
      throw new StrongroomError(
        'USAGE',
        'nothing is compared with the source where nothing is looked at',
        { hint: 'leave out the source, or look at some segments or all' },
      );
    }
    const plan = await readOwn(location, identity, signal);
    const finishing = { plan, options, check, signal };
    const { body } = plan;
    const work = await finishWork(finishing);
    const { id, kind, archive, ranges } = body;
    return { id, kind, output: outputOf(body), archive, ranges, ...work };
  } catch (error) {
    throw asStrongroomError(error);
  }
}

function finishWork(finishing: Finishing): Promise<FinishedWork> {
  const { body } = finishing.plan;
  switch (body.kind) {
    case 'seal':
      return finishSeal(finishing, body);
    case 'open':
      return finishOpen(finishing, body);
    case 'verify':
      return finishVerify(finishing, body);
  }
}
