/** A range of a plan to verify: its segments, held against the content root; needs no key. */
import { runParallel } from '../../archive/worker.ts';
import { using } from '../../engine/files.ts';
import { sharedNumbers } from '../../engine/shared.ts';
import { isStrongroomError } from '../../errors.ts';
import { shareOf } from '../../scale/division.ts';
import type { BodyOf } from '../../scale/document.ts';
import { readReceipts } from './place.ts';
import type { Range, RangeWork } from './range.ts';
import { openPlanned, placeOf } from './work-open.ts';

/** What says that the archive is not what was sealed. */
const altered = ['SEGMENT_INVALID', 'TREE_INVALID', 'TRUNCATED'];

export async function verifyRange(range: Range, body: BodyOf<'verify'>): Promise<RangeWork> {
  const { plan, index, options, signal } = range;
  const { segmentBytes } = plan.core;
  const { from, to } = shareOf(body.payload.segments, body.ranges, index);
  const bytes = Math.min(to * segmentBytes, body.payload.length) - from * segmentBytes;
  const counted = { bytes, segments: to - from, parts: 0 };
  const { receipts } = await readReceipts(plan, signal, index);
  const isGood = receipts.some(({ body: told }) => told.did === 'verify' && told.bad.length === 0);
  if (isGood) return counted;
  const wanted = sharedNumbers(Array.from({ length: to - from }, (_, i) => from + i));
  try {
    await using(openPlanned(plan, body, options.archive, signal), (source) =>
      runParallel(
        { kind: 'verify', source: source.location, ...placeOf(plan, body), wanted },
        options,
      ),
    );
  } catch (failure) {
    if (!isStrongroomError(failure) || !altered.includes(failure.code)) throw failure;
    const bad = [failure.segment ?? from];
    return { ...counted, done: { did: 'verify', bad }, failure };
  }
  return { ...counted, done: { did: 'verify', bad: [] } };
}
