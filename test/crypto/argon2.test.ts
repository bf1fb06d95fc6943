import * as crypto from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { hex, utf8 } from '#strongroom/bytes.js';
import { argon2id, nativeArgon2, nobleArgon2 } from '#strongroom/crypto/argon2.js';

const hasNative = 'argon2Sync' in crypto;
const implementations = [
  ['chosen', argon2id],
  ['noble', nobleArgon2],
  ...(hasNative ? ([['native', nativeArgon2]] as const) : []),
] as const;

describe.each(implementations)('Argon2id, %s', (_, argon2) => {
  // From the test suite of the reference implementation, version 0x13.
  test.each([
    [1, '9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe'],
    [2, '6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037'],
  ])('gives the known key at parallelism %i', (parallelism, key) => {
    const cost = { memory: 256, passes: 2, parallelism };
    expect(hex(argon2(utf8('password'), utf8('somesalt'), cost, 32))).toBe(key);
  });

  test('depends on the passphrase, the salt and every cost', () => {
    const salt = new Uint8Array(16);
    const cost = { memory: 64, passes: 1, parallelism: 1 };
    const keys = [
      argon2(utf8('a'), salt, cost, 32),
      argon2(utf8('b'), salt, cost, 32),
      argon2(utf8('a'), salt.slice().fill(1), cost, 32),
      argon2(utf8('a'), salt, { ...cost, memory: 72 }, 32),
      argon2(utf8('a'), salt, { ...cost, passes: 2 }, 32),
      argon2(utf8('a'), salt, { ...cost, parallelism: 2 }, 32),
    ];
    expect(new Set(keys.map(hex)).size).toBe(keys.length);
  });

  test('takes an empty passphrase', () => {
    const cost = { memory: 64, passes: 1, parallelism: 1 };
    const key = argon2(new Uint8Array(0), new Uint8Array(16), cost, 32);
    expect(key).toEqual(nobleArgon2(new Uint8Array(0), new Uint8Array(16), cost, 32));
  });
});
