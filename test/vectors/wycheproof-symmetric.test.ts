// Project Wycheproof: AES-256-GCM, and the HKDF-SHA-256 that HPKE uses. HKDF-SHA-512 is not
// used here; HKDF-SHA-384 has no vectors there and is held against node:crypto instead.

import { hkdfSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { concat, fromHex, hex, utf8 } from '#strongroom/bytes.js';
import { aeadOpen, aeadSeal } from '#strongroom/crypto/aead.js';
import { hkdfExpand, hkdfExtract } from '#strongroom/crypto/kdf.js';
import { isStrongroomError } from '#strongroom/errors.js';
import { testsOf, wycheproof } from './files.ts';

const internal = expect.toSatisfy((error) => isStrongroomError(error, 'INTERNAL'));

interface AeadGroup {
  readonly keySize: number;
  readonly ivSize: number;
  readonly tagSize: number;
}
type AeadTest = Readonly<Record<'key' | 'iv' | 'aad' | 'msg' | 'ct' | 'tag', string>>;

test('aes_gcm', () => {
  const ran = { valid: 0, invalid: 0, otherSizes: 0 };
  for (const { group, test } of testsOf(wycheproof<AeadGroup, AeadTest>('aes_gcm'))) {
    const [key, nonce, aad, plaintext] = [test.key, test.iv, test.aad, test.msg].map(fromHex) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const sealed = fromHex(test.ct + test.tag);
    const which = `test ${test.tcId}`;
    expect(group.tagSize).toBe(128);
    if (group.keySize !== 256 || group.ivSize !== 96) {
      expect(() => aeadOpen(key, nonce, sealed, aad), which).toThrow(internal);
      expect(() => aeadSeal(key, nonce, plaintext, aad), which).toThrow(internal);
      ran.otherSizes++;
    } else if (test.result === 'valid') {
      expect(aeadOpen(key, nonce, sealed, aad), which).toEqual(plaintext);
      expect(aeadSeal(key, nonce, plaintext, aad), which).toEqual(sealed);
      ran.valid++;
    } else {
      expect(aeadOpen(key, nonce, sealed, aad), which).toBeUndefined();
      ran.invalid++;
    }
  }
  expect(ran).toEqual({ valid: 39, invalid: 27, otherSizes: 250 });
});

interface HkdfTest {
  readonly ikm: string;
  readonly salt: string;
  readonly info: string;
  readonly size: number;
  readonly okm: string;
}

test('hkdf_sha256', () => {
  const ran = { valid: 0, invalid: 0 };
  for (const { test } of testsOf(wycheproof<object, HkdfTest>('hkdf_sha256'))) {
    const key = hkdfExtract('sha256', fromHex(test.salt), fromHex(test.ikm));
    const expand = () => hkdfExpand('sha256', key, fromHex(test.info), test.size);
    const which = `test ${test.tcId}`;
    if (test.result === 'valid') {
      expect(hex(expand()), which).toBe(test.okm);
      ran.valid++;
    } else {
      expect(expand, which).toThrow(internal);
      ran.invalid++;
    }
  }
  expect(ran).toEqual({ valid: 83, invalid: 3 });
});

test('HKDF-SHA-384 on the inputs of hkdf_sha256, against node:crypto', () => {
  let ran = 0;
  for (const { test } of testsOf(wycheproof<object, HkdfTest>('hkdf_sha256'))) {
    if (test.result !== 'valid') continue;
    const [ikm, salt] = [fromHex(test.ikm), fromHex(test.salt)];
    const info = concat(fromHex(test.info), utf8('384'));
    const expected = new Uint8Array(hkdfSync('sha384', ikm, salt, info, test.size));
    const key = hkdfExtract('sha384', salt, ikm);
    expect(hex(hkdfExpand('sha384', key, info, test.size)), `test ${test.tcId}`).toBe(
      hex(expected),
    );
    ran++;
  }
  expect(ran).toBe(83);
});
