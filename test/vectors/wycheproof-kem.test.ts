// Project Wycheproof: ML-KEM (also as the first part of X-Wing) and X25519.

import * as crypto from 'node:crypto';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { describe, expect, test } from 'vitest';
import { concat, fromHex, hex, isZero } from '#strongroom/bytes.js';
import { isX25519KeySound, x25519PublicKey, x25519Secret } from '#strongroom/crypto/curve25519.js';
import { mlKem1024, xWing } from '#strongroom/crypto/kem.js';
import { latticeKems } from '#strongroom/crypto/lattice.js';
import { nativeKem } from '#strongroom/crypto/native.js';
import { nobleKem } from '#strongroom/crypto/noble.js';
import { isStrongroomError } from '#strongroom/errors.js';
import { testsOf, wycheproof } from './files.ts';

const hasNative = 'encapsulate' in crypto;
const keyInvalid = expect.toSatisfy((error) => isStrongroomError(error, 'KEY_INVALID'));

interface KemGroup {
  readonly parameterSet: string;
}
interface DecapsulationTest {
  readonly seed: string;
  readonly ek?: string;
  readonly c: string;
  readonly K: string;
}
interface EncapsulationTest {
  readonly m: string;
  readonly ek: string;
  readonly c: string;
  readonly K: string;
}

describe.each([
  ['mlkem_768', latticeKems['ML-KEM-768']],
  ['mlkem_1024', latticeKems['ML-KEM-1024']],
] as const)('%s', (file, row) => {
  const tests = testsOf(wycheproof<KemGroup, DecapsulationTest>(file));
  const fits = ({ seed, c }: DecapsulationTest) =>
    seed.length === 2 * row.seedBytes && c.length === 2 * row.encBytes;
  const implementations = {
    noble: nobleKem(row),
    ...(hasNative ? { native: nativeKem(row) } : {}),
  };

  test.each(Object.entries(implementations))('%s', (_, kem) => {
    let ran = 0;
    for (const { group, test } of tests) {
      expect(group.parameterSet).toBe(row.name);
      // The invalid ones are of wrong lengths, which are checked before an implementation.
      expect(fits(test), `test ${test.tcId}`).toBe(test.result === 'valid');
      if (test.result !== 'valid') continue;
      const seed = fromHex(test.seed);
      expect(hex(kem.publicKey(seed)), `test ${test.tcId}`).toBe(test.ek);
      expect(hex(kem.decapsulate(seed, fromHex(test.c))), `test ${test.tcId}`).toBe(test.K);
      ran++;
    }
    expect(ran).toBe(153);
  });

  test('wrong lengths are refused', () => {
    let ran = 0;
    for (const { test } of tests) {
      if (test.result === 'valid') continue;
      const [seed, enc] = [fromHex(test.seed), fromHex(test.c)];
      if (row.name === 'ML-KEM-1024') {
        expect(() => mlKem1024.decapsulate(seed, enc), `test ${test.tcId}`).toThrow(keyInvalid);
      } else if (enc.length !== row.encBytes) {
        // X-Wing has seeds of its own, so only the encapsulation can be of a wrong length.
        const whole = concat(enc, x25519PublicKey(new Uint8Array(32)));
        const decapsulate = () => xWing.decapsulate(new Uint8Array(32), whole);
        expect(decapsulate, `test ${test.tcId}`).toThrow(keyInvalid);
      } else {
        expect(() => xWing.decapsulate(seed, enc), `test ${test.tcId}`).toThrow(keyInvalid);
      }
      ran++;
    }
    expect(ran).toBe(40);
  });
});

describe('mlkem_768_encaps', () => {
  const row = latticeKems['ML-KEM-768'];
  const tests = testsOf(wycheproof<KemGroup, EncapsulationTest>('mlkem_768_encaps'));
  const implementations = {
    noble: nobleKem(row),
    ...(hasNative ? { native: nativeKem(row) } : {}),
  };
  const share = x25519PublicKey(new Uint8Array(32));

  test('noble encapsulates with the given randomness', () => {
    let ran = 0;
    for (const { test } of tests) {
      if (test.result !== 'valid') continue;
      const { cipherText, sharedSecret } = ml_kem768.encapsulate(fromHex(test.ek), fromHex(test.m));
      expect(hex(cipherText), `test ${test.tcId}`).toBe(test.c);
      expect(hex(sharedSecret), `test ${test.tcId}`).toBe(test.K);
      ran++;
    }
    expect(ran).toBe(133);
  });

  test.each(Object.entries(implementations))(
    '%s tells keys that fail the modulus check',
    (_, kem) => {
      const ran = { valid: 0, overflowing: 0 };
      for (const { test } of tests) {
        const key = fromHex(test.ek);
        if (key.length !== row.publicKeyBytes) continue;
        const valid = test.result === 'valid';
        expect(kem.accepts(key), `test ${test.tcId}`).toBe(valid);
        if (valid) expect(kem.encapsulate(key).enc.length).toBe(row.encBytes);
        else expect(() => kem.encapsulate(key), `test ${test.tcId}`).toThrow();
        ran[valid ? 'valid' : 'overflowing']++;
      }
      expect(ran).toEqual({ valid: 133, overflowing: 112 });
    },
  );

  test('X-Wing refuses what is invalid, wrong lengths included', () => {
    const ran = { valid: 0, invalid: 0 };
    for (const { test } of tests) {
      const key = concat(fromHex(test.ek), share);
      if (test.result === 'valid') {
        expect(() => xWing.validate(key), `test ${test.tcId}`).not.toThrow();
        ran.valid++;
      } else {
        expect(() => xWing.validate(key), `test ${test.tcId}`).toThrow(keyInvalid);
        expect(() => xWing.encapsulate(key), `test ${test.tcId}`).toThrow(keyInvalid);
        ran.invalid++;
      }
    }
    expect(ran).toEqual({ valid: 133, invalid: 132 });
  });
});

interface CurveGroup {
  readonly curve: string;
}
interface CurveTest {
  readonly public: string;
  readonly private: string;
  readonly shared: string;
}

describe('x25519', () => {
  test('shared secrets, of which those that are all zero are refused', () => {
    const ran = { sound: 0, zero: 0 };
    for (const { test } of testsOf(wycheproof<CurveGroup, CurveTest>('x25519'))) {
      const [scalar, publicKey] = [fromHex(test.private), fromHex(test.public)];
      const zero = isZero(fromHex(test.shared));
      expect(isX25519KeySound(publicKey), `test ${test.tcId}`).toBe(!zero);
      if (zero) {
        expect(() => x25519Secret(scalar, publicKey), `test ${test.tcId}`).toThrow();
      } else {
        expect(hex(x25519Secret(scalar, publicKey)), `test ${test.tcId}`).toBe(test.shared);
      }
      ran[zero ? 'zero' : 'sound']++;
    }
    expect(ran).toEqual({ sound: 487, zero: 31 });
  });
});
