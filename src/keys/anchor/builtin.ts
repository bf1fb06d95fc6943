/** The anchors that need nothing but the file: a passphrase, or nothing at all. */
import { secretCopy, wipe } from '../../bytes.ts';
import type { Argon2Cost } from '../../crypto/argon2.ts';
import { StrongroomError } from '../../errors.ts';
import { type Argon2Parameters, argon2Parameters, lock, unlock } from '../protection.ts';
import type { Anchor, Wrapping } from './anchor.ts';

export type AskPassphrase = () => Promise<Uint8Array>;

/** The seeds as they are: the file's mode is all that protects them. */
export const plainAnchor: Anchor<{ readonly kdf: 'none' }> = {
  kind: 'none',
  prepare: async () => plainWrapping,
  unwrap: async ({ line }) => secretCopy(line),
};

export const plainWrapping: Wrapping = {
  protection: { kdf: 'none' },
  wrap: (secret) => secretCopy(secret),
};

/**
 * A passphrase, through Argon2id; the bytes that `ask` gives are wiped.
 * @param ask absent if there is nobody to ask.
 */
export function passphraseAnchor(ask?: AskPassphrase, cost?: Argon2Cost): Anchor<Argon2Parameters> {
  const given = async (): Promise<Uint8Array> => {
    if (ask !== undefined) return ask();
    throw new StrongroomError('PASSPHRASE_NEEDED', 'the identity is protected by a passphrase');
  };
  return {
    kind: 'argon2id',
    async prepare() {
      const passphrase = await given();
      const { protection, wrap } = passphraseWrapping(passphrase, cost);
      return {
        protection,
        wrap(secret, header) {
          try {
            return wrap(secret, header);
          } finally {
            wipe(passphrase);
          }
        },
      };
    },
    async unwrap({ line, protection, header }) {
      const passphrase = await given();
      try {
        return unlock(line, passphrase, protection, header);
      } finally {
        wipe(passphrase);
      }
    },
  };
}

/** The same of a passphrase that the caller has, and wipes. */
export function passphraseWrapping(passphrase: Uint8Array, cost?: Argon2Cost): Wrapping {
  const protection = argon2Parameters(cost);
  return { protection, wrap: (secret, header) => lock(secret, passphrase, protection, header) };
}
