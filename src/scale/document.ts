/**
 * Work plans: a signed line that anybody may read, and behind it what only the planner and the
 * workers can (docs/plans.md, "The plan").
 */
import { basename, dirname, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { type Core, coreBytes, decodeCore } from '../archive/core.ts';
import { sealedKeyBytes } from '../archive/filekey.ts';
import { concat, equal, fromBase64, fromHex, hex, utf8 } from '../bytes.ts';
import { floeHeaderBytes, segmentCount, windowSegments } from '../crypto/floe.ts';
import { sha384 } from '../crypto/hash.ts';
import { maxSegments } from '../crypto/segment.ts';
import { StrongroomError } from '../errors.ts';
import { decodeJson, encodeJson } from '../json.ts';
import { type Card, cardDocumentSchema, cardOf, isValidAt } from '../keys/card.ts';
import { assertSignedWhileActive } from '../keys/enforce.ts';
import { treeDigest } from '../keys/envelope.ts';
import type { Identity } from '../keys/identity.ts';
import { type Trust, trustedCard } from '../keys/policy.ts';
import { schemas, signaturesVerify, signDocument } from '../keys/signed.ts';
import { cutText } from '../text.ts';
import { maxRanges, type Parts } from './division.ts';
import { maxPrivateBytes } from './private.ts';

const payloadType = 'application/vnd.strongroom.plan.v1+json';

/** Of the signed line. */
const maxSignedBytes = 2 ** 26;
/** More than any line of 64 MiB has. */
const maxValues = 2 ** 20;
export const maxPlanBytes = maxSignedBytes + 1 + maxPrivateBytes;
export const maxWorkers = 4096;

const stanza = { enc: schemas.base64(), sealed: schemas.base64(sealedKeyBytes) };
const place = z.string().min(1).max(4096);

const worker = z.strictObject({
  card: cardDocumentSchema,
  /** The plan key. */
  key: z.strictObject(stanza).exactOptional(),
  /** The keys of windows of the payload. */
  windows: z
    .array(z.strictObject({ ...stanza, first: z.int().min(0) }))
    .max(maxSegments / windowSegments)
    .exactOptional(),
});

const common = {
  archive: schemas.keyId,
  /** Range `i` is for worker `i mod n` alone. */
  assigned: z.boolean(),
  core: schemas.base64(coreBytes),
  created: schemas.time,
  expires: schemas.time,
  id: schemas.keyId,
  payload: z.strictObject({ length: z.int().min(0), segments: z.int().min(1).max(maxSegments) }),
  planner: z.strictObject({ keys: z.array(schemas.keyId).min(1).max(8), name: schemas.name() }),
  ranges: z.int().min(1).max(maxRanges),
  receipts: place,
  type: z.literal('strongroom/plan'),
  version: z.literal(1),
  workers: z.array(worker).min(1).max(maxWorkers),
};

/** What only the planner and the workers can read: how long it is, and its SHA-384. */
const hidden = {
  plannerKey: z.strictObject(stanza),
  private: z.strictObject({
    bytes: z.int().min(1).max(maxPrivateBytes),
    digest: schemas.base64(48),
  }),
};

/** The archive that is read, and what it was when the plan was made. */
const source = {
  contentRoot: treeDigest,
  source: z.strictObject({ address: place, bytes: z.int().min(1), tilesAt: z.int().min(0) }),
};

const signed = z.discriminatedUnion('kind', [
  z.strictObject({
    ...common,
    ...hidden,
    /** Sealed to the author alone. */
    fileKey: z.strictObject(stanza),
    floe: schemas.base64(floeHeaderBytes),
    kind: z.literal('seal'),
    output: place,
    overwrite: z.boolean(),
    parts: z.strictObject({ count: z.int().min(1).max(maxRanges), segments: z.int().min(1) }),
    /** The archive's first key ring. */
    ring: schemas.base64(),
    upload: z.string().min(1).max(2048),
  }),
  z.strictObject({
    ...common,
    ...hidden,
    ...source,
    by: z.enum(['segments', 'files']),
    kind: z.literal('open'),
    /** Absent where every worker opens onto its own disk. */
    output: place.exactOptional(),
    /** The directory that is filled before it gets the name of the output. */
    stage: place.exactOptional(),
  }),
  z.strictObject({ ...common, ...source, kind: z.literal('verify') }),
]);

export type PlanBody = z.infer<typeof signed>;
export type PlanKind = PlanBody['kind'];
export type BodyOf<K extends PlanKind> = Extract<PlanBody, { kind: K }>;

export interface WorkPlan {
  readonly body: PlanBody;
  readonly core: Core;
  readonly workers: readonly Card[];
  /** SHA-384 over the signed line: what receipts name. */
  readonly digest: Uint8Array;
  /** As encrypted; none in a plan to verify. */
  readonly hidden: Uint8Array;
  /** For messages. */
  readonly name: string;
  readonly verifies: (card: Card) => boolean;
}

/** The bytes of a plan's file. */
export function encodePlan(
  body: PlanBody,
  hidden: Uint8Array,
  signer: Identity,
): Uint8Array<ArrayBuffer> {
  const line = encodeJson(signDocument(payloadType, body, signer));
  if (line.length <= maxSignedBytes) return concat(line, utf8('\n'), hidden);
  throw new StrongroomError('USAGE', 'too many workers and windows for one plan', {
    hint: 'name fewer workers, or use --assign',
  });
}

/**
 * Parses a plan. It is not trusted yet.
 * @throws StrongroomError PLAN_INVALID; and of the core and the cards.
 */
export function decodePlan(bytes: Uint8Array, name: string): WorkPlan {
  const invalid = (what: string) =>
    new StrongroomError('PLAN_INVALID', `${name}: ${what}`, { file: name });
  const end = bytes.subarray(0, maxSignedBytes + 1).indexOf(0x0a);
  if (end < 0) throw invalid('not a work plan');
  const line = bytes.subarray(0, end);
  const document = z.strictObject({ signatures: schemas.signatures, signed });
  const kind = {
    what: `${name}: work plan`,
    code: 'PLAN_INVALID',
    maxBytes: maxSignedBytes,
    maxValues,
  } as const;
  const { signatures, signed: body } = decodeJson(line, document, kind);
  const core = decodeCore(fromBase64(body.core), name);
  const workers = body.workers.map(({ card }) => cardOf(card));
  const hidden = bytes.subarray(end + 1);
  const fault = faultIn(body, core, workers, hidden);
  if (fault !== undefined) throw invalid(fault);
  const encoded = encodeJson(body);
  return {
    body,
    core,
    workers,
    digest: sha384(line),
    hidden,
    name,
    verifies: (card) => signaturesVerify(payloadType, encoded, signatures, card),
  };
}

/** What the schema cannot say. */
function faultIn(
  body: PlanBody,
  core: Core,
  workers: readonly Card[],
  hidden: Uint8Array,
): string | undefined {
  const { segments, length } = body.payload;
  if (body.archive !== hex(core.archiveId)) return 'names another archive than its core';
  if (segments !== segmentCount(length, core.segmentBytes))
    return 'states a wrong number of segments';
  if (workers.some(({ suite }) => suite !== core.suite)) return 'has a worker of another suite';
  if (workers.some(({ imported }) => imported)) return 'has a worker whose card proves nothing';
  if (new Set(workers.map(({ kem }) => kem.id)).size !== workers.length)
    return 'names a worker twice';
  const stanzas = body.workers.flatMap(({ key, windows = [] }) => [
    ...(key ? [key] : []),
    ...windows,
  ]);
  if (stanzas.some(({ enc }) => fromBase64(enc).length !== core.suite.kem.encBytes)) {
    return 'has an encapsulation of the wrong length';
  }
  const at = (first: number) => first % windowSegments === 0 && first < segments;
  if (body.workers.some(({ windows = [] }) => windows.some(({ first }) => !at(first)))) {
    return 'has a key of a window that the payload does not have';
  }
  if (body.kind === 'verify') return hidden.length === 0 ? undefined : 'goes on after its end';
  if (
    hidden.length !== body.private.bytes ||
    !equal(sha384(hidden), fromBase64(body.private.digest))
  ) {
    return 'its private part is not the one that was signed';
  }
  if (body.workers.some(({ key, windows }) => key === undefined || windows === undefined)) {
    return 'has a worker without keys';
  }
  if (body.kind === 'open') return faultInOpen(body, core);
  if (body.planner.keys.join() !== core.authors.join()) return 'was not made by the author';
  return faultInParts(body.parts, segments, body.ranges);
}

/**
 * The directory that is filled before it gets the name of `output`: beside it, and of this plan
 * alone, so that no plan can have another one filled.
 */
export const stageOf = (output: string, id: string): string => {
  const name = cutText(basename(output), 40);
  return join(dirname(output), `.${name}.${id.slice(0, 12)}.partial`);
};

function faultInOpen(body: BodyOf<'open'>, core: Core): string | undefined {
  const { output, stage } = body;
  if ((output === undefined) !== (stage === undefined)) return 'names an output without a stage';
  if (output !== undefined && (!isAbsolute(output) || stage !== stageOf(output, body.id))) {
    return 'names a stage that is not its own';
  }
  if (body.output === undefined && body.by === 'segments') return 'names no output';
  return fromHex(body.contentRoot).length === core.suite.hash.bytes
    ? undefined
    : 'has a root of the wrong length';
}

function faultInParts(
  { count, segments: each }: Parts,
  segments: number,
  ranges: number,
): string | undefined {
  if (count < ranges) return 'has fewer parts than ranges';
  return (count - 1) * each < segments ? undefined : 'has more parts than segments';
}

/**
 * Holds a plan to be of someone whom the reader trusts: as an author, since who plans says what
 * the content is, or, if it is to verify, as a custodian.
 * @throws StrongroomError PLAN_UNTRUSTED, KEY_COMPROMISED.
 */
export function trustPlan(plan: WorkPlan, trust: Trust): Card {
  const { body, core, name } = plan;
  const { created: time, planner } = body;
  const untrusted = (what: string) =>
    new StrongroomError('PLAN_UNTRUSTED', `${name}: ${what}`, { file: name });
  const card =
    trustedCard(trust, 'author', planner.keys) ??
    (body.kind === 'verify' ? trustedCard(trust, 'custodian', planner.keys) : undefined);
  if (card === undefined || card.suite !== core.suite)
    throw untrusted('was made by someone who is not trusted');
  if (!plan.verifies(card)) throw untrusted(`the signature of ${card.name} on the plan is wrong`);
  if (!isValidAt(card, time)) {
    throw untrusted(`was made at ${time}, when the card of ${card.name} was not valid`);
  }
  assertSignedWhileActive(trust, { by: card, time, name, verb: 'planned', code: 'PLAN_UNTRUSTED' });
  return card;
}

/** @throws StrongroomError PLAN_EXPIRED. */
export function assertCurrent({ body, name }: WorkPlan, now: string): void {
  if (now < body.expires) return;
  throw new StrongroomError('PLAN_EXPIRED', `${name}: expired at ${body.expires}`, { file: name });
}
