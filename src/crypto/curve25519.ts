/**
 * X25519 (RFC 7748) and Ed25519 (RFC 8032) over raw keys, by `node:crypto`. Which public keys
 * of Ed25519 are worthless is decided by @noble/curves.
 */
import { diffieHellman, sign, verify } from 'node:crypto';
import { createRequire } from 'node:module';
import type * as Curves from '@noble/curves/ed25519.js';
import { fromHex, taken } from '../bytes.ts';
import { privateKeyOf, publicKeyOf, rawPublicKey } from './der.ts';

// Loaded on first use: most commands need no Ed25519.
const require = createRequire(import.meta.url);

const x25519Spki = fromHex('302a300506032b656e032100');
const x25519Pkcs8 = fromHex('302e020100300506032b656e04220420');

/** RFC 8410. */
export const ed25519Spki = fromHex('302a300506032b6570032100');
export const ed25519Pkcs8 = fromHex('302e020100300506032b657004220420');

/** The public key of a scalar; 32 bytes each. */
export const x25519PublicKey = (scalar: Uint8Array): Uint8Array =>
  rawPublicKey(x25519Spki, privateKeyOf(x25519Pkcs8, scalar));

/** The shared secret, 32 bytes. Throws where it would be all zero, that is for a low-order key. */
export const x25519Secret = (scalar: Uint8Array, publicKey: Uint8Array): Uint8Array =>
  taken(
    diffieHellman({
      privateKey: privateKeyOf(x25519Pkcs8, scalar),
      publicKey: publicKeyOf(x25519Spki, publicKey),
    }),
  );

/** Whether the key's shared secrets are not all zero. Clamping makes any scalar tell. */
export function isX25519KeySound(publicKey: Uint8Array): boolean {
  try {
    x25519Secret(new Uint8Array(32), publicKey).fill(0);
    return true;
  } catch {
    return false;
  }
}

export const ed25519PublicKey = (seed: Uint8Array): Uint8Array =>
  rawPublicKey(ed25519Spki, privateKeyOf(ed25519Pkcs8, seed));

export const ed25519Sign = (seed: Uint8Array, message: Uint8Array): Uint8Array =>
  new Uint8Array(sign(null, message, privateKeyOf(ed25519Pkcs8, seed)));

/**
 * RFC 8032 section 5.1.7 without the cofactor: S below L, and R, as it is spelled, equal to the
 * encoding of [S]B − [k]A. That is what OpenSSL computes, but it takes public keys in other
 * spellings and of small order, under which one signature fits many messages: those are refused.
 * So is R of small order, which its version 3.0 takes and later ones do not.
 * @noble/curves would verify with the cofactor by default, and is not asked.
 */
export const ed25519Verify = (
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean =>
  isEd25519KeySound(publicKey) &&
  isEd25519KeySound(signature.subarray(0, 32)) &&
  verify(null, message, publicKeyOf(ed25519Spki, publicKey), signature);

/** Whether the key decodes, in its one spelling, to a point that is not of small order. */
export function isEd25519KeySound(publicKey: Uint8Array): boolean {
  const { ed25519 } = require('@noble/curves/ed25519.js') as typeof Curves;
  try {
    return !ed25519.Point.fromBytes(publicKey).isSmallOrder();
  } catch {
    return false;
  }
}
