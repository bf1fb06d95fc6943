import { createHash } from 'node:crypto';
import { ml_kem768_x25519 } from '@noble/post-quantum/hybrid.js';
import { describe, expect, test } from 'vitest';
import { concat, fromHex, hex } from '#strongroom/bytes.js';
import { type Kem, mlKem1024, xWing } from '#strongroom/crypto/kem.js';
import { StrongroomError } from '#strongroom/errors.js';

const seedOf = (kem: Kem) => Uint8Array.from({ length: kem.seedBytes }, (_, i) => i);

const refusal = (run: () => unknown): StrongroomError => {
  try {
    run();
  } catch (error) {
    if (error instanceof StrongroomError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
};

/** The points of order 1, 2, 4 and 8 of Curve25519 and its twist, and other spellings of them. */
const lowOrder = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000080',
].map(fromHex);

describe.each([xWing, mlKem1024])('$name', (kem) => {
  const seed = seedOf(kem);
  const publicKey = kem.publicKey(seed);

  test('agrees on a secret of 32 bytes, a new one each time', () => {
    const a = kem.encapsulate(publicKey);
    const b = kem.encapsulate(publicKey);
    expect(publicKey.length).toBe(kem.publicKeyBytes);
    expect(a.enc.length).toBe(kem.encBytes);
    expect(a.secret.length).toBe(32);
    expect(kem.decapsulate(seed, a.enc)).toEqual(a.secret);
    expect(a.secret).not.toEqual(b.secret);
    expect(a.enc).not.toEqual(b.enc);
  });

  test('a secret depends on all parts of the encapsulation and on the key', () => {
    const { enc, secret } = kem.encapsulate(publicKey);
    for (const at of [0, kem.encBytes >> 1, kem.encBytes - 1]) {
      const other = enc.slice();
      other[at] = (other[at] as number) ^ 1;
      expect(kem.decapsulate(seed, other)).not.toEqual(secret);
    }
    const otherSeed = seed.slice().fill(7, 0, 1);
    expect(kem.decapsulate(otherSeed, enc)).not.toEqual(secret);
  });

  test('leaves the seed as it was', () => {
    const { enc } = kem.encapsulate(publicKey);
    kem.decapsulate(seed, enc);
    expect(seed).toEqual(seedOf(kem));
  });

  test('accepts its own keys', () => {
    expect(() => kem.validate(publicKey)).not.toThrow();
  });

  test('refuses every wrong length', () => {
    const { enc } = kem.encapsulate(publicKey);
    const longer = (bytes: Uint8Array) => concat(bytes, Uint8Array.of(0));
    const calls = [
      () => kem.publicKey(seed.subarray(1)),
      () => kem.publicKey(longer(seed)),
      () => kem.encapsulate(publicKey.subarray(1)),
      () => kem.encapsulate(longer(publicKey)),
      () => kem.decapsulate(seed.subarray(1), enc),
      () => kem.decapsulate(seed, enc.subarray(1)),
      () => kem.decapsulate(seed, longer(enc)),
      () => kem.validate(publicKey.subarray(1)),
      () => kem.validate(longer(publicKey)),
    ];
    for (const call of calls) expect(refusal(call).code).toBe('KEY_INVALID');
  });

  test('refuses a key that fails the modulus check', () => {
    const overflowing = publicKey.slice().fill(0xff, 0, 3);
    expect(refusal(() => kem.validate(overflowing)).code).toBe('KEY_INVALID');
    expect(refusal(() => kem.encapsulate(overflowing)).code).toBe('KEY_INVALID');
  });

  test('states its lengths in the DER prefixes', () => {
    const spki = concat(kem.spkiPrefix, publicKey);
    expect((spki[2] as number) * 256 + (spki[3] as number)).toBe(spki.length - 4);
    const pkcs8 = concat(kem.pkcs8Prefix, seed);
    expect(pkcs8[1]).toBe(pkcs8.length - 2);
  });
});

describe('X-Wing', () => {
  const seed = seedOf(xWing);
  const publicKey = xWing.publicKey(seed);

  test.each(lowOrder)('refuses an X25519 part of low order %#', (point) => {
    const weak = concat(publicKey.subarray(0, 1184), point);
    expect(refusal(() => xWing.validate(weak)).code).toBe('KEY_INVALID');
    expect(refusal(() => xWing.encapsulate(weak)).code).toBe('KEY_INVALID');
    const { enc } = xWing.encapsulate(publicKey);
    const weakEnc = concat(enc.subarray(0, 1088), point);
    expect(refusal(() => xWing.decapsulate(seed, weakEnc)).code).toBe('KEY_INVALID');
  });

  test('is the X-Wing of noble, in both directions', () => {
    const noble = ml_kem768_x25519.keygen(seed);
    expect(hex(publicKey)).toBe(hex(noble.publicKey));
    const { enc, secret } = xWing.encapsulate(publicKey);
    expect(hex(ml_kem768_x25519.decapsulate(enc, noble.secretKey))).toBe(hex(secret));
    const { cipherText, sharedSecret } = ml_kem768_x25519.encapsulate(publicKey);
    expect(hex(xWing.decapsulate(seed, cipherText))).toBe(hex(sharedSecret));
  });

  // The first test vector of the draft: the beginning of the key, and the digest of all of it.
  test('derives the key pair of the draft', () => {
    const vector = fromHex('7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26');
    const key = xWing.publicKey(vector);
    expect(hex(key.subarray(0, 16))).toBe('e2236b35a8c24b39b10aa1323a96a919');
    expect(createHash('sha256').update(key).digest('hex')).toBe(
      '2e816deebcd76c5c80d0cd2d174478871658e8e2ff42bc9d4a6e486372e856bb',
    );
  });
});
