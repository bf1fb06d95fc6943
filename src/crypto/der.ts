/**
 * Keys of `node:crypto` from raw bytes. Every algorithm here has keys of one length and no
 * parameters, so its DER is a fixed prefix and needs no parser.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { wipe } from '../bytes.ts';

/** The private key of a seed; `prefix` is the PKCS#8 up to it. Throws what `node:crypto` throws. */
export function privateKeyOf(prefix: Uint8Array, seed: Uint8Array): KeyObject {
  const der = Buffer.concat([prefix, seed]);
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } finally {
    wipe(der);
  }
}

/** The public key of its raw bytes; `prefix` is the SubjectPublicKeyInfo up to them. */
export const publicKeyOf = (prefix: Uint8Array, publicKey: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([prefix, publicKey]), format: 'der', type: 'spki' });

/** The raw public key that belongs to a private key. */
export const rawPublicKey = (prefix: Uint8Array, privateKey: KeyObject): Uint8Array =>
  new Uint8Array(
    createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(prefix.length),
  );
