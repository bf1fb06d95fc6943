import { createPrivateKey, createPublicKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { concat, fromHex, hex, utf8 } from '#strongroom/bytes.js';
import {
  ed25519,
  mlDsa44,
  mlDsa65,
  mlDsa87,
  type SignatureAlgorithm,
} from '#strongroom/crypto/signature.js';
import { isStrongroomError } from '#strongroom/errors.js';

const seed = Uint8Array.from({ length: 32 }, (_, i) => i);
const message = utf8('a seal');

const isRefused = (run: () => unknown): boolean => {
  try {
    run();
  } catch (error) {
    return isStrongroomError(error, 'KEY_INVALID');
  }
  return false;
};

describe.each<SignatureAlgorithm>([mlDsa44, mlDsa65, mlDsa87, ed25519])('$name', (algorithm) => {
  const publicKey = algorithm.publicKey(seed);
  const signature = algorithm.sign(seed, message);

  test('verifies what it signed', () => {
    expect(publicKey.length).toBe(algorithm.publicKeyBytes);
    expect(signature.length).toBe(algorithm.signatureBytes);
    expect(algorithm.verify(publicKey, message, signature)).toBe(true);
    expect(() => algorithm.validate(publicKey)).not.toThrow();
  });

  test('refuses another message, key or signature', () => {
    const otherKey = algorithm.publicKey(seed.slice().fill(1, 0, 1));
    expect(algorithm.verify(publicKey, utf8('another'), signature)).toBe(false);
    expect(algorithm.verify(otherKey, message, signature)).toBe(false);
    for (let at = 0; at < signature.length; at += 500) {
      const other = signature.slice();
      other[at] = (other[at] as number) ^ 1;
      expect(algorithm.verify(publicKey, message, other)).toBe(false);
    }
  });

  test('is false, not a throw, for wrong lengths', () => {
    const longer = (bytes: Uint8Array) => concat(bytes, Uint8Array.of(0));
    const none = new Uint8Array(0);
    for (const key of [none, publicKey.subarray(1), longer(publicKey)]) {
      expect(algorithm.verify(key, message, signature)).toBe(false);
    }
    for (const other of [none, signature.subarray(1), longer(signature)]) {
      expect(algorithm.verify(publicKey, message, other)).toBe(false);
    }
  });

  test('refuses seeds and keys of wrong lengths', () => {
    expect(isRefused(() => algorithm.publicKey(seed.subarray(1)))).toBe(true);
    expect(isRefused(() => algorithm.sign(concat(seed, seed), message))).toBe(true);
    expect(isRefused(() => algorithm.validate(publicKey.subarray(1)))).toBe(true);
  });

  test('states its lengths in the DER prefixes', () => {
    const spki = concat(algorithm.spkiPrefix, publicKey);
    const stated = spki[1] === 0x82 ? (spki[2] as number) * 256 + (spki[3] as number) : spki[1];
    expect(stated).toBe(spki.length - (spki[1] === 0x82 ? 4 : 2));
    const pkcs8 = concat(algorithm.pkcs8Prefix, seed);
    expect(pkcs8[1]).toBe(pkcs8.length - 2);
  });
});

describe('Ed25519', () => {
  // RFC 8032 section 7.1, test 1.
  const vector = {
    seed: fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'),
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155' +
      '5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  };

  test('gives the key and the signature of RFC 8032', () => {
    expect(hex(ed25519.publicKey(vector.seed))).toBe(vector.publicKey);
    expect(hex(ed25519.sign(vector.seed, new Uint8Array(0)))).toBe(vector.signature);
  });

  test.each([
    ['the neutral element', `01${'00'.repeat(31)}`],
    ['the neutral element with a sign', `01${'00'.repeat(30)}80`],
    ['order 2', `ec${'ff'.repeat(30)}7f`],
    ['order 4', '00'.repeat(32)],
    ['order 4, other sign', `${'00'.repeat(31)}80`],
    ['order 8', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'],
    ['order 8, other sign', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa'],
    ['order 8, other point', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'],
    ['y = p, another spelling of 0', `ed${'ff'.repeat(30)}7f`],
    ['y = p + 1, another spelling of 1', `ee${'ff'.repeat(30)}7f`],
    ['y = 2, not on the curve', `02${'00'.repeat(31)}`],
  ])('refuses a key that is %s', (_, key) => {
    expect(isRefused(() => ed25519.validate(fromHex(key)))).toBe(true);
  });

  test('its prefixes are those of node:crypto', () => {
    const key = createPrivateKey({
      key: Buffer.from(concat(ed25519.pkcs8Prefix, seed)),
      format: 'der',
      type: 'pkcs8',
    });
    expect(hex(createPublicKey(key).export({ format: 'der', type: 'spki' }))).toBe(
      hex(concat(ed25519.spkiPrefix, ed25519.publicKey(seed))),
    );
  });
});
