import { describe, expect, test } from 'vitest';
import { concat, fromHex, hex, utf8 } from '#strongroom/bytes.js';
import { hpkeOpen, hpkeSeal, keySchedule } from '#strongroom/crypto/hpke.js';
import { suites } from '#strongroom/crypto/suites.js';
import { isStrongroomError } from '#strongroom/errors.js';

const info = utf8('strongroom/v1/wrap');
const fileKey = Uint8Array.from({ length: 32 }, (_, i) => i);

describe.each(Object.values(suites))('$name', (suite) => {
  const seed = new Uint8Array(suite.kem.seedBytes).fill(3);
  const publicKey = suite.kem.publicKey(seed);
  const { enc, sealed } = hpkeSeal(suite, publicKey, info, fileKey);

  const altered = (bytes: Uint8Array, at: number) => {
    const out = bytes.slice();
    out[at] = (out[at] as number) ^ 4;
    return out;
  };

  test('opens what it sealed', () => {
    expect(enc.length).toBe(suite.kem.encBytes);
    expect(sealed.length).toBe(fileKey.length + 16);
    expect(hpkeOpen(suite, seed, enc, sealed, info)).toEqual(fileKey);
  });

  test('does not open with another key, info or message', () => {
    expect(hpkeOpen(suite, altered(seed, 0), enc, sealed, info)).toBeUndefined();
    expect(hpkeOpen(suite, seed, enc, sealed, altered(info, 0))).toBeUndefined();
    expect(hpkeOpen(suite, seed, altered(enc, 0), sealed, info)).toBeUndefined();
    expect(hpkeOpen(suite, seed, altered(enc, enc.length - 2), sealed, info)).toBeUndefined();
    expect(hpkeOpen(suite, seed, enc, altered(sealed, 0), info)).toBeUndefined();
    expect(hpkeOpen(suite, seed, enc, sealed.subarray(1), info)).toBeUndefined();
    expect(hpkeOpen(suite, seed, enc.subarray(1), sealed, info)).toBeUndefined();
  });

  test('seals differently each time', () => {
    expect(hex(hpkeSeal(suite, publicKey, info, fileKey).sealed)).not.toBe(hex(sealed));
  });

  test('throws for a seed that cannot be one', () => {
    expect(() => hpkeOpen(suite, seed.subarray(1), enc, sealed, info)).toThrow(
      expect.toSatisfy((error) => isStrongroomError(error, 'KEY_INVALID')),
    );
  });

  test('throws for a public key that is not valid', () => {
    const overflowing = publicKey.slice().fill(0xff, 0, 3);
    expect(() => hpkeSeal(suite, overflowing, info, fileKey)).toThrow(
      expect.toSatisfy((error) => isStrongroomError(error, 'KEY_INVALID')),
    );
  });
});

test('an X25519 share of low order opens nothing', () => {
  const { hybrid } = suites;
  const seed = new Uint8Array(32).fill(3);
  const { enc, sealed } = hpkeSeal(hybrid, hybrid.kem.publicKey(seed), info, fileKey);
  const weak = concat(enc.subarray(0, -32), new Uint8Array(32));
  expect(hpkeOpen(hybrid, seed, weak, sealed, info)).toBeUndefined();
});

// draft-ietf-hpke-pq, the vector for ML-KEM-1024, HKDF-SHA384 and AES-256-GCM.
test('the key schedule gives the key and the nonce of the draft', () => {
  const schedule = keySchedule(
    { kemId: 0x42, kdfId: 2, kdfHash: 'sha384', aeadId: 2 },
    fromHex('a9f5e349635145bb8a06c0b50b027bef523c5868dd3477a8a92cb5deecc4113b'),
    // Its info is itself the hex of a text.
    utf8(hex(utf8('Ode on a Grecian Urn'))),
  );
  expect(hex(schedule.key)).toBe(
    '57928282570ac8e002ebc79908293d65faabdb3ef58149edb33083cc2f38a55b',
  );
  expect(hex(schedule.nonce)).toBe('107259b6ac73abb151fb98a8');
});

test('the key schedule is bound to every id', () => {
  const ids = { kemId: 0x42, kdfId: 2, kdfHash: 'sha384', aeadId: 2 } as const;
  const keyOf = (changed: Partial<typeof ids | { kemId: number; kdfId: number; aeadId: number }>) =>
    hex(keySchedule({ ...ids, ...changed }, fileKey, info).key);
  const keys = [keyOf({}), keyOf({ kemId: 0x43 }), keyOf({ kdfId: 1 }), keyOf({ aeadId: 3 })];
  expect(new Set(keys).size).toBe(keys.length);
});
