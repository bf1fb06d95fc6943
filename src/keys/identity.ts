/**
 * Identities: a card and the secret seeds behind it, and the file that keeps them.
 *
 * docs/format.md#identities; Argon2id: RFC 9106. Secrets never become strings here, since
 * strings cannot be wiped; where a passphrase is the exception, see passphrase.ts.
 */
import { getRandomValues } from 'node:crypto';
import { z } from 'zod';
import { concat, equal, utf8, wipe } from '../bytes.ts';
import type { Argon2Cost } from '../crypto/argon2.ts';
import { keyId, type Suite, type SuiteName, suites } from '../crypto/suites.ts';
import { isStrongroomError, StrongroomError } from '../errors.ts';
import { decodeJson, encodeJson } from '../json.ts';
import {
  type Card,
  type CardDetails,
  cardBody,
  cardDocumentSchema,
  cardOf,
  cardPayloadType,
} from './card.ts';
import { argon2Parameters, lock, lockBytes, protectionSchema, unlock } from './protection.ts';
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
  protection: protectionSchema,
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
    getRandomValues(new Uint8Array(seedBytes)),
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
 * @throws StrongroomError `USAGE` for a passphrase that is empty or not UTF-8, or a cost
 *   out of the format's bounds.
 */
export function encodeIdentity(identity: Identity, protection: Protection): Uint8Array {
  const parameters = protection === 'none' ? undefined : argon2Parameters(protection.cost);
  const header = encodeJson({
    card: identity.card.document,
    protection: parameters ?? { kdf: 'none' },
    type: 'strongroom/identity',
    version: 1,
  } satisfies Header);
  const secrets = [concat(identity.kemSeed, ...identity.signingSeeds)];
  try {
    let line = secrets[0] as Uint8Array;
    if (protection !== 'none' && parameters !== undefined) {
      line = lock(line, protection.passphrase, parameters, header);
    }
    const digits = hexEncode(line);
    secrets.push(digits);
    return concat(header, newline, digits, newline);
  } finally {
    wipe(...secrets);
  }
}

/**
 * Reads an identity's file. `passphrase` is asked only for a protected one, once all that
 * can be checked without it holds; the bytes that it gives are wiped.
 * @throws StrongroomError `IDENTITY_INVALID`, `PASSPHRASE_NEEDED`, or `PASSPHRASE_WRONG`
 *   (which an altered secret cannot be told from).
 */
export async function decodeIdentity(
  bytes: Uint8Array,
  passphrase?: () => Promise<Uint8Array>,
): Promise<Identity> {
  const { header, digits, document } = parse(bytes);
  const card = ownCard(document.card);
  const seedLengths = [card.suite.kem, ...card.suite.signatures].map(({ seedBytes }) => seedBytes);
  const secretBytes = seedLengths.reduce((sum, length) => sum + length, 0);
  const { protection } = document;
  const lineBytes = secretBytes + (protection.kdf === 'none' ? 0 : lockBytes);
  const line = digits.length === 2 * lineBytes ? hexDecode(digits) : undefined;
  if (line === undefined) throw invalid(`its second line is not ${2 * lineBytes} hex digits`);
  const secret =
    protection.kdf === 'none'
      ? line
      : await withPassphrase(passphrase, (given) => unlock(line, given, protection, header));
  const [kemSeed, ...signingSeeds] = split(secret, seedLengths);
  wipe(secret);
  const identity = withSeeds(card, kemSeed as Uint8Array, signingSeeds);
  if (fits(identity)) return identity;
  identity.wipe();
  throw invalid('its secrets are not those of its card');
}

/**
 * Whether reading the file asks for a passphrase.
 * @throws StrongroomError `IDENTITY_INVALID`.
 */
export function isProtected(bytes: Uint8Array): boolean {
  return parse(bytes).document.protection.kdf !== 'none';
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
    return cardOf(document);
  } catch (cause) {
    if (!isStrongroomError(cause)) throw cause;
    throw new StrongroomError('IDENTITY_INVALID', `identity: ${cause.message}`, { cause });
  }
}

async function withPassphrase<T>(
  ask: (() => Promise<Uint8Array>) | undefined,
  use: (passphrase: Uint8Array) => T,
): Promise<T> {
  if (ask === undefined) {
    throw new StrongroomError('PASSPHRASE_NEEDED', 'the identity is protected by a passphrase');
  }
  const passphrase = await ask();
  try {
    return use(passphrase);
  } finally {
    wipe(passphrase);
  }
}

/** Copies of consecutive parts. */
function split(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  let at = 0;
  return lengths.map((length) => {
    at += length;
    return bytes.slice(at - length, at);
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
