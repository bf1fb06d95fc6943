import { blake3 as nobleBlake3 } from '@noble/hashes/blake3.js';
import { describe, expect, test } from 'vitest';
import { fromHex, hex, utf8 } from '#strongroom/bytes.js';
import {
  blake3,
  nativeBlake3,
  sha256,
  sha384,
  sha384Tree,
  wasmBlake3,
} from '#strongroom/crypto/hash.js';

const sample = (bytes: number) => Uint8Array.from({ length: bytes }, (_, i) => i % 251);

describe('BLAKE3', () => {
  test('gives the digest of its specification for no bytes', () => {
    const empty = 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262';
    expect(hex(blake3.digest(new Uint8Array(0)))).toBe(empty);
    expect(blake3.bytes).toBe(32);
  });

  // Around the blocks of 64 and the chunks of 1024 bytes, and a tree of several levels.
  test.each([0, 1, 63, 64, 65, 1023, 1024, 1025, 4097, 70000])('%i bytes', async (bytes) => {
    const data = sample(bytes);
    const expected = hex(nobleBlake3(data));
    const wasm = await wasmBlake3();
    expect(hex(blake3.digest(data))).toBe(expected);
    expect(hex(nativeBlake3()(data))).toBe(expected);
    expect(hex(wasm(data))).toBe(expected);
    // Nothing of one call is left for the next.
    expect(hex(wasm(data))).toBe(expected);
  });

  test('takes a view for the bytes that it shows', () => {
    const data = sample(3000);
    expect(hex(blake3.digest(data.subarray(100, 2900)))).toBe(
      hex(nobleBlake3(data.slice(100, 2900))),
    );
  });

  test('digests stay when others follow', async () => {
    for (const digest of [blake3.digest, nativeBlake3(), await wasmBlake3()]) {
      const first = digest(sample(10));
      const kept = hex(first);
      digest(sample(20));
      expect(hex(first)).toBe(kept);
    }
  });
});

describe('SHA-384', () => {
  test('gives the digest of FIPS 180 for "abc"', () => {
    const abc = fromHex(
      'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed' +
        '8086072ba1e7cc2358baeca134c825a7',
    );
    expect(sha384(utf8('abc'))).toEqual(abc);
    expect(sha384Tree.digest(utf8('abc'))).toEqual(abc);
    expect(sha384Tree.bytes).toBe(48);
  });
});

test('SHA-256 gives the digest of FIPS 180-4 for abc', () => {
  expect(hex(sha256(utf8('abc')))).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});
