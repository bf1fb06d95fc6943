/**
 * How the secret of an identity is kept at rest: under a passphrase, or as it is.
 *
 * docs/format.md#identities; Argon2id: RFC 9106, AES-256-GCM: NIST SP 800-38D.
 */
import { getRandomValues } from 'node:crypto';
import { z } from 'zod';
import { base64, concat, fromBase64, wipe } from '../bytes.ts';
import { aeadOpen, aeadSeal, keyBytes, nonceBytes, tagBytes } from '../crypto/aead.ts';
import { type Argon2Cost, argon2id } from '../crypto/argon2.ts';
import { StrongroomError } from '../errors.ts';
import { composed } from './passphrase.ts';
import { schemas } from './signed.ts';

const saltBytes = 16;

/** How much longer a secret is under a passphrase. */
export const lockBytes = nonceBytes + tagBytes;

const defaultCost: Argon2Cost = { memory: 65536, passes: 3, parallelism: 4 };

// The bounds keep a hostile file from costing more than minutes and a gigabyte
const argon2Schema = z
  .strictObject({
    kdf: z.literal('argon2id'),
    memory: z.int().max(1048576),
    parallelism: z.int().min(1).max(16),
    passes: z.int().min(1).max(16),
    salt: schemas.base64(saltBytes),
  })
  .refine(({ memory, parallelism }) => memory >= 8 * parallelism, 'too little memory');

export const protectionSchema = z.discriminatedUnion('kdf', [
  z.strictObject({ kdf: z.literal('none') }),
  argon2Schema,
]);

export type Argon2Parameters = z.infer<typeof argon2Schema>;

/**
 * Parameters for a new file: a fresh salt, and the usual cost unless another is given.
 * @throws StrongroomError `USAGE` for a cost that no reader would accept.
 */
export function argon2Parameters(cost: Argon2Cost = defaultCost): Argon2Parameters {
  const salt = base64(getRandomValues(new Uint8Array(saltBytes)));
  const parsed = argon2Schema.safeParse({ kdf: 'argon2id', ...cost, salt });
  if (parsed.success) return parsed.data;
  throw new StrongroomError('USAGE', 'the Argon2id parameters are out of bounds', {
    hint: 'see the limits in docs/format.md#identities',
  });
}

/** nonce ‖ ciphertext ‖ tag, bound to the file's first line. */
export function lock(
  secret: Uint8Array,
  passphrase: Uint8Array,
  parameters: Argon2Parameters,
  header: Uint8Array,
): Uint8Array {
  const nonce = getRandomValues(new Uint8Array(nonceBytes));
  const key = passphraseKey(passphrase, parameters);
  const locked = concat(nonce, aeadSeal(key, nonce, secret, header));
  wipe(key);
  return locked;
}

/**
 * The secret that `lock` made; the caller wipes it.
 * @throws StrongroomError `PASSPHRASE_WRONG`, also if anything was altered.
 */
export function unlock(
  locked: Uint8Array,
  passphrase: Uint8Array,
  parameters: Argon2Parameters,
  header: Uint8Array,
): Uint8Array {
  const key = passphraseKey(passphrase, parameters);
  const nonce = locked.subarray(0, nonceBytes);
  const secret = aeadOpen(key, nonce, locked.subarray(nonceBytes), header);
  wipe(key);
  if (secret !== undefined) return secret;
  throw new StrongroomError('PASSPHRASE_WRONG', 'the passphrase does not open the identity');
}

function passphraseKey(
  passphrase: Uint8Array,
  { memory, passes, parallelism, salt }: Argon2Parameters,
): Uint8Array {
  const nfc = composed(passphrase);
  try {
    return argon2id(nfc, fromBase64(salt), { memory, passes, parallelism }, keyBytes);
  } finally {
    wipe(nfc);
  }
}
