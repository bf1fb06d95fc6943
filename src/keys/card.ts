/**
 * Cards: the public half of an identity, signed by its own keys.
 *
 * docs/format.md#cards
 */
import { z } from 'zod';
import { base64, concat, fromBase64, fromHex, utf8 } from '../bytes.ts';
import { sha384 } from '../crypto/hash.ts';
import { keyId, type Suite, type SuiteName, suites } from '../crypto/suites.ts';
import { StrongroomError } from '../errors.ts';
import { decodeJson, encodeJson } from '../json.ts';
import { timeOf } from '../time.ts';
import { type PublicKey, schemas, signaturesVerify, type Verifier } from './signed.ts';

/** What a card's own keys sign it as. */
export const cardPayloadType = 'application/vnd.strongroom.card.v1+json';

/** Of the file, its newline included. */
export const maxCardBytes = 65536;

/** A card as it is written; `decodeCard` adds what the schema cannot check. */
export const cardDocumentSchema = z.strictObject({
  signatures: schemas.signatures,
  signed: z.strictObject({
    created: schemas.time,
    expires: schemas.time.exactOptional(),
    imported: z.literal(true).exactOptional(),
    kem: schemas.base64(),
    name: schemas.name(),
    sign: z.array(schemas.base64()).max(8),
    suite: z.enum(Object.keys(suites) as SuiteName[]),
    type: z.literal('strongroom/card'),
    version: z.literal(1),
  }),
});

export type CardDocument = z.infer<typeof cardDocumentSchema>;

export interface Card extends Verifier {
  readonly name: string;
  readonly created: string;
  readonly expires?: string;
  /** Made from bare public keys: it proves nothing about itself. */
  readonly imported: boolean;
  readonly kem: PublicKey;
  /** Empty only in an imported card, of a mere recipient. */
  readonly signing: readonly PublicKey[];
  /** For reading aloud: five groups of five characters. */
  readonly fingerprint: string;
  readonly document: CardDocument;
}

/** What its owner says on a card. */
export interface CardDetails {
  readonly name: string;
  /** RFC 3339, UTC, whole seconds; a card without it does not expire. */
  readonly expires?: string | undefined;
  /** The time of creation instead of the clock's. */
  readonly now?: string | undefined;
}

/**
 * Reads a card: the canonical bytes and one newline, self-signed unless it is imported.
 * @throws StrongroomError `CARD_INVALID`, or `KEY_INVALID` for a malformed public key.
 */
export function decodeCard(bytes: Uint8Array): Card {
  if (bytes.length > maxCardBytes) throw invalid(`longer than ${maxCardBytes} bytes`);
  if (bytes.includes(0x0d)) {
    throw invalid('it has carriage returns', 'copy the file as it is, without changing line ends');
  }
  if (bytes.at(-1) !== 0x0a) throw invalid('it does not end with a newline');
  const kind = { what: 'card', code: 'CARD_INVALID', maxBytes: maxCardBytes } as const;
  return cardOf(decodeJson(bytes.subarray(0, -1), cardDocumentSchema, kind));
}

/** The bytes of the card's file. */
export function encodeCard(card: Card): Uint8Array {
  return concat(encodeJson(card.document), utf8('\n'));
}

/** The card that a document describes, after the checks of `decodeCard`. */
export function cardOf(document: CardDocument): Card {
  const { signed, signatures } = document;
  const suite = suites[signed.suite];
  const imported = signed.imported ?? false;
  if (signed.sign.length !== suite.signatures.length && !(imported && signed.sign.length === 0)) {
    throw invalid(`a card of suite ${suite.name} has ${suite.signatures.length} signing keys`);
  }
  const kem = publicKeyOf(suite.kem, fromBase64(signed.kem));
  const signing = suite.signatures
    .slice(0, signed.sign.length)
    .map((algorithm, i) => publicKeyOf(algorithm, fromBase64(signed.sign[i] ?? '')));
  const verifies = imported
    ? signatures.length === 0
    : signaturesVerify(cardPayloadType, encodeJson(signed), signatures, { suite, signing });
  if (!verifies) throw invalid('its signature is not its own');
  return {
    name: signed.name,
    suite,
    created: signed.created,
    ...(signed.expires === undefined ? {} : { expires: signed.expires }),
    imported,
    kem,
    signing,
    fingerprint: fingerprintOf([kem, ...signing]),
    document,
  };
}

