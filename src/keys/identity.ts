/**
 * Identities: a card and the secret seeds behind it, and the file that keeps them.
 *
 * docs/format.md#identities; Argon2id: RFC 9106. Secrets never become strings here, since
 * strings cannot be wiped; where a passphrase is the exception, see passphrase.ts.
 */
import { z } from 'zod';
import { concat, equal, randomSecret, secretCopy, utf8, wipe } from '../bytes.ts';
import type { Argon2Cost } from '../crypto/argon2.ts';
import { keyId, type Suite, type SuiteName, suites } from '../crypto/suites.ts';
import { isStrongroomError, StrongroomError } from '../errors.ts';
import { decodeJson, encodeJson } from '../json.ts';
import {
  type Anchor,
  type IdentityProtection,
  identityProtectionSchema,
  type Kept,
  kindOf,
  type Wrapping,
} from './anchor/anchor.ts';
import {
  type AskPassphrase,
  passphraseAnchor,
  passphraseWrapping,
  plainAnchor,
  plainWrapping,
} from './anchor/builtin.ts';
import {
  type Card,
  type CardDetails,
  cardBody,
  cardDocumentSchema,
  cardOf,
  cardPayloadType,
} from './card.ts';
import { lockBytes } from './protection.ts';
import { hexDecode, hexEncode } from './secret-text.ts';
import { signDocument } from './signed.ts';

export const maxIdentityBytes = 131072;

export interface Identity {
  readonly card: Card;
  readonly kemSeed: Uint8Array;
  /** In the order of the suite's signature algorithms. */
  readonly signingSeeds: readonly Uint8Array[];
  /** Overwrites the seeds; the identity is of no use afterwards. */
  wipe(): void;
}

export type Protection =
  | { readonly passphrase: Uint8Array; readonly cost?: Argon2Cost }
  /** For machines: the file's mode is all that protects it. */
  | 'none';

const identitySchema = z.strictObject({
  card: cardDocumentSchema,
  protection: identityProtectionSchema,
  type: z.literal('strongroom/identity'),
  version: z.literal(1),
});

/**
 * Makes a new identity, of suite `hybrid` unless another is named.
 * @throws StrongroomError `USAGE` if the name or a time is not fit for a card.
 */
export function createIdentity({
  suite: suiteName = 'hybrid',
  ...details
}: CardDetails & { readonly suite?: SuiteName | undefined }): Identity {
  const suite = suites[suiteName];
  const [kemSeed, ...signingSeeds] = [suite.kem, ...suite.signatures].map(({ seedBytes }) =>
    randomSecret(seedBytes),
  );
  return identityOf(suite, kemSeed as Uint8Array, signingSeeds, details);
}

/**
 * The identity of given seeds, with a new card. Takes the seeds over: they are wiped with
 * the identity, or at once if it cannot be made.
 */
export function identityOf(
  suite: Suite,
  kemSeed: Uint8Array,
  signingSeeds: readonly Uint8Array[],
  details: CardDetails,
): Identity {
  try {
    const keys = publicKeysOf(suite, kemSeed, signingSeeds);
    const body = cardBody(suite, keys, details);
    const signing = suite.signatures.map((algorithm, i) => {
      const publicKey = keys[i + 1] as Uint8Array;
      return { id: keyId(algorithm.spkiPrefix, publicKey), publicKey };
    });
    const signer = { card: { suite, signing }, signingSeeds };
    const { signatures, signed } = signDocument(cardPayloadType, body, signer);
    // Verifies what was signed just now: a fault while signing must not leave this machine
    return withSeeds(cardOf({ signatures: [...signatures], signed }), kemSeed, signingSeeds);
  } catch (error) {
    wipe(kemSeed, ...signingSeeds);
    throw error;
  }
}

/**
 * The bytes of the identity's file; the caller wipes them. Takes as long as Argon2id does.
 * @param protection of the built-in kinds, or what another anchor has prepared for this card.
 * @throws StrongroomError `USAGE` for a passphrase that is empty or not UTF-8, or a cost
 *   out of the format's bounds; and of the anchor.
 */
