/**
 * What custodians answer: an approval carries the share, sealed to the request's fresh key; a
 * proof only says that it was opened (docs/format.md, "Approvals and proofs").
 */
import { z } from 'zod';
import type { Core } from '../../archive/core.ts';
import { type QuorumStanza, sealedShareBytes } from '../../archive/quorum.ts';
import { base64, fromBase64, hex, wipe } from '../../bytes.ts';
import { sha384 } from '../../crypto/hash.ts';
import { hpkeSeal } from '../../crypto/hpke.ts';
import { StrongroomError } from '../../errors.ts';
import { type Card, cardDocumentSchema, isValidAt } from '../../keys/card.ts';
import type { Identity } from '../../keys/identity.ts';
import { schemas } from '../../keys/signed.ts';
import { timeOf } from '../../time.ts';
import { decodeSigned, encodeSigned } from './document.ts';
import { approvalInfo, type Question, type QuestionKind } from './question.ts';
import { openShare, shareOf } from './share.ts';

export type AnswerKind = 'approval' | 'proof';

/** The answer that a question asks for. */
export const answerTo: Readonly<Record<QuestionKind, AnswerKind>> = {
  request: 'approval',
  challenge: 'proof',
};

const common = {
  /** Base64: the digest of the question. */
  answers: schemas.base64(48),
  archive: schemas.keyId,
  card: cardDocumentSchema,
  core: schemas.base64(48),
  created: schemas.time,
  group: z.int().min(0).max(255),
  index: z.int().min(0).max(255),
  split: schemas.keyId,
  version: z.literal(1),
};

const signed = z.discriminatedUnion('type', [
  z.strictObject({
    ...common,
    enc: schemas.base64(),
    sealed: schemas.base64(sealedShareBytes),
    type: z.literal('strongroom/quorum-approval'),
  }),
  z.strictObject({
    ...common,
    commitment: schemas.base64(48),
    type: z.literal('strongroom/quorum-proof'),
  }),
]);

type Signed = z.infer<typeof signed>;

export interface Answer {
  readonly kind: AnswerKind;
  /** The custodian's, as they gave it; the key ring says whether its keys hold a share. */
  readonly card: Card;
  readonly signed: Signed;
  /** The file. */
  readonly bytes: Uint8Array;
  /** For messages. */
  readonly name: string;
}

/** Base64: SHA-384 over the document, without its newline. */
export const answerDigest = ({ bytes }: Answer): string => base64(sha384(bytes.subarray(0, -1)));

const payloadType = (kind: AnswerKind) => `application/vnd.strongroom.quorum-${kind}.v1+json`;

/**
 * The custodian's answer to a question that `assertAsks` let pass: opens their own share,
 * holds it against its commitment, and gives it to the request's key or keeps it.
 * @throws StrongroomError `NOT_A_HOLDER`, `SHARE_INVALID`, `SUITE_MISMATCH`, `CARD_EXPIRED`.
 */
export function answer(
  question: Question,
  quorum: QuorumStanza,
  identity: Identity,
  core: Core,
  commit: Uint8Array,
  now: string = timeOf(),
): Answer {
  const { card } = identity;
  const kind = answerTo[question.kind];
  const held = shareOf(quorum, card);
  if (held === undefined) throw notAHolder(card.name);
  if (!isValidAt(card, now)) {
    throw new StrongroomError('CARD_EXPIRED', `the card of ${card.name} is not valid now`);
  }
  const { stanza, place } = held;
  const body = {
    answers: base64(question.digest),
    archive: hex(core.archiveId),
    card: card.document,
    core: base64(core.hash),
    created: now,
    group: place.group,
    index: place.index,
    split: place.split,
    version: 1 as const,
  };
  const opened = openShare(stanza, identity, core, commit, place);
  try {
    const bytes = encodeSigned(
      { ...body, ...shareFor(question, opened, stanza.commitment, place) },
      payloadType(kind),
      identity,
    );
    return decodeAnswer(bytes, kind, `new ${kind}`);
  } finally {
    wipe(opened);
  }
}

/** What of the share goes into the answer. */
function shareFor(
  question: Question,
  opened: Uint8Array,
  commitment: string,
  { group, index }: { readonly group: number; readonly index: number },
) {
  if (question.signed.type === 'strongroom/quorum-challenge') {
    return { commitment, type: 'strongroom/quorum-proof' as const };
  }
  const recipient = fromBase64(question.signed.kem);
  const info = approvalInfo(question, group, index);
  const { enc, sealed } = hpkeSeal(question.card.suite, recipient, info, opened);
  return {
    enc: base64(enc),
    sealed: base64(sealed),
    type: 'strongroom/quorum-approval' as const,
  };
}

/**
 * Reads an answer: well formed, and signed by the card in it.
 * @throws StrongroomError `APPROVAL_INVALID`, `CARD_INVALID`, `KEY_INVALID`.
 */
export function decodeAnswer(bytes: Uint8Array, kind: AnswerKind, name: string): Answer {
  const document = decodeSigned(bytes, signed, payloadType, {
    name,
    code: 'APPROVAL_INVALID',
    kinds: [kind],
  });
  const { card, signed: body } = document;
  const refuse = (why: string) =>
    new StrongroomError('APPROVAL_INVALID', `${name}: ${why}`, { file: name });
  if (!isValidAt(card, body.created)) {
    throw refuse(`it was made at ${body.created}, when the card of ${card.name} was not valid`);
  }
  if (
    body.type === 'strongroom/quorum-approval' &&
    fromBase64(body.enc).length !== card.suite.kem.encBytes
  ) {
    throw refuse('its encapsulation has a wrong length');
  }
  return { kind, card, signed: body, bytes: new Uint8Array(bytes), name };
}

export const notAHolder = (name: string, file?: string) =>
  new StrongroomError(
    'NOT_A_HOLDER',
    `${file === undefined ? '' : `${file}: `}${name} holds no share of this quorum`,
    file === undefined ? {} : { file },
  );
