/**
 * What cards, key rings and seals share: signatures by all algorithms of a suite, in
 * its order, over a DSSE pre-authentication encoding.
 *
 * docs/format.md#key-ring, docs/format.md#cards; DSSE v1 (github.com/secure-systems-lab/dsse)
 */
import { z } from 'zod';
import { base64, fromBase64, isBase64 } from '../bytes.ts';
import { pae } from '../crypto/dsse.ts';
import type { Suite } from '../crypto/suites.ts';
import { encodeJson } from '../json.ts';
import { hasControls, hasLength, isName } from '../text.ts';

export interface Signature {
  /** Hex, 32 bytes: the id of the signing key. */
  readonly keyid: string;
  /** Base64, of the algorithm's exact length. */
  readonly sig: string;
}

export interface SignedDocument<T> {
  readonly signatures: readonly Signature[];
  readonly signed: T;
}

export interface PublicKey {
  /** Hex, 32 bytes: see docs/format.md#key-ids. */
  readonly id: string;
  /** Raw, of the algorithm's exact length. */
  readonly publicKey: Uint8Array;
}

/** The public half of whoever signs: every card is one. */
export interface Verifier {
  readonly suite: Suite;
  /** In the suite's order. */
  readonly signing: readonly PublicKey[];
}

/** The ids of the keys that somebody signs with, in the suite's order. */
export const signingIds = ({ signing }: Verifier): string[] => signing.map(({ id }) => id);

/** Whether `ids` are the keys that somebody signs with. Who has none is nobody's signer. */
export const signsWith = (who: Verifier, ids: readonly string[]): boolean =>
  ids.length > 0 && signingIds(who).join() === ids.join();

/** Whoever can sign: every identity is one. */
export interface Signer {
  readonly card: Verifier;
  /** In the order of the suite's signature algorithms. */
  readonly signingSeeds: readonly Uint8Array[];
}

/** For people who choose a name. */
const nameRule =
  'a name has no control or invisible characters, and no space at an end or beside another';

const lengthText = (least: number, most: number) =>
  least === 0 ? `more than ${most} characters` : `not of ${least} to ${most} characters`;

const keyId = z.string().regex(/^[0-9a-f]{64}$/, 'not a key id: 64 lower-case hex digits');

/** The longest name, in characters. */
export const maxName = 128;

/** The parts that documents are made of, each in its only spelling. */
export const schemas = {
  keyId,
  /** What somebody is called: see docs/format.md#conventions. */
  name: (most = maxName) =>
    z
      .string()
      .refine((name) => hasLength(name, 1, most), lengthText(1, most))
      .refine(isName, nameRule),
  /** Text of so many characters. */
  text: (least: number, most: number) =>
    z.string().refine((text) => hasLength(text, least, most), lengthText(least, most)),
  /** Text of so many characters for one line: none of them is a control character. */
  line: (least: number, most: number) =>
    schemas
      .text(least, most)
      .refine((text) => !hasControls(text), 'a control character, or ill-formed Unicode'),
  /** The one base64 spelling of exactly `bytes` bytes, or of any number of them. */
  base64: (bytes?: number) =>
    z
      .string()
      .refine(
        (digits) =>
          isBase64(digits) && (bytes === undefined || fromBase64(digits).length === bytes),
        bytes === undefined ? 'not base64' : `not base64 of ${bytes} bytes`,
      ),
  /** RFC 3339 in UTC with whole seconds, so that times compare as strings do. */
  time: z.iso.datetime({ precision: 0, error: 'not a time like 2026-11-23T18:49:00Z' }),
  /** No suite asks for more than a few; how many it must be, `signaturesVerify` decides. */
  signatures: z.array(z.strictObject({ keyid: keyId, sig: z.string() })).max(8),
};

/** Signs bytes of a payload type with all of the suite's algorithms, in its order. */
export function signBytes(payloadType: string, body: Uint8Array, signer: Signer): Signature[] {
  const { suite, signing } = signer.card;
  const message = pae(payloadType, body);
  return suite.signatures.map((algorithm, i) => {
    const key = signing[i];
    const seed = signer.signingSeeds[i];
    if (key === undefined || seed === undefined) throw new TypeError('a signer without keys');
    return { keyid: key.id, sig: base64(algorithm.sign(seed, message)) };
  });
}

/** Signs the canonical JSON of `signed`, and returns both. */
export function signDocument<T>(payloadType: string, signed: T, signer: Signer): SignedDocument<T> {
  return { signatures: signBytes(payloadType, encodeJson(signed), signer), signed };
}

/** Whether there is one signature for each algorithm of the suite, in its order and length. */
export const areSignaturesOf = (suite: Suite, signatures: readonly Signature[]): boolean =>
  signatures.length === suite.signatures.length &&
  suite.signatures.every(({ signatureBytes }, i) => {
    const { sig } = signatures[i] as Signature;
    return isBase64(sig) && fromBase64(sig).length === signatureBytes;
  });

/**
 * Whether `signatures` are exactly those of the card's keys: one for each of the suite's
 * algorithms, in its order, with the right key ids, and every one of them verifies.
 *
 * A card without signing keys verifies nothing. Never throws on hostile signatures.
 */
export function signaturesVerify(
  payloadType: string,
  body: Uint8Array,
  signatures: readonly Signature[],
  card: Verifier,
): boolean {
  const { suite, signing } = card;
  if (!areSignaturesOf(suite, signatures)) return false;
  const message = pae(payloadType, body);
  return suite.signatures.every((algorithm, i) => {
    const key = signing[i];
    const signature = signatures[i];
    if (key === undefined || signature?.keyid !== key.id) return false;
    return algorithm.verify(key.publicKey, message, fromBase64(signature.sig));
  });
}
