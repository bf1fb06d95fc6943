/**
 * The transcript of a ceremony, signed by its administrator and every witness
 * (docs/format.md, "Ceremonies").
 */
import { z } from 'zod';
import { concat, utf8 } from '../../bytes.ts';
import { type SuiteName, suites } from '../../crypto/suites.ts';
import { isStrongroomError, StrongroomError } from '../../errors.ts';
import { decodeJson, encodeJson } from '../../json.ts';
import { type Card, cardDocumentSchema, cardOf, isValidAt } from '../../keys/card.ts';
import type { Identity } from '../../keys/identity.ts';
import { sharesKey } from '../../keys/policy.ts';
import { type Signature, schemas, signaturesVerify, signBytes } from '../../keys/signed.ts';
import { custodiansOf, faultIn, groupsSchema, maxPeople, roleNames, titleSchema } from './plan.ts';
import { maxEntries, maxEntry } from './record.ts';

export const maxTranscriptBytes = 2 ** 21;

const payloadType = 'application/vnd.strongroom.ceremony-transcript.v1+json';

const person = schemas.name();

const entries = z
  .array(z.strictObject({ text: schemas.text(1, maxEntry), time: schemas.time }))
  .max(maxEntries);

const signedSchema = z.strictObject({
  created: schemas.time,
  deviations: entries,
  ended: schemas.time,
  groups: groupsSchema,
  machine: z.strictObject({
    node: schemas.text(1, 64),
    platform: schemas.text(1, 64),
    routes: z.array(schemas.text(1, 64)).max(64).exactOptional(),
  }),
  people: z
    .array(z.strictObject({ card: cardDocumentSchema, role: z.enum(roleNames) }))
    .min(3)
    .max(maxPeople),
  plan: schemas.base64(48),
  recovery: z.strictObject({
    custodians: z.array(person).min(1).max(maxPeople),
    split: schemas.keyId,
    time: schemas.time,
  }),
  rehearsal: z.literal(true).exactOptional(),
  steps: entries,
  suite: z.enum(Object.keys(suites) as SuiteName[]),
  title: titleSchema,
  type: z.literal('strongroom/ceremony-transcript'),
  version: z.literal(1),
});

const documentSchema = z.strictObject({
  signatures: z.array(schemas.signatures).min(2).max(maxPeople),
  signed: signedSchema,
});

export type TranscriptBody = z.infer<typeof signedSchema>;

export interface Transcript {
  readonly signed: TranscriptBody;
  /** In the order of `signed.people`. */
  readonly cards: readonly Card[];
}

/** The signatures of one person over the transcript as it will stand. */
export const signTranscript = (body: TranscriptBody, signer: Identity): Signature[] =>
  signBytes(payloadType, encodeJson(body), signer);

/** The file: `signatures` of the administrator, then of the witnesses in their order. */
export const encodeTranscript = (
  signed: TranscriptBody,
  signatures: readonly (readonly Signature[])[],
): Uint8Array => concat(encodeJson({ signatures, signed }), utf8('\n'));

/**
 * Reads a transcript: well formed, consistent in itself, and signed by all who have to. Whether
 * any of them can be trusted is for the caller.
 * @throws StrongroomError `TRANSCRIPT_INVALID`.
 */
export function decodeTranscript(bytes: Uint8Array, file: string): Transcript {
  const refuse = (why: string, cause?: unknown) =>
    new StrongroomError('TRANSCRIPT_INVALID', `${file}: ${why}`, { file, cause });
  if (bytes.at(-1) !== 0x0a) throw refuse('it does not end with a newline');
  const { signatures, signed } = decodeJson(bytes.subarray(0, -1), documentSchema, {
    what: `${file}: transcript`,
    code: 'TRANSCRIPT_INVALID',
    maxBytes: maxTranscriptBytes - 1,
  });
  let cards: Card[];
  try {
    cards = signed.people.map(({ card }) => cardOf(card));
  } catch (cause) {
    if (!isStrongroomError(cause)) throw cause;
    throw refuse(cause.message, cause);
  }
  const fault = faultInBody(signed, cards);
  if (fault !== undefined) throw refuse(fault);
  const signers = cards.filter((_, i) => signed.people[i]?.role !== 'custodian');
  if (signatures.length !== signers.length) throw refuse('not all who have to have signed it');
  const body = encodeJson(signed);
  for (const [i, card] of signers.entries()) {
    if (signaturesVerify(payloadType, body, signatures[i] ?? [], card)) continue;
    throw refuse(`the signature of ${card.name} is wrong`);
  }
  return { signed, cards };
}

/** What contradicts itself; `undefined` if nothing does. */
function faultInBody(signed: TranscriptBody, cards: readonly Card[]): string | undefined {
  const { groups, people, recovery, created, ended, suite } = signed;
  const fault = faultIn(cards, groups);
  if (fault !== undefined) return fault;
  const order = people.map(({ role }) => roleNames.indexOf(role));
  const isSorted = order.every((rank, i) => i === 0 || rank >= (order[i - 1] ?? 0));
  const [first, second] = people.map(({ role }) => role);
  if (first !== 'administrator' || second !== 'witness' || !isSorted) {
    return 'its people are not an administrator, witnesses and custodians in this order';
  }
  const custodians = cards.filter((_, i) => people[i]?.role === 'custodian');
  if (custodians.map(({ name }) => name).join('\n') !== custodiansOf(groups).join('\n')) {
    return 'its custodians are not those of its groups';
  }
  for (const [i, card] of cards.entries()) {
    if (card.imported) return `the card of ${card.name} is imported, and proves nothing`;
    if (cards.slice(i + 1).some((other) => sharesKey(card, other))) return 'two people share a key';
    if (!isValidAt(card, ended)) return `the card of ${card.name} is not valid at ${ended}`;
  }
  for (const card of custodians) {
    if (card.suite.name !== suite) return `the card of ${card.name} is of another suite`;
    if (card.created < created) return `the key of ${card.name} was not made in it`;
  }
  const opened = new Set(recovery.custodians);
  if (opened.size < recovery.custodians.length) return 'a custodian took part in recovery twice';
  for (const { name, threshold, custodians: names } of groups) {
    const present = names.filter((each) => opened.delete(each)).length;
    if (present < threshold) return `${name}: too few took part in the recovery rehearsal`;
  }
  if (opened.size > 0) return 'someone took part in recovery who is no custodian';
  const times = [created, ...signed.steps.map(({ time }) => time), ended];
  if (times.some((time, i) => i > 0 && time < (times[i - 1] ?? ''))) return 'its times go back';
  const within = [recovery.time, ...signed.deviations.map(({ time }) => time)];
  if (within.some((time) => time < created || time > ended)) return 'its times go back';
  return undefined;
}
