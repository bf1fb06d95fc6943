/** Ed25519 at its edges: one verdict, whoever computes it. */
import { describe, expect, it } from 'vitest';
import { isEd25519KeySound } from '#strongroom/crypto/curve25519.js';
import { ed25519 } from '#strongroom/crypto/signature.js';
import { isStrongroomError } from '#strongroom/errors.js';
import { edgeSignatures } from '../tables/ed25519.ts';

const rows = edgeSignatures();

describe('signatures at the edges', () => {
  it.each(rows)('$name: $verifies', ({ publicKey, message, signature, verifies }) => {
    expect(ed25519.verify(publicKey, message, signature)).toBe(verifies);
  });

  it('refuses on loading every key that verifies nothing, and none that can', () => {
    for (const { name, publicKey } of rows) {
      const isOfKey = name.startsWith('A ') || name.startsWith('R and A');
      const isRefused = isOfKey && !name.startsWith('A of mixed order');
      expect([name, isEd25519KeySound(publicKey)]).toEqual([name, !isRefused]);
      try {
        ed25519.validate(publicKey);
        expect([name, isRefused]).toEqual([name, false]);
      } catch (error) {
        if (!isStrongroomError(error, 'KEY_INVALID')) throw error;
      }
    }
  });
});
