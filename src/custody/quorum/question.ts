/**
 * What custodians are asked: to approve a request, or to prove in a challenge that they still
 * could. Both are signed documents (docs/format.md, "Requests and challenges").
 */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Core } from '../../archive/core.ts';
import { base64, concat, equal, fromBase64, fromHex, hex, utf8 } from '../../bytes.ts';
import { sha384 } from '../../crypto/hash.ts';
import { StrongroomError } from '../../errors.ts';
import { type Card, cardDocumentSchema, isValidAt } from '../../keys/card.ts';
import type { Identity } from '../../keys/identity.ts';
import { schemas } from '../../keys/signed.ts';
import { timeOf } from '../../time.ts';
import { decodeSigned, encodeSigned } from './document.ts';
import { freshRequestKey, invalidRequestKey, type RequestKey } from './request-key.ts';

export type QuestionKind = 'request' | 'challenge';

const maxPurpose = 1024;

const common = {
  archive: schemas.keyId,
  card: cardDocumentSchema,
  core: schemas.base64(48),
  created: schemas.time,
  expires: schemas.time,
  nonce: schemas.base64(32),
  purpose: schemas.line(1, maxPurpose),
  split: schemas.keyId,
  version: z.literal(1),
};

const signed = z.discriminatedUnion('type', [
  z.strictObject({
    ...common,
    kem: schemas.base64(),
    type: z.literal('strongroom/quorum-request'),
  }),
  z.strictObject({ ...common, type: z.literal('strongroom/quorum-challenge') }),
]);

type Signed = z.infer<typeof signed>;

export interface Question {
  readonly kind: QuestionKind;
  /** Of whoever asks; nobody vouches for it but itself. */
  readonly card: Card;
  readonly signed: Signed;
  /** SHA-384 over the document: what answers name. */
  readonly digest: Uint8Array;
  /** The file. */
  readonly bytes: Uint8Array;
}

export interface NewQuestion {
  readonly core: Core;
  /** Which quorum is asked: hex, 32 bytes. */
  readonly split: string;
  /** For the custodians to read: 1 to 1024 characters. */
  readonly purpose: string;
  /** RFC 3339, UTC, whole seconds. */
  readonly expires: string;
  readonly signer: Identity;
  /** The time of asking instead of the clock's. */
  readonly now?: string | undefined;
}

/** A request, and the fresh private key that approvals of it are sealed to. */
export function createRequest(details: NewQuestion): {
  readonly request: Question;
  readonly key: RequestKey;
} {
  const fresh = freshRequestKey(details.core.suite);
  const kem = base64(details.core.suite.kem.publicKey(fresh.seed));
  const body = { ...bodyOf(details), kem, type: 'strongroom/quorum-request' as const };
  const request = ask(body, 'request', details.signer);
  return { request, key: { ...fresh, request: base64(request.digest) } };
}

export function createChallenge(details: NewQuestion): Question {
  const body = { ...bodyOf(details), type: 'strongroom/quorum-challenge' as const };
  return ask(body, 'challenge', details.signer);
}

function bodyOf({ core, split, purpose, expires, signer, now = timeOf() }: NewQuestion) {
  const refuse = (why: string) => new StrongroomError('USAGE', why);
  if (expires <= now) throw refuse('it would expire before it is asked');
  if (!common.purpose.safeParse(purpose).success) {
    throw refuse(`a purpose has 1 to ${maxPurpose} characters and no control characters`);
  }
  if (!isValidAt(signer.card, now)) {
    throw new StrongroomError('CARD_EXPIRED', `the card of ${signer.card.name} is not valid now`);
  }
  return {
    archive: hex(core.archiveId),
    card: signer.card.document,
    core: base64(core.hash),
    created: now,
    expires,
    nonce: base64(randomBytes(32)),
    purpose,
    split,
    version: 1 as const,
  };
}

const ask = (body: Signed, kind: QuestionKind, signer: Identity): Question =>
  decodeQuestion(encodeSigned(body, payloadType(kind), signer), [kind], `new ${kind}`);

const payloadType = (kind: QuestionKind) => `application/vnd.strongroom.quorum-${kind}.v1+json`;

/**
 * Reads a question: well formed, and signed by the card in it.
 * @param kinds those that are welcome.
 * @throws StrongroomError `REQUEST_INVALID`, `CARD_INVALID`, `KEY_INVALID`.
 */
export function decodeQuestion(
  bytes: Uint8Array,
  kinds: readonly QuestionKind[],
  name: string,
): Question {
  const document = decodeSigned(bytes, signed, payloadType, {
    name,
    code: 'REQUEST_INVALID',
    kinds,
  });
  const { kind, card, signed: body } = document;
  const refuse = (why: string) =>
    new StrongroomError('REQUEST_INVALID', `${name}: ${why}`, { file: name });
  if (body.expires <= body.created) throw refuse('it expires before it is asked');
  if (!isValidAt(card, body.created)) {
    throw refuse(`it was made at ${body.created}, when the card of ${card.name} was not valid`);
  }
  if (body.type === 'strongroom/quorum-request') {
    const kem = fromBase64(body.kem);
    if (kem.length !== card.suite.kem.publicKeyBytes) throw refuse('its key has a wrong length');
    card.suite.kem.validate(kem);
  }
  const digest = sha384(bytes.subarray(0, -1));
  return { kind, card, signed: body, digest, bytes: new Uint8Array(bytes) };
}

/** @throws StrongroomError `REQUEST_KEY_INVALID` unless it is the key of this request. */
export function assertKeyOf(request: Question, { seed, request: digest }: RequestKey): void {
  if (request.signed.type !== 'strongroom/quorum-request' || digest !== base64(request.digest)) {
    throw invalidRequestKey('it belongs to another request');
  }
  const { kem } = request.card.suite;
  if (
    seed.length !== kem.seedBytes ||
    !equal(kem.publicKey(seed), fromBase64(request.signed.kem))
  ) {
    throw invalidRequestKey('it is not the key that the request names');
  }
}

/** What an approval's share is sealed with: to this request, at this place of the split. */
export const approvalInfo = (
  request: Question,
  group: number,
  index: number,
): Uint8Array<ArrayBuffer> =>
  concat(
    utf8('strongroom/v1/approval'),
    request.digest,
    fromHex(request.signed.split),
    Uint8Array.of(group, index),
  );
