/** Receipts: what a worker signs of a range that it has done (docs/plans.md, "Receipts"). */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { payloadOffset } from '../archive/core.ts';
import { base64, concat, fromBase64, hex, utf8 } from '../bytes.ts';
import { floeHeaderBytes, segmentOverhead } from '../crypto/floe.ts';
import { StrongroomError } from '../errors.ts';
import { decodeJson, encodeJson } from '../json.ts';
import { type Card, isValidAt } from '../keys/card.ts';
import type { Identity } from '../keys/identity.ts';
import { schemas, signaturesVerify, signDocument, signsWith } from '../keys/signed.ts';
import { timeOf } from '../time.ts';
import { maxRanges, type Parts, partsOfRange, type Span, segmentsOfPart } from './division.ts';
import type { WorkPlan } from './document.ts';

const payloadType = 'application/vnd.strongroom.plan-receipt.v1+json';

/** Of the file, its newline included. */
export const maxReceiptBytes = 2 ** 26;
/** More than one of all parts has. */
const maxReceiptValues = 2 ** 18;
/** Segments that a receipt names as bad. */
export const maxBad = 64;

const part = z.strictObject({
  bytes: z.int().min(1),
  crc32: z.base64().length(8),
  etag: z.string().min(1).max(1024),
  /** The leaf hashes of its segments, in order. */
  leaves: schemas.base64(),
  number: z.int().min(1).max(maxRanges),
});

const common = {
  attempt: z.string().regex(/^[0-9a-f]{16}$/, 'not 16 hex digits'),
  created: schemas.time,
  index: z.int().min(0),
  /** Base64: the digest of the plan. */
  plan: schemas.base64(48),
  type: z.literal('strongroom/plan-receipt'),
  version: z.literal(1),
};

const signed = z.discriminatedUnion('did', [
  z.strictObject({ ...common, did: z.literal('seal'), parts: z.array(part).min(1) }),
  z.strictObject({
    ...common,
    bytes: z.int().min(0),
    did: z.literal('open'),
    files: z.int().min(0),
  }),
  z.strictObject({
    ...common,
    /** Segments that are not what was sealed; none if all are. */
    bad: z.array(z.int().min(0)).max(maxBad),
    did: z.literal('verify'),
  }),
]);

const document = z.strictObject({ signatures: schemas.signatures, signed });

export type ReceiptBody = z.infer<typeof signed>;
export type ReceiptPart = z.infer<typeof part>;
export type ReceiptOf<K extends ReceiptBody['did']> = Extract<ReceiptBody, { did: K }>;

/** What was done, without what every receipt says. */
export type Done =
  | Pick<ReceiptOf<'seal'>, 'did' | 'parts'>
  | Pick<ReceiptOf<'open'>, 'did' | 'bytes' | 'files'>
  | Pick<ReceiptOf<'verify'>, 'did' | 'bad'>;

export interface Receipt {
  readonly body: ReceiptBody;
  readonly worker: Card;
  /** Where it was found. */
  readonly name: string;
}

/** Of a part beside its leaves, and of a receipt beside its parts: more than they take. */
const besideLeaves = 2048;
const besideParts = 2 ** 16;

/**
 * Holds a division to be one that receipts can tell of.
 * @throws StrongroomError USAGE for ranges of too many segments.
 */
export function assertReceiptsFit(
  parts: Parts,
  payload: { readonly segments: number },
  ranges: number,
  hashBytes: number,
): void {
  const bytes = bytesFor(partsOfRange(parts, payload, ranges, 0), hashBytes);
  if (bytes <= maxReceiptBytes) return;
  throw new StrongroomError('USAGE', `too much for ${ranges} ranges`, {
    hint: `give --ranges ${ranges * Math.ceil(bytes / maxReceiptBytes)} or more`,
  });
}

const bytesFor = ({ parts, segments }: Record<'parts' | 'segments', Span>, hashBytes: number) =>
  besideParts +
  (parts.to - parts.from) * besideLeaves +
  Math.ceil((segments.to - segments.from) * hashBytes * (4 / 3));

/** More than a receipt of a range takes; who else can write there must not have more read. */
export function receiptBytesOf({ body, core }: WorkPlan, index: number): number {
  if (body.kind !== 'seal') return besideParts;
  const own = partsOfRange(body.parts, body.payload, body.ranges, index);
  return Math.min(bytesFor(own, core.suite.hash.bytes), maxReceiptBytes);
}

