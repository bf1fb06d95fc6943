/** A range of a plan to seal: its segments are made and sent as the parts that they belong to. */

import { availableParallelism } from 'node:os';
import { payloadOffset } from '../../archive/core.ts';
import { LeafCollector } from '../../archive/jobs/leaves.ts';
import { type PartsTarget, partsBytes } from '../../archive/jobs/parts.ts';
import { runParallel } from '../../archive/worker.ts';
import { base64 } from '../../bytes.ts';
import { locationOf } from '../../engine/locate.ts';
import { headOf, listParts, type UploadedPart } from '../../engine/remote/multipart.ts';
import { sharedBytes } from '../../engine/shared.ts';
import { StrongroomError } from '../../errors.ts';
import { partsOfRange, segmentsOfPart } from '../../scale/division.ts';
import type { BodyOf } from '../../scale/document.ts';
import type { ReceiptPart } from '../../scale/receipt.ts';
import { assertUnreadAsPlanned, piecesFor, realPath } from '../../scale/stream.ts';
import { isHeld } from '../../scale/winners.ts';
import { readReceipts } from './place.ts';
import { type Range, type RangeWork, wipeWindows } from './range.ts';
import { frontOfPlan, openWindows, readSealing } from './secrets.ts';
import { uploadOf } from './show.ts';

/** What the parts of an upload may take in memory. */
const usualPartMemory = 2 ** 31;

export async function sealRange(range: Range, body: BodyOf<'seal'>): Promise<RangeWork> {
  const { plan, worker, index, options } = range;
  const { identity } = options;
  const source = options.source === undefined ? undefined : realPath(options.source);
  const { core } = plan;
  const { segmentBytes, suite } = core;
  const { parts, segments } = partsOfRange(body.parts, body.payload, body.ranges, index);
  const span = {
    from: segments.from * segmentBytes,
    to: Math.min(segments.to * segmentBytes, body.payload.length),
  };
  const counted = {
    bytes: span.to - span.from,
    segments: segments.to - segments.from,
    parts: parts.to - parts.from,
  };
  if (await isDone(range, body)) return counted;

  const content = await readSealing(plan, identity, body.workers[worker]?.key);
  assertUnreadAsPlanned(content, body.ranges, index, source);
  const pieces = piecesFor(content, body.payload.length, span, plan.name, source);
  const windows = openWindows(plan, body, worker, identity, [segments]);
  try {
    const output: PartsTarget = {
      kind: 'parts',
      upload: uploadOf(body),
      front: parts.from === 0 ? frontOfPlan(plan, body) : new Uint8Array(),
      runSegments: body.parts.segments,
      done: sharedBytes(0),
      share: { ...parts, of: body.parts.count },
    };
    const payload = {
      hash: suite.hash.name,
      at: payloadOffset(core),
      segmentBytes,
      ...body.payload,
    };
    const leaves = new LeafCollector(suite.hash.bytes, counted.segments);
    const made: UploadedPart[] = [];
    const { partMemory = usualPartMemory, threads = availableParallelism() } = options;
    const affordable = Math.max(1, Math.floor(partMemory / partsBytes(output, payload)));
    const floe = { windows, segmentBytes };
    await runParallel(
      { kind: 'seal', payload, floe, pieces, output, digests: undefined },
      { ...options, threads: Math.min(threads, affordable, counted.parts) },
      ({ indices, hashes }) =>
        leaves.add({ indices: indices.map((at) => at - segments.from), hashes }),
      undefined,
      (report) => {
        if ('part' in report) made.push(report.part);
      },
    );
    const hashes = leaves.hashes(counted.segments);
    const told = made
      .sort((a, b) => a.number - b.number)
      .map((part): ReceiptPart => {
        const own = segmentsOfPart(body.parts, body.payload, part.number - 1);
        const at = (segment: number) => (segment - segments.from) * suite.hash.bytes;
        return { ...part, leaves: base64(hashes.subarray(at(own.from), at(own.to))) };
      });
    return { ...counted, done: { did: 'seal', parts: told } };
  } finally {
    wipeWindows(windows);
  }
}

/** Whether a receipt tells of the range, and the store still has what it tells of. */
async function isDone({ plan, index, signal }: Range, body: BodyOf<'seal'>): Promise<boolean> {
  const { receipts } = await readReceipts(plan, signal, index);
  const { parts } = partsOfRange(body.parts, body.payload, body.ranges, index);
  const numbers = { from: parts.from + 1, to: parts.to + 1 };
  const held = await listParts(uploadOf(body), signal, numbers);
  if (held !== undefined) {
    return receipts.some(
      ({ body: told }) =>
        told.did === 'seal' && told.parts.every((part) => isHeld(part, held.get(part.number))),
    );
  }
  const at = locationOf(body.output);
  const isThere = at.kind === 's3' && (await headOf(at, signal)) !== undefined;
  if (isThere && receipts.length > 0) return true;
  throw new StrongroomError(
    'UPLOAD_INVALID',
    `${body.output}: the upload of the plan is not there`,
    {
      file: body.output,
      hint: isThere ? 'the plan was finished' : 'it was given up: make a new plan',
    },
  );
}
