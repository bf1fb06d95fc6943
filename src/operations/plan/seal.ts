/** Planning: many machines will seal one archive into an object store. */
import { realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { limits } from '../../archive/core.ts';
import { planSource } from '../../archive/plan.ts';
import { base64 } from '../../bytes.ts';
import { segmentCount } from '../../crypto/floe.ts';
import { locationOf } from '../../engine/locate.ts';
import { abortUpload, assertNameFree, beginUpload } from '../../engine/remote/multipart.ts';
import { StrongroomError } from '../../errors.ts';
import { withParents } from '../../provenance/lineage.ts';
import { divideIntoParts, partsOfRange } from '../../scale/division.ts';
import { sealFileKey } from '../../scale/keys.ts';
import { assertReceiptsFit } from '../../scale/receipt.ts';
import { planStream } from '../../scale/stream.ts';
import { assertFit, begin, type SealOptions } from '../seal.ts';
import {
  beginPlan,
  commonOf,
  hide,
  type NewPlanOptions,
  type PlanReport,
  writeNewPlan,
} from './new.ts';
import { receiptPlace } from './place.ts';

export interface PlanSealOptions
  extends NewPlanOptions,
    Pick<
      SealOptions,
      | 'recipients'
      | 'quorums'
      | 'signer'
      | 'followSymlinks'
      | 'hideRecipients'
      | 'claims'
      | 'parents'
      | 'trust'
      | 'segmentBytes'
      | 'overwrite'
    > {
  /** The archive to be: `s3://BUCKET/KEY`. */
  readonly output: string;
}

/** For giving up an upload after something else failed. */
const abortMs = 15_000;

/**
 * Plans to seal `source`, a directory, a file or a tar: fixes what is in it, begins the upload, and
 * writes the plan. Nothing of the source is read but names, sizes and times.
 * @throws StrongroomError as `seal`; USAGE for an output elsewhere, or too many ranges.
 */
export async function planSeal(source: string, options: PlanSealOptions): Promise<PlanReport> {
  const { signer, ranges, overwrite = false, followSymlinks = false } = options;
  const { signal = new AbortController().signal } = options;
  const { segmentBytes = limits.segmentBytes.usual } = options;
  const claims = withParents(options.claims, options.parents);
  const next = beginPlan(options, signer.card, options.trust);
  assertFit(options, claims);
  const at = locationOf(options.output);
  if (at.kind !== 's3') {
    throw new StrongroomError('USAGE', `${options.output}: a plan seals into an object store`, {
      hint: 'write to s3://BUCKET/KEY',
    });
  }
  const receipts = receiptPlace(next.id, options.receipts, options.output);
  const base = baseOf(source);
  const plan = await planSource(source, { followSymlinks });
  const { length } = plan.pieces;
  const payload = { length, segments: segmentCount(length, segmentBytes) };
  const parts = divideIntoParts({ ...payload, segmentBytes }, ranges);
  assertReceiptsFit(parts, payload, ranges, signer.card.suite.hash.bytes);
  if (!overwrite) await assertNameFree(at, signal);
  const beginning = await begin(options);
  const { core, ring, header, floe } = beginning;
  try {
    const content = { ...planStream(plan, base), ...(claims === undefined ? {} : { claims }) };
    const spans = Array.from({ length: ranges }, (_, range) => [
      partsOfRange(parts, payload, ranges, range).segments,
    ]);
    const hidden = hide(next, options, core, signer.card, { content, floe, spans });
    const upload = await beginUpload(at, signal);
    try {
      return await writeNewPlan(
        {
          ...commonOf(next, options, core, signer.card),
          ...hidden.signed,
          fileKey: sealFileKey({ core, id: next.id }, signer.card, beginning.fileKey),
          floe: base64(header),
          kind: 'seal',
          output: options.output,
          overwrite,
          parts,
          payload,
          receipts,
          ring: base64(ring.bytes),
          upload: upload.id,
          workers: hidden.workers,
        },
        hidden.bytes,
        signer,
        options.plan,
      );
    } catch (error) {
      await abortUpload(upload, AbortSignal.timeout(abortMs)).catch(() => {});
      throw error;
    }
  } finally {
    beginning.wipe();
  }
}

/** The real directory that the files of a source lie in. */
function baseOf(source: string): string {
  if (source === '-') {
    throw new StrongroomError('USAGE', 'a pipe is read once, and in order: it cannot be divided', {
      hint: 'save the tar to a file first',
    });
  }
  const stat = statSync(source, { throwIfNoEntry: false });
  if (stat === undefined) {
    throw new StrongroomError('NOT_FOUND', `${source}: no such file or directory`, {
      file: source,
    });
  }
  const real = realpathSync(source);
  return stat.isDirectory() ? real : dirname(real);
}