export const newAttempt = (): string => hex(randomBytes(8));

/** The bytes of a receipt's file. */
export function createReceipt(
  plan: WorkPlan,
  index: number,
  attempt: string,
  done: Done,
  worker: Identity,
): Uint8Array<ArrayBuffer> {
  const body: ReceiptBody = {
    ...done,
    attempt,
    created: timeOf(),
    index,
    plan: base64(plan.digest),
    type: 'strongroom/plan-receipt',
    version: 1,
  };
  return concat(encodeJson(signDocument(payloadType, body, worker)), utf8('\n'));
}

/**
 * Reads a receipt for range `index` of a plan: signed by one of its workers who may do that
 * range, while their card and the plan were valid, and as that range must be.
 * @throws StrongroomError RECEIPT_INVALID.
 */
export function decodeReceipt(
  bytes: Uint8Array,
  plan: WorkPlan,
  index: number,
  name: string,
): Receipt {
  const refuse = (what: string) =>
    new StrongroomError('RECEIPT_INVALID', `${name}: ${what}`, { file: name });
  if (bytes.at(-1) !== 0x0a) throw refuse('does not end with a newline');
  const { signatures, signed: body } = decodeJson(bytes.subarray(0, -1), document, {
    what: `${name}: receipt`,
    code: 'RECEIPT_INVALID',
    maxBytes: maxReceiptBytes - 1,
    maxValues: maxReceiptValues,
  });
  if (body.plan !== base64(plan.digest)) throw refuse('is of another plan');
  if (body.index !== index) throw refuse(`is of range ${body.index}, not ${index}`);
  if (body.did !== plan.body.kind) throw refuse(`tells of another kind of work: ${body.did}`);
  const ids = signatures.map(({ keyid }) => keyid);
  const at = plan.workers.findIndex((card) => signsWith(card, ids));
  const worker = plan.workers[at];
  if (worker === undefined) throw refuse('is signed by nobody whom the plan names');
  if (!mayDo(plan, at, index))
    throw refuse(`is of ${worker.name}, who was not assigned range ${index}`);
  if (!signaturesVerify(payloadType, encodeJson(body), signatures, worker)) {
    throw refuse(`the signature of ${worker.name} is wrong`);
  }
  if (!isValidAt(worker, body.created)) {
    throw refuse(`was made at ${body.created}, when the card of ${worker.name} was not valid`);
  }
  if (body.created < plan.body.created || body.created >= plan.body.expires) {
    throw refuse(`was made at ${body.created}, when the plan was not valid`);
  }
  const fault = body.did === 'seal' ? faultInParts(body.parts, plan, index) : undefined;
  if (fault !== undefined) throw refuse(fault);
  return { body, worker, name };
}

/** Whether the plan lets worker `at` do a range. */
export const mayDo = ({ body, workers }: WorkPlan, at: number, index: number): boolean =>
  !body.assigned || index % workers.length === at;

function faultInParts(
  parts: readonly ReceiptPart[],
  { body, core }: WorkPlan,
  index: number,
): string | undefined {
  if (body.kind !== 'seal') return 'tells of parts';
  const { parts: span } = partsOfRange(body.parts, body.payload, body.ranges, index);
  if (parts.length !== span.to - span.from) return 'has not the parts of its range';
  for (const [i, { number, leaves, bytes }] of parts.entries()) {
    const segments = segmentsOfPart(body.parts, body.payload, span.from + i);
    if (number !== span.from + i + 1) return `has part ${number} in the place of another`;
    const front = number === 1 ? payloadOffset(core) + floeHeaderBytes : 0;
    const { length, segments: all } = body.payload;
    const end = segments.to === all ? length : segments.to * core.segmentBytes;
    const held = end - segments.from * core.segmentBytes;
    if (bytes !== front + held + (segments.to - segments.from) * segmentOverhead) {
      return `states a wrong length of part ${number}`;
    }
    if (fromBase64(leaves).length !== (segments.to - segments.from) * core.suite.hash.bytes) {
      return `has not the leaves of part ${number}`;
    }
  }
  return undefined;
}
