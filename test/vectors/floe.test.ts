// FLOE (c2sp.org/FLOE): the vectors of its five implementations.

import { describe, expect, test } from 'vitest';
import { concat, fromHex, utf8, viewOf } from '#strongroom/bytes.js';
import {
  createSegmentCipher,
  decryptAll,
  encryptAll,
  floeHeaderBytes,
  segmentOverhead,
  startDecryption,
  startEncryption,
} from '#strongroom/crypto/floe.js';
import { type ErrorCode, isStrongroomError } from '#strongroom/errors.js';
import { vectorText } from './files.ts';

// All vectors have the same key and AAD.
const key = new Uint8Array(32);
const aad = utf8('This is AAD');

/** What the names of the vectors mean; rotation ones have keys for 2^2 segments. */
const kinds = {
  GCM256_IV256_4K: { encodedBytes: 4096, rotationBits: 20 },
  GCM256_IV256_64: { encodedBytes: 64, rotationBits: 20 },
  rotation: { encodedBytes: 40, rotationBits: 2 },
  lastSegAligned: { encodedBytes: 40, rotationBits: 20 },
  lastSegEmpty: { encodedBytes: 40, rotationBits: 20 },
};

const common = ['GCM256_IV256_4K', 'GCM256_IV256_64', 'rotation'] as const;
const vectors = [
  ...['cpp', 'go', 'java', 'pub_java', 'rust'].flatMap((by) =>
    common.map((kind) => ({ by, kind })),
  ),
  { by: 'java', kind: 'lastSegAligned' },
  { by: 'java', kind: 'lastSegEmpty' },
] as const;

/** In memory the rotation is the usual one, and a plaintext has one division. */
const refusedInMemory: Partial<Record<keyof typeof kinds, ErrorCode>> = {
  rotation: 'SEGMENT_INVALID',
  lastSegEmpty: 'PAYLOAD_INVALID',
};

const segmentsByKind: Record<string, number> = {};

describe.each(vectors)('$by $kind', ({ by, kind }) => {
  const { encodedBytes, rotationBits } = kinds[kind];
  const segmentBytes = encodedBytes - segmentOverhead;
  const ciphertext = fromHex(vectorText('floe', `${by}_${kind}_ct.txt`));
  const plaintext = fromHex(vectorText('floe', `${by}_${kind}_pt.txt`));

  test('decrypts to the plaintext', () => {
    const header = ciphertext.subarray(0, floeHeaderBytes);
    const cipher = createSegmentCipher(
      startDecryption(key, aad, header, segmentBytes),
      rotationBits,
    );
    const parts: Uint8Array[] = [];
    let at = floeHeaderBytes;
    for (let final = false; !final; ) {
      const stated = viewOf(ciphertext).getUint32(at);
      final = stated !== 0xffffffff;
      const segment = ciphertext.subarray(at, at + (final ? stated : encodedBytes));
      const out = new Uint8Array(segmentBytes);
      const length = cipher.decrypt(segment, parts.length, final, out);
      parts.push(out.subarray(0, length));
      at += segment.length;
    }
    expect(at).toBe(ciphertext.length);
    expect(concat(...parts)).toEqual(plaintext);
    segmentsByKind[kind] = (segmentsByKind[kind] ?? 0) + parts.length;
  });

  test('encrypts and decrypts back', () => {
    const { header, state } = startEncryption(key, aad, segmentBytes);
    expect(header.subarray(0, 10)).toEqual(ciphertext.subarray(0, 10));
    const encrypting = createSegmentCipher(state, rotationBits);
    const decrypting = createSegmentCipher(
      startDecryption(key, aad, header, segmentBytes),
      rotationBits,
    );
    const segments = Math.ceil(plaintext.length / segmentBytes);
    const back = new Uint8Array(plaintext.length);
    for (let i = 0; i < segments; i++) {
      const final = i === segments - 1;
      const part = plaintext.subarray(i * segmentBytes, (i + 1) * segmentBytes);
      const segment = new Uint8Array(part.length + segmentOverhead);
      encrypting.encrypt(part, i, final, segment);
      decrypting.decrypt(segment, i, final, back.subarray(i * segmentBytes));
    }
    expect(back).toEqual(plaintext);
  });

  test('in memory', () => {
    const again = encryptAll(key, aad, segmentBytes, plaintext);
    expect(decryptAll(key, aad, segmentBytes, again)).toEqual(plaintext);
    const decrypt = () => decryptAll(key, aad, segmentBytes, ciphertext);
    const code = refusedInMemory[kind];
    if (code === undefined) expect(decrypt()).toEqual(plaintext);
    else expect(decrypt).toThrow(expect.toSatisfy((error) => isStrongroomError(error, code)));
  });
});

test('all segments of all vectors were decrypted', () => {
  expect(segmentsByKind).toEqual({
    GCM256_IV256_4K: 3 + 3 + 3 + 2 + 3,
    GCM256_IV256_64: 3 + 3 + 3 + 4 + 5,
    rotation: 11 + 11 + 11 + 13 + 51,
    lastSegAligned: 2,
    lastSegEmpty: 3,
  });
});
