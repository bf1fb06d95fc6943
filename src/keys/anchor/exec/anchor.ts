/**
 * An anchor behind a program, such as a script for a key service: it wraps a fresh key, and
 * that key seals the secret here. So the program sees one format whatever the suite, and the
 * binding to the file's first line does not depend on it.
 *
 * docs/format.md#identities, docs/anchors.md#the-protocol
 */
import { getRandomValues } from 'node:crypto';
import { base64, concat, equal, fromBase64, randomSecret, wipe } from '../../../bytes.ts';
import { aeadOpen, aeadSeal, keyBytes, nonceBytes } from '../../../crypto/aead.ts';
import { StrongroomError } from '../../../errors.ts';
import type { Card } from '../../card.ts';
import { type Anchor, type ExecProtection, maxWrappedBytes } from '../anchor.ts';
import { type ExecOptions, programName, runProgram } from './run.ts';

/** Identities whose key a program wraps and unwraps. */
export function execAnchor(options: ExecOptions): Anchor<ExecProtection> {
  return {
    kind: 'exec',
    async prepare(card) {
      const key = randomSecret(keyBytes);
      try {
        const wrapped = await wrapKey(options, card, key);
        return {
          protection: { anchor: 'exec', program: programName(options), wrapped: base64(wrapped) },
          wrap(secret, header) {
            const nonce = getRandomValues(new Uint8Array(nonceBytes));
            const line = concat(nonce, aeadSeal(key, nonce, secret, header));
            wipe(key);
            return line;
          },
        };
      } catch (error) {
        wipe(key);
        throw error;
      }
    },
    async unwrap({ protection, line, header }, card) {
      const key = await unwrapKey(options, card, fromBase64(protection.wrapped));
      const secret = aeadOpen(key, line.subarray(0, nonceBytes), line.subarray(nonceBytes), header);
      wipe(key);
      if (secret !== undefined) return secret;
      const message = `${options.program}: the key that it gives does not open the identity`;
      throw new StrongroomError('ANCHOR_REFUSED', message);
    },
  };
}

/** Unwraps at once what was wrapped: an identity that cannot be opened must not be written. */
async function wrapKey(options: ExecOptions, card: Card, key: Uint8Array): Promise<Uint8Array> {
  const wrapped = await runProgram(options, 'wrap', card, key);
  const refuse = (why: string) =>
    new StrongroomError('ANCHOR_UNAVAILABLE', `${options.program}: the program ${why}`);
  if (wrapped.length > maxWrappedBytes) throw refuse(`wrapped into over ${maxWrappedBytes} bytes`);
  // A script that only copies its input would write the key into the file
  if (Buffer.from(wrapped).includes(Buffer.from(key.buffer)))
    throw refuse('gave the key back in the clear');
  const again = await unwrapKey(options, card, wrapped);
  const fits = equal(again, key);
  wipe(again);
  if (!fits) throw refuse('unwraps another key than it wrapped');
  return wrapped;
}

async function unwrapKey(options: ExecOptions, card: Card, wrapped: Uint8Array) {
  const key = await runProgram(options, 'unwrap', card, wrapped);
  if (key.length === keyBytes) return key;
  wipe(key);
  const message = `${options.program}: the program gave ${key.length} bytes for a key of ${keyBytes}`;
  throw new StrongroomError('ANCHOR_UNAVAILABLE', message);
}