export function encodeIdentity(identity: Identity, protection: Protection | Wrapping): Uint8Array {
  const wrapping = wrappingOf(protection);
  const header = encodeJson({
    card: identity.card.document,
    protection: wrapping.protection,
    type: 'strongroom/identity',
    version: 1,
  } satisfies Header);
  const secrets: Uint8Array[] = [concat(identity.kemSeed, ...identity.signingSeeds)];
  try {
    const line = wrapping.wrap(secrets[0] as Uint8Array, header);
    secrets.push(line);
    const digits = hexEncode(line);
    secrets.push(digits);
    return concat(header, newline, digits, newline);
  } finally {
    wipe(...secrets);
  }
}

function wrappingOf(protection: Protection | Wrapping): Wrapping {
  if (protection === 'none') return plainWrapping;
  if ('wrap' in protection) {
    // Names come from devices and paths
    if (identityProtectionSchema.safeParse(protection.protection).success) return protection;
    throw new StrongroomError('USAGE', 'the anchor has a name that no identity can record', {
      hint: 'give the token a label, or rename the program',
    });
  }
  return passphraseWrapping(protection.passphrase, protection.cost);
}

/**
 * Reads an identity's file. Passphrase and anchors are asked only where the file says so, once
 * all that can be checked without them holds; the bytes that `passphrase` gives are wiped.
 * @param anchors those that can be reached; the one of the file's kind is asked.
 * @throws StrongroomError `IDENTITY_INVALID`, `PASSPHRASE_NEEDED`, `PASSPHRASE_WRONG` (which an
 *   altered secret cannot be told from), `ANCHOR_NEEDED`, `ANCHOR_UNAVAILABLE`, `ANCHOR_REFUSED`.
 */
export async function decodeIdentity(
  bytes: Uint8Array,
  passphrase?: AskPassphrase,
  anchors: readonly Anchor[] = [],
): Promise<Identity> {
  const { header, digits, document } = parse(bytes);
  const card = ownCard(document.card);
  const seedLengths = [card.suite.kem, ...card.suite.signatures].map(({ seedBytes }) => seedBytes);
  const secretBytes = seedLengths.reduce((sum, length) => sum + length, 0);
  const { protection } = document;
  const anchor = anchorFor(protection, [plainAnchor, passphraseAnchor(passphrase), ...anchors]);
  const lineBytes = secretBytes + (anchor.kind === 'none' ? 0 : lockBytes);
  const line = digits.length === 2 * lineBytes ? hexDecode(digits) : undefined;
  if (line === undefined) throw invalid(`its second line is not ${2 * lineBytes} hex digits`);
  const secret = await secretOf(anchor, { protection, line, header }, card);
  if (secret.length !== secretBytes) {
    wipe(secret);
    throw invalid('its secret is of another length');
  }
  const [kemSeed, ...signingSeeds] = split(secret, seedLengths);
  wipe(secret);
  const identity = withSeeds(card, kemSeed as Uint8Array, signingSeeds);
  if (fits(identity)) return identity;
  identity.wipe();
  throw invalid('its secrets are not those of its card');
}

async function secretOf(anchor: Anchor, kept: Kept, card: Card): Promise<Uint8Array> {
  try {
    return await anchor.unwrap(kept, card);
  } finally {
    // Without protection it is the secret itself
    wipe(kept.line);
  }
}

function anchorFor(protection: IdentityProtection, anchors: readonly Anchor[]): Anchor {
  const kind = kindOf(protection);
  const anchor = anchors.find((each) => each.kind === kind);
  if (anchor !== undefined) return anchor;
  // The built-in ones are always among them
  if (!('anchor' in protection)) throw new TypeError('a protection without an anchor');
  const [keeper, hint] =
    protection.anchor === 'pkcs11'
      ? [`token ${protection.token}`, 'its module: --anchor "pkcs11:?module-path=FILE"']
      : [`program ${protection.program}`, 'it, if you trust it: --anchor exec:FILE'];
  throw new StrongroomError('ANCHOR_NEEDED', `the identity is kept by the ${keeper}`, {
    hint: `name ${hint}`,
  });
}

