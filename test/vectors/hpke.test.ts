// HPKE (RFC 9180) with the KEMs of draft-ietf-hpke-pq: the vectors of the draft.

import * as crypto from 'node:crypto';
import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import { describe, expect, test } from 'vitest';
import { concat, equal, fromHex, hex } from '#strongroom/bytes.js';
import { aeadOpen, aeadSeal } from '#strongroom/crypto/aead.js';
import { hpkeOpen, keySchedule } from '#strongroom/crypto/hpke.js';
import { type Kem, mlKem1024, xWing } from '#strongroom/crypto/kem.js';
import { latticeKems } from '#strongroom/crypto/lattice.js';
import { nativeKem } from '#strongroom/crypto/native.js';
import { nobleKem } from '#strongroom/crypto/noble.js';
import { suites } from '#strongroom/crypto/suites.js';
import { vectorJson } from './files.ts';

interface Vector {
  readonly mode: number;
  readonly kem_id: number;
  readonly kdf_id: number;
  readonly aead_id: number;
  readonly info: string;
  readonly ikmE: string;
  readonly skRm: string;
  readonly pkRm: string;
  readonly enc: string;
  readonly shared_secret: string;
  readonly suite_id: string;
  readonly key: string;
  readonly base_nonce: string;
  readonly encryptions: readonly { aad: string; ct: string; nonce: string; pt: string }[];
}

const kems = new Map<number, Kem>([xWing, mlKem1024].map((kem) => [kem.id, kem]));
/** The two-step KDFs of RFC 9180; the one-step ones of the draft are not used here. */
const kdfs = new Map<number, 'sha256' | 'sha384'>([
  [1, 'sha256'],
  [2, 'sha384'],
]);

const vectors = vectorJson<Vector[]>('hpke-pq', 'test-vectors.json');
const ours = vectors.filter((vector) => kems.has(vector.kem_id));
const scheduled = ours.filter((vector) => kdfs.has(vector.kdf_id));
const sealed = scheduled.filter((vector) => vector.aead_id === 2);
const title = '$kem_id, KDF $kdf_id, AEAD $aead_id';

test('the file has the vectors for the KEMs of the suites', () => {
  expect(vectors.length).toBe(13);
  const ids = (list: Vector[]) => list.map((v) => [v.kem_id, v.kdf_id, v.aead_id]);
  expect(ids(ours)).toEqual([
    [0x42, 2, 2],
    [0x647a, 1, 3],
    [0x647a, 17, 3],
    [0x42, 19, 1],
  ]);
  expect(ids(scheduled)).toEqual([
    [0x42, 2, 2],
    [0x647a, 1, 3],
  ]);
  expect(ids(sealed)).toEqual([[0x42, 2, 2]]);
});

describe.each(ours)(`KEM ${title}`, (vector) => {
  const kem = kems.get(vector.kem_id) as Kem;
  const [seed, enc] = [fromHex(vector.skRm), fromHex(vector.enc)];

  test('public key and shared secret', () => {
    expect(hex(kem.publicKey(seed))).toBe(vector.pkRm);
    expect(hex(kem.decapsulate(seed, enc))).toBe(vector.shared_secret);
    expect(() => kem.validate(fromHex(vector.pkRm))).not.toThrow();
  });
});

describe.each(ours.filter((vector) => vector.kem_id === 0x42))(`ML-KEM-1024 ${title}`, (vector) => {
  const row = latticeKems['ML-KEM-1024'];
  const [seed, publicKey] = [fromHex(vector.skRm), fromHex(vector.pkRm)];
  const implementations = {
    noble: nobleKem(row),
    ...('encapsulate' in crypto ? { native: nativeKem(row) } : {}),
  };

  test.each(Object.entries(implementations))('%s', (_, kem) => {
    expect(kem.publicKey(seed)).toEqual(publicKey);
    expect(hex(kem.decapsulate(seed, fromHex(vector.enc)))).toBe(vector.shared_secret);
  });

  test('noble encapsulates with the given randomness', () => {
    const { cipherText, sharedSecret } = ml_kem1024.encapsulate(publicKey, fromHex(vector.ikmE));
    expect(hex(cipherText)).toBe(vector.enc);
    expect(hex(sharedSecret)).toBe(vector.shared_secret);
  });
});

describe.each(scheduled)(`key schedule ${title}`, (vector) => {
  test('key and nonce', () => {
    const ids = {
      kemId: vector.kem_id,
      kdfId: vector.kdf_id,
      kdfHash: kdfs.get(vector.kdf_id) as 'sha256' | 'sha384',
      aeadId: vector.aead_id,
    };
    const schedule = keySchedule(ids, fromHex(vector.shared_secret), fromHex(vector.info));
    expect(hex(schedule.key)).toBe(vector.key);
    expect(hex(schedule.nonce)).toBe(vector.base_nonce);
  });
});

describe.each(sealed)(`messages ${title}`, (vector) => {
  const key = fromHex(vector.key);

  test('each of them opens and is sealed alike', () => {
    expect(vector.encryptions.length).toBe(10);
    for (const { aad, ct, nonce, pt } of vector.encryptions) {
      expect(hex(aeadSeal(key, fromHex(nonce), fromHex(pt), fromHex(aad)))).toBe(ct);
      expect(aeadOpen(key, fromHex(nonce), fromHex(ct), fromHex(aad))).toEqual(fromHex(pt));
    }
    expect(new Set(vector.encryptions.map(({ nonce }) => nonce)).size).toBe(10);
    expect(vector.encryptions[0]?.nonce).toBe(vector.base_nonce);
  });

  // The vectors have an AAD and Strongroom has none, so the message is sealed anew.
  test('hpkeOpen finds the same key', () => {
    const sealedAnew = aeadSeal(key, fromHex(vector.base_nonce), Uint8Array.of(1, 2, 3));
    const [seed, enc, info] = [vector.skRm, vector.enc, vector.info].map(fromHex) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    expect(hpkeOpen(suites.cnsa2, seed, enc, sealedAnew, info)).toEqual(Uint8Array.of(1, 2, 3));
  });
});

test('X-Wing: hpkeOpen finds the key that its ids give', () => {
  const vector = scheduled.find((each) => each.kem_id === 0x647a) as Vector;
  const info = fromHex(vector.info);
  const { hpke, kem } = suites.hybrid;
  const { key, nonce } = keySchedule(
    { kemId: kem.id, ...hpke },
    fromHex(vector.shared_secret),
    info,
  );
  const message = concat(Uint8Array.of(1, 2, 3));
  const opened = hpkeOpen(
    suites.hybrid,
    fromHex(vector.skRm),
    fromHex(vector.enc),
    aeadSeal(key, nonce, message),
    info,
  );
  expect(opened !== undefined && equal(opened, message)).toBe(true);
});
