/**
 * AES-256-GCM in one shot (NIST SP 800-38D), for what is small: stanzas and identities.
 * Segments have their own way, in `floe.ts`.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { concat, secretCopy } from '../bytes.ts';
import { StrongroomError } from '../errors.ts';

export const keyBytes = 32;
export const nonceBytes = 12;
export const tagBytes = 16;

// Older Nodes accept shorter tags unless they are told not to.
const options = { authTagLength: tagBytes } as const;
const algorithm = 'aes-256-gcm';
const empty = new Uint8Array(0);

function expectLengths(key: Uint8Array, nonce: Uint8Array): void {
  if (key.length === keyBytes && nonce.length === nonceBytes) return;
  throw new StrongroomError('INTERNAL', 'AES-256-GCM takes a key of 32 and a nonce of 12 bytes');
}

/** Ciphertext ‖ tag. The nonce must be new for this key. */
export function aeadSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  aad: Uint8Array = empty,
): Uint8Array {
  expectLengths(key, nonce);
  const cipher = createCipheriv(algorithm, key, nonce, options);
  cipher.setAAD(aad);
  return concat(cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
}

/** The plaintext of `ciphertext ‖ tag`, or `undefined` if it does not authenticate. */
export function aeadOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  aad: Uint8Array = empty,
): Uint8Array | undefined {
  expectLengths(key, nonce);
  if (sealed.length < tagBytes) return undefined;
  const tagAt = sealed.length - tagBytes;
  const decipher = createDecipheriv(algorithm, key, nonce, options);
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(tagAt));
  const plaintext = decipher.update(sealed.subarray(0, tagAt));
  try {
    decipher.final();
    return secretCopy(plaintext);
  } catch {
    return undefined;
  } finally {
    plaintext.fill(0);
  }
}