/**
 * How the file says that its secret is kept.
 * @throws StrongroomError `IDENTITY_INVALID`.
 */
export function identityProtection(bytes: Uint8Array): IdentityProtection {
  return parse(bytes).document.protection;
}

/**
 * Whether reading the secret takes more than the file: a passphrase, or another anchor.
 * @throws StrongroomError `IDENTITY_INVALID`.
 */
export function isProtected(bytes: Uint8Array): boolean {
  return kindOf(identityProtection(bytes)) !== 'none';
}

/**
 * The card in an identity's file; its secrets stay unread.
 * @throws StrongroomError `IDENTITY_INVALID`.
 */
export function identityCard(bytes: Uint8Array): Card {
  return ownCard(parse(bytes).document.card);
}

type Header = z.infer<typeof identitySchema>;

const newline = utf8('\n');

/** The two lines, the second as hex digits: views into `bytes`. */
function parse(bytes: Uint8Array): { header: Uint8Array; digits: Uint8Array; document: Header } {
  if (bytes.length > maxIdentityBytes) throw invalid(`longer than ${maxIdentityBytes} bytes`);
  if (bytes.includes(0x0d)) {
    throw invalid('it has carriage returns', 'copy the file as it is, without changing line ends');
  }
  const end = bytes.indexOf(0x0a);
  if (end < 0 || bytes.indexOf(0x0a, end + 1) !== bytes.length - 1) {
    throw invalid('it is not two lines');
  }
  const header = bytes.subarray(0, end);
  const kind = { what: 'identity', code: 'IDENTITY_INVALID', maxBytes: maxIdentityBytes } as const;
  const document = decodeJson(header, identitySchema, kind);
  return { header, digits: bytes.subarray(end + 1, -1), document };
}

function ownCard(document: Header['card']): Card {
  try {
    const card = cardOf(document);
    // Whoever has the secrets can sign a card
    if (card.imported) throw invalid('its card is one of bare public keys');
    return card;
  } catch (cause) {
    if (!isStrongroomError(cause, 'CARD_INVALID') && !isStrongroomError(cause, 'KEY_INVALID')) {
      throw cause;
    }
    throw new StrongroomError('IDENTITY_INVALID', `identity: ${cause.message}`, { cause });
  }
}

/** Copies of consecutive parts. */
function split(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  let at = 0;
  return lengths.map((length) => {
    at += length;
    return secretCopy(bytes.subarray(at - length, at));
  });
}

function withSeeds(card: Card, kemSeed: Uint8Array, signingSeeds: readonly Uint8Array[]): Identity {
  return { card, kemSeed, signingSeeds, wipe: () => wipe(kemSeed, ...signingSeeds) };
}

function publicKeysOf(
  suite: Suite,
  kemSeed: Uint8Array,
  signingSeeds: readonly Uint8Array[],
): [kem: Uint8Array, ...signing: Uint8Array[]] {
  return [
    suite.kem.publicKey(kemSeed),
    ...suite.signatures.map((algorithm, i) => algorithm.publicKey(signingSeeds[i] as Uint8Array)),
  ];
}

/** Whether the seeds are those behind every public key of the card. */
function fits({ card, kemSeed, signingSeeds }: Identity): boolean {
  const derived = publicKeysOf(card.suite, kemSeed, signingSeeds);
  const stated = [card.kem, ...card.signing];
  return (
    derived.length === stated.length &&
    derived.every((key, i) => equal(key, stated[i]?.publicKey ?? new Uint8Array()))
  );
}

const invalid = (why: string, hint?: string) =>
  new StrongroomError('IDENTITY_INVALID', `identity: ${why}`, hint === undefined ? {} : { hint });
