import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { hex } from '#strongroom/bytes.js';
import { keyId, type Suite, suiteById, suites } from '#strongroom/crypto/suites.js';

// The tables of docs/format.md, written out a second time.
const format = [
  {
    suite: suites.hybrid,
    id: 1,
    kem: ['X-Wing', 0x647a, 1216, 1120, 32, '308204d4300d060b2b0601040183e62d81c87a038204c100'],
    hpke: { kdfId: 1, kdfHash: 'sha256', aeadId: 2 },
    signatures: [
      ['ML-DSA-65', 1952, 3309, 32, '308207b2300b0609608648016503040312038207a100'],
      ['Ed25519', 32, 64, 32, '302a300506032b6570032100'],
    ],
    hash: ['blake3', 32],
  },
  {
    suite: suites.cnsa2,
    id: 2,
    kem: ['ML-KEM-1024', 0x0042, 1568, 1568, 64, '30820632300b06096086480165030404030382062100'],
    hpke: { kdfId: 2, kdfHash: 'sha384', aeadId: 2 },
    signatures: [['ML-DSA-87', 2592, 4627, 32, '30820a32300b060960864801650304031303820a2100']],
    hash: ['sha384', 48],
  },
] as const;

describe.each(format)('suite $id', (row) => {
  const suite: Suite = row.suite;

  test('has the algorithms and sizes of the format', () => {
    const { kem, hash } = suite;
    const { name, id, publicKeyBytes, encBytes, seedBytes, spkiPrefix } = kem;
    expect(suite.id).toBe(row.id);
    expect([name, id, publicKeyBytes, encBytes, seedBytes, hex(spkiPrefix)]).toEqual(row.kem);
    expect(suite.hpke).toEqual(row.hpke);
    expect([hash.name, hash.bytes]).toEqual(row.hash);
    expect(
      suite.signatures.map((algorithm) => [
        algorithm.name,
        algorithm.publicKeyBytes,
        algorithm.signatureBytes,
        algorithm.seedBytes,
        hex(algorithm.spkiPrefix),
      ]),
    ).toEqual(row.signatures);
  });

  test('is found by its number', () => {
    expect(suiteById(row.id)).toBe(suite);
  });
});

test.each([0, 3, 255, -1, 1.5])('there is no suite %d', (id) => {
  expect(suiteById(id)).toBeUndefined();
});

test('a key id is half of SHA-384 over the SubjectPublicKeyInfo', () => {
  const prefix = Uint8Array.of(1, 2, 3);
  const key = Uint8Array.of(4, 5);
  const digest = createHash('sha384')
    .update(Uint8Array.of(1, 2, 3, 4, 5))
    .digest('hex');
  expect(keyId(prefix, key)).toBe(digest.slice(0, 64));
});
