import { hkdf as nobleHkdf } from '@noble/hashes/hkdf.js';
import { sha384 as nobleSha384 } from '@noble/hashes/sha2.js';
import { expect, test } from 'vitest';
import { concat, fromHex, hex, utf8 } from '#strongroom/bytes.js';
import {
  deriveKey,
  hkdfExpand,
  hkdfExtract,
  hkdfSha384,
  hmacSha384,
} from '#strongroom/crypto/kdf.js';
import { isStrongroomError } from '#strongroom/errors.js';

const sequence = (bytes: number, from = 0) =>
  Uint8Array.from({ length: bytes }, (_, i) => from + i);

test('HMAC-SHA-384 gives test case 2 of RFC 4231', () => {
  expect(hex(hmacSha384(utf8('Jefe'), utf8('what do ya want for nothing?')))).toBe(
    'af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e' +
      '8e2240ca5e69e2c78b3239ecfab21649',
  );
});

test('HKDF-SHA-256 in two steps gives test case 1 of RFC 5869', () => {
  const key = hkdfExtract('sha256', sequence(13), new Uint8Array(22).fill(0x0b));
  expect(hex(hkdfExpand('sha256', key, sequence(10, 0xf0), 42))).toBe(
    '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  );
});

test.each([1, 47, 48, 49, 96, 1000, 255 * 48])('HKDF-SHA-384 to %i bytes', (bytes) => {
  const [ikm, salt, info] = [sequence(32), sequence(32, 50), sequence(70, 100)];
  const expected = nobleHkdf(nobleSha384, ikm, salt, info, bytes);
  expect(hex(hkdfSha384(ikm, salt, info, bytes))).toBe(hex(expected));
  const key = hkdfExtract('sha384', salt, ikm);
  expect(hex(hkdfExpand('sha384', key, info, bytes))).toBe(hex(expected));
});

test('HKDF-Expand refuses more than 255 blocks', () => {
  expect(() => hkdfExpand('sha384', sequence(48), utf8(''), 255 * 48 + 1)).toThrow(
    expect.toSatisfy((error) => isStrongroomError(error, 'INTERNAL')),
  );
});

test('deriveKey is D of the format', () => {
  const [fileKey, archiveId, coreHash] = [sequence(32), sequence(32, 32), sequence(48, 64)];
  const info = concat(utf8('strongroom/v1/payload'), coreHash);
  expect(hex(deriveKey(fileKey, archiveId, coreHash, 'payload', 32))).toBe(
    hex(nobleHkdf(nobleSha384, fileKey, archiveId, info, 32)),
  );
});

test('deriveKey depends on each of its inputs', () => {
  const [fileKey, archiveId, coreHash] = [sequence(32), sequence(32, 32), sequence(48, 64)];
  const other = (bytes: Uint8Array) => fromHex(`ff${hex(bytes.subarray(1))}`);
  const keys = [
    deriveKey(fileKey, archiveId, coreHash, 'payload', 48),
    deriveKey(other(fileKey), archiveId, coreHash, 'payload', 48),
    deriveKey(fileKey, other(archiveId), coreHash, 'payload', 48),
    deriveKey(fileKey, archiveId, other(coreHash), 'payload', 48),
    deriveKey(fileKey, archiveId, coreHash, 'manifest', 48),
  ];
  expect(new Set(keys.map(hex)).size).toBe(keys.length);
});
