import { expect, test } from 'vitest';
import { fromHex, hex, utf8 } from '#strongroom/bytes.js';
import { aeadOpen, aeadSeal } from '#strongroom/crypto/aead.js';
import { isStrongroomError } from '#strongroom/errors.js';

const zero = (bytes: number) => new Uint8Array(bytes);
const key = Uint8Array.from({ length: 32 }, (_, i) => i);
const nonce = zero(12).fill(9);
const plaintext = utf8('the file key');
const aad = utf8('the first line');

test.each([
  // Test cases 13 and 14 of the GCM specification
  [0, '530f8afbc74536b9a963b4f1c4cb738b'],
  [16, 'cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919'],
])('gives the known ciphertext of %i zero bytes', (bytes, sealed) => {
  expect(hex(aeadSeal(zero(32), zero(12), zero(bytes)))).toBe(sealed);
  expect(aeadOpen(zero(32), zero(12), fromHex(sealed))).toEqual(zero(bytes));
});

test('opens what it sealed', () => {
  const sealed = aeadSeal(key, nonce, plaintext, aad);
  expect(sealed.length).toBe(plaintext.length + 16);
  expect(aeadOpen(key, nonce, sealed, aad)).toEqual(plaintext);
});

test('does not open what was altered anywhere', () => {
  const sealed = aeadSeal(key, nonce, plaintext, aad);
  for (let at = 0; at < sealed.length; at++) {
    const altered = sealed.slice();
    altered[at] = (altered[at] as number) ^ 0x40;
    expect(aeadOpen(key, nonce, altered, aad)).toBeUndefined();
  }
  expect(aeadOpen(key, nonce, sealed, utf8('another line'))).toBeUndefined();
  expect(aeadOpen(key, zero(12), sealed, aad)).toBeUndefined();
  expect(aeadOpen(zero(32), nonce, sealed, aad)).toBeUndefined();
});

test('does not open what was cut, to a short tag or to nothing', () => {
  const sealed = aeadSeal(key, nonce, plaintext, aad);
  for (let length = 0; length < sealed.length; length++) {
    expect(aeadOpen(key, nonce, sealed.subarray(0, length), aad)).toBeUndefined();
  }
});

test('takes no other lengths of key and nonce', () => {
  const calls = [
    () => aeadSeal(zero(16), nonce, plaintext),
    () => aeadSeal(key, zero(16), plaintext),
    () => aeadOpen(zero(24), nonce, zero(16)),
    () => aeadOpen(key, zero(0), zero(16)),
  ];
  for (const call of calls) {
    expect(call).toThrow(expect.toSatisfy((error) => isStrongroomError(error, 'INTERNAL')));
  }
});
