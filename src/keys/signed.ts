/**
 * What cards, key rings and seals share: signatures by all algorithms of a suite, in
 * its order, over a DSSE pre-authentication encoding.
 *
 * docs/format.md#key-ring, docs/format.md#cards; DSSE v1 (github.com/secure-systems-lab/dsse)
 */
import { z } from 'zod';
import { base64, fromBase64, isBase64 } from '../bytes.ts';
import { pae } from '../crypto/dsse.ts';
import { encodeJson } from '../json.ts';
import type { Card } from './card.ts';

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

/** The public half of whoever signs: every card is one. */
export type Verifier = Pick<Card, 'suite' | 'signing'>;

/** Whoever can sign: every identity is one. */
export interface Signer {
  readonly card: Verifier;
  /** In the order of the suite's signature algorithms. */
  readonly signingSeeds: readonly Uint8Array[];
}

const keyId = z.string().regex(/^[0-9a-f]{64}$/, 'not a key id: 64 lower-case hex digits');

/** The parts that documents are made of, each in its only spelling. */
export const schemas = {
  keyId,
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

/** The time of `date`, now by default, as documents write it. */
export const timeOf = (date: Date = new Date()): string => `${date.toISOString().slice(0, 19)}Z`;

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
  if (signatures.length !== suite.signatures.length) return false;
  const message = pae(payloadType, body);
  return suite.signatures.every((algorithm, i) => {
    const key = signing[i];
    const signature = signatures[i];
    if (key === undefined || signature?.keyid !== key.id || !isBase64(signature.sig)) return false;
    const bytes = fromBase64(signature.sig);
    return (
      bytes.length === algorithm.signatureBytes && algorithm.verify(key.publicKey, message, bytes)
    );
  });
}
