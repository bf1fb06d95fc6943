import * as crypto from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { latticeKems, latticeSignatures } from '#strongroom/crypto/lattice.js';
import { nativeKem, nativeSignature } from '#strongroom/crypto/native.js';
import { nobleKem, nobleSignature } from '#strongroom/crypto/noble.js';
import { choose, isSoundKem, isSoundSignature, mlDsa, mlKem } from '#strongroom/crypto/provider.js';

const hasNative = 'encapsulate' in crypto;
const seed64 = Uint8Array.from({ length: 64 }, (_, i) => 255 - i);
const seed32 = seed64.subarray(0, 32);
const message = new TextEncoder().encode('weights');

const altered = (bytes: Uint8Array, at: number) => {
  const out = bytes.slice();
  out[at] = (out[at] as number) ^ 0x80;
  return out;
};

describe('choose', () => {
  test('takes the native one only if it is sound', () => {
    const fallback = () => 'noble';
    expect(choose('native', fallback, () => true)()).toBe('native');
    expect(choose('native', fallback, () => false)()).toBe('noble');
  });

  test('takes a throw for unsound', () => {
    const isSound = () => {
      throw new Error('not supported');
    };
    expect(choose('native', () => 'noble', isSound)()).toBe('noble');
  });

  test('decides once, and not before it is asked', () => {
    let asked = 0;
    const chosen = choose(
      'native',
      () => 'noble',
      () => ++asked > 0,
    );
    expect(asked).toBe(0);
    chosen();
    chosen();
    expect(asked).toBe(1);
  });
});

describe.each(Object.values(latticeKems))('$name', (row) => {
  const native = nativeKem(row);
  const noble = nobleKem(row);

  test('the self-test finds what is wrong with an implementation', () => {
    const sound = noble;
    const lies = [
      { ...sound, publicKey: (seed: Uint8Array) => altered(sound.publicKey(seed), 9) },
      { ...sound, decapsulate: (_: Uint8Array, enc: Uint8Array) => enc.slice(0, 32) },
      { ...sound, accepts: () => true },
      {
        ...sound,
        encapsulate: (key: Uint8Array) => ({ ...sound.encapsulate(key), secret: seed32 }),
      },
      {
        // Correct for what is correct, but with another rejection secret.
        ...sound,
        decapsulate: (seed: Uint8Array, enc: Uint8Array) =>
          sound.decapsulate(altered(seed, 63), enc),
      },
      {
        // Agrees with itself, and rejects as it should, but makes other keys
        ...sound,
        publicKey: (seed: Uint8Array) => sound.publicKey(altered(seed, 0)),
        decapsulate: (seed: Uint8Array, enc: Uint8Array) =>
          sound.decapsulate(altered(seed, 0), enc),
      },
    ];
    expect(isSoundKem(sound, row)).toBe(true);
    for (const lie of lies) expect(isSoundKem(lie, row)).toBe(false);
  });

  test('the provider gives the sizes of the row', () => {
    const kem = mlKem[row.name]();
    const publicKey = kem.publicKey(seed64);
    const { enc, secret } = kem.encapsulate(publicKey);
    expect(publicKey.length).toBe(row.publicKeyBytes);
    expect(enc.length).toBe(row.encBytes);
    expect(secret.length).toBe(32);
    expect(kem.decapsulate(seed64, enc)).toEqual(secret);
  });

  test.runIf(hasNative)('native and noble are equal in both directions', () => {
    expect(isSoundKem(native, row)).toBe(true);
    const publicKey = native.publicKey(seed64);
    expect(publicKey).toEqual(noble.publicKey(seed64));
    for (const [sender, receiver] of [
      [native, noble],
      [noble, native],
    ] as const) {
      const { enc, secret } = sender.encapsulate(publicKey);
      expect(receiver.decapsulate(seed64, enc)).toEqual(secret);
      for (const at of [0, row.encBytes >> 1, row.encBytes - 1]) {
        const rejected = receiver.decapsulate(seed64, altered(enc, at));
        expect(rejected).toEqual(sender.decapsulate(seed64, altered(enc, at)));
        expect(rejected).not.toEqual(secret);
      }
    }
  });

  test.runIf(hasNative)('native and noble make the same of coefficients at the modulus', () => {
    const publicKey = noble.publicKey(seed64);
    // The first coefficient takes the first byte and the low half of the second.
    for (const [coefficient, accepted] of [
      [3328, true],
      [3329, false],
      [4095, false],
    ] as const) {
      const key = publicKey.slice();
      key[0] = coefficient & 0xff;
      key[1] = ((key[1] as number) & 0xf0) | (coefficient >> 8);
      expect(noble.accepts(key)).toBe(accepted);
      expect(native.accepts(key)).toBe(accepted);
    }
  });
});

describe.each(Object.values(latticeSignatures))('$name', (row) => {
  const native = nativeSignature(row);
  const noble = nobleSignature(row);

  test('the self-test finds what is wrong with an implementation', () => {
    const sound = noble;
    const lies = [
      { ...sound, publicKey: (seed: Uint8Array) => altered(sound.publicKey(seed), 9) },
      { ...sound, sign: () => new Uint8Array(row.signatureBytes) },
      { ...sound, verify: () => true },
      { ...sound, verify: () => false },
      {
        // Agrees with itself, but makes other keys
        ...sound,
        publicKey: (seed: Uint8Array) => sound.publicKey(altered(seed, 0)),
        sign: (seed: Uint8Array, text: Uint8Array) => sound.sign(altered(seed, 0), text),
      },
    ];
    expect(isSoundSignature(sound, row)).toBe(true);
    for (const lie of lies) expect(isSoundSignature(lie, row)).toBe(false);
  });

  test('the provider signs with a fresh nonce each time', () => {
    const dsa = mlDsa[row.name]();
    const publicKey = dsa.publicKey(seed32);
    const [a, b] = [dsa.sign(seed32, message), dsa.sign(seed32, message)];
    expect(publicKey.length).toBe(row.publicKeyBytes);
    expect(a.length).toBe(row.signatureBytes);
    expect(a).not.toEqual(b);
    expect(dsa.verify(publicKey, message, a)).toBe(true);
    expect(dsa.verify(publicKey, message, b)).toBe(true);
  });

  test.runIf(hasNative)('native and noble are equal in both directions', () => {
    expect(isSoundSignature(native, row)).toBe(true);
    const publicKey = native.publicKey(seed32);
    expect(publicKey).toEqual(noble.publicKey(seed32));
    for (const [signer, verifier] of [
      [native, noble],
      [noble, native],
    ] as const) {
      for (const text of [message, new Uint8Array(0)]) {
        const signature = signer.sign(seed32, text);
        expect(verifier.verify(publicKey, text, signature)).toBe(true);
        expect(verifier.verify(publicKey, altered(seed32, 0), signature)).toBe(false);
        for (const at of [0, row.signatureBytes >> 1, row.signatureBytes - 1]) {
          expect(verifier.verify(publicKey, text, altered(signature, at))).toBe(false);
        }
      }
    }
  });
});
