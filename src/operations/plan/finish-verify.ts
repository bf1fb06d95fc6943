/** Finishing a plan to verify: the word of all workers on one archive. */
import { StrongroomError } from '../../errors.ts';
import { listOf } from '../../scale/division.ts';
import type { BodyOf } from '../../scale/document.ts';
import { badRanges, countRanges } from '../../scale/winners.ts';
import { assertComplete, type FinishedWork, type Finishing } from './finishing.ts';
import { readReceipts } from './place.ts';

export async function finishVerify(
  { plan, signal }: Finishing,
  body: BodyOf<'verify'>,
): Promise<FinishedWork> {
  const { receipts, refused } = await readReceipts(plan, signal);
  const bad = badRanges(receipts);
  if (bad.length > 0) {
    const segments = receipts.flatMap(({ body: told }) => (told.did === 'verify' ? told.bad : []));
    const found = listOf([...new Set(segments)].sort((a, b) => a - b));
    const { address } = body.source;
    throw new StrongroomError(
      'SEGMENT_INVALID',
      `${address}: ranges ${listOf(bad)} are not what was sealed, at segments ${found}`,
      { file: address, hint: 'fetch them again, remove their receipts, and do the ranges again' },
    );
  }
  const { winners, superseded, missing } = countRanges(body.ranges, receipts);
  assertComplete(plan, missing, refused);
  const { contentRoot } = body;
  return { state: 'finished', contentRoot, winners, superseded, refused, checked: 0 };
}