/**
 * The part of a new card that is signed.
 * @throws StrongroomError `USAGE` if a detail is not fit for a card.
 */
export function cardBody(
  suite: Suite,
  publicKeys: readonly [kem: Uint8Array, ...signing: Uint8Array[]],
  { name, expires, now = timeOf() }: CardDetails,
): CardDocument['signed'] {
  const [kem, ...sign] = publicKeys.map(base64);
  const parsed = cardDocumentSchema.shape.signed.safeParse({
    created: now,
    ...(expires === undefined ? {} : { expires }),
    kem,
    name,
    sign,
    suite: suite.name,
    type: 'strongroom/card',
    version: 1,
  });
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new StrongroomError('USAGE', `${issue?.path.join('.')}: ${issue?.message}`);
  }
  if (expires !== undefined && expires <= now) {
    throw new StrongroomError('USAGE', `the card would expire at ${expires}, before it is made`);
  }
  return parsed.data;
}

/** A card of bare public keys: of a recipient, or with all signing keys of the suite. */
export function importedCard(
  suite: Suite,
  publicKeys: readonly [kem: Uint8Array, ...signing: Uint8Array[]],
  details: CardDetails,
): Card {
  return cardOf({
    signatures: [],
    signed: { ...cardBody(suite, publicKeys, details), imported: true },
  });
}

/** Whether `time` lies within the card's validity: from `created`, and before `expires`. */
export function isValidAt(card: Card, time: string): boolean {
  return card.created <= time && (card.expires === undefined || time < card.expires);
}

/**
 * Holds a recipient or signer fit for a new archive or grant.
 * @throws StrongroomError `SUITE_MISMATCH` or `CARD_EXPIRED`.
 */
export function assertSealable(card: Card, suite: Suite, now: string): void {
  if (card.suite.id !== suite.id) {
    throw new StrongroomError(
      'SUITE_MISMATCH',
      `the card of ${card.name} is of suite ${card.suite.name}, not ${suite.name}`,
    );
  }
  if (isValidAt(card, now)) return;
  throw new StrongroomError(
    'CARD_EXPIRED',
    now < card.created
      ? `the card of ${card.name} is not valid before ${card.created}`
      : `the card of ${card.name} expired at ${card.expires}`,
    now < card.created ? { hint: 'check the clock of this machine' } : {},
  );
}

/** The part of a row of the suite table that a public key is read by. */
interface KeyAlgorithm {
  readonly name: string;
  readonly publicKeyBytes: number;
  readonly spkiPrefix: Uint8Array;
  validate(publicKey: Uint8Array): void;
}

function publicKeyOf(algorithm: KeyAlgorithm, publicKey: Uint8Array): PublicKey {
  if (publicKey.length !== algorithm.publicKeyBytes) {
    throw invalid(`its ${algorithm.name} key is not of ${algorithm.publicKeyBytes} bytes`);
  }
  algorithm.validate(publicKey);
  return { id: keyId(algorithm.spkiPrefix, publicKey), publicKey };
}

/** Crockford's base 32 leaves out I, L, O and U, which are misheard and misread. */
const crockford = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

function fingerprintOf(keys: readonly PublicKey[]): string {
  const ids = keys.map((key) => fromHex(key.id));
  const digest = Buffer.from(sha384(concat(utf8('strongroom/v1/card'), ...ids)));
  // 125 bits are 25 digits; the lowest 3 of 128 bits are left out
  let bits = digest.readBigUInt64BE(0) * 2n ** 61n + digest.readBigUInt64BE(8) / 8n;
  let digits = '';
  for (let i = 0; i < 25; i += 1) {
    digits = crockford.charAt(Number(bits % 32n)) + digits;
    bits /= 32n;
  }
  return digits.replace(/.{5}(?=.)/g, '$&-');
}

const invalid = (why: string, hint?: string) =>
  new StrongroomError('CARD_INVALID', `card: ${why}`, hint === undefined ? {} : { hint });
