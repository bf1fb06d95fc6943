// Project Wycheproof: verification of ML-DSA.

import * as crypto from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { fromHex } from '#strongroom/bytes.js';
import { latticeSignatures } from '#strongroom/crypto/lattice.js';
import { nativeSignature } from '#strongroom/crypto/native.js';
import { nobleSignature } from '#strongroom/crypto/noble.js';
import { mlDsa65, mlDsa87 } from '#strongroom/crypto/signature.js';
import { testsOf, wycheproof } from './files.ts';

const hasNative = 'encapsulate' in crypto;

interface Group {
  readonly publicKey: string;
}
interface Test {
  readonly msg: string;
  readonly sig: string;
  readonly ctx?: string;
}

describe.each([
  {
    file: 'mldsa_65_verify',
    row: latticeSignatures['ML-DSA-65'],
    algorithm: mlDsa65,
    counts: { verified: 77, otherContext: 2, refused: 131 },
    wrongLengths: 7,
  },
  {
    file: 'mldsa_87_verify',
    row: latticeSignatures['ML-DSA-87'],
    algorithm: mlDsa87,
    counts: { verified: 69, otherContext: 2, refused: 170 },
    wrongLengths: 7,
  },
])('$file', ({ file, row, algorithm, counts, wrongLengths }) => {
  const tests = testsOf(wycheproof<Group, Test>(file)).map(({ group, test }) => ({
    ...test,
    key: fromHex(group.publicKey),
    signature: fromHex(test.sig),
    message: fromHex(test.msg),
    // Strongroom signs with an empty context: what is valid in another one is not.
    kind:
      test.result !== 'valid'
        ? ('refused' as const)
        : test.ctx
          ? ('otherContext' as const)
          : ('verified' as const),
  }));

  test('through the checks of the algorithm', () => {
    const ran = { verified: 0, otherContext: 0, refused: 0 };
    for (const { tcId, key, message, signature, kind } of tests) {
      const verified = algorithm.verify(key, message, signature);
      expect(verified, `test ${tcId}`).toBe(kind === 'verified');
      ran[kind]++;
    }
    expect(ran).toEqual(counts);
  });

  // Lengths are checked before an implementation is asked.
  const implementations = {
    noble: nobleSignature(row),
    ...(hasNative ? { native: nativeSignature(row) } : {}),
  };

  test.each(Object.entries(implementations))('%s', (_, implementation) => {
    let ran = 0;
    for (const { tcId, key, message, signature, kind } of tests) {
      if (key.length !== row.publicKeyBytes || signature.length !== row.signatureBytes) continue;
      const verified = implementation.verify(key, message, signature);
      expect(verified, `test ${tcId}`).toBe(kind === 'verified');
      ran++;
    }
    expect(ran).toBe(tests.length - wrongLengths);
  });
});
