import { gcm } from '@noble/ciphers/aes.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha384 } from '@noble/hashes/sha2.js';
import { describe, expect, test } from 'vitest';
import { concat, hex, utf8, viewOf } from '#strongroom/bytes.js';
import {
  ciphertextBytes,
  createSegmentCipher,
  createThreadCipher,
  decryptAll,
  encryptAll,
  floeHeaderBytes,
  segmentCount,
  segmentOverhead,
  startDecryption,
  startEncryption,
} from '#strongroom/crypto/floe.js';
import { type ErrorCode, isStrongroomError } from '#strongroom/errors.js';

const key = Uint8Array.from({ length: 32 }, (_, i) => i);
const aad = utf8('core hash');
const segmentBytes = 100;
const sample = (bytes: number) => Uint8Array.from({ length: bytes }, (_, i) => i % 253);

const refusing = (code: ErrorCode) =>
  expect.toSatisfy((error) => isStrongroomError(error, code), `a ${code}`);

/** The message by the specification alone, without anything from the code under test. */
function decryptBySpecification(message: Uint8Array): Uint8Array {
  const info = message.subarray(0, 42);
  // HKDF-Expand to at most 48 bytes is its first block.
  const kdf = (ikm: Uint8Array, purpose: Uint8Array, bytes: number) =>
    hmac(sha384, ikm, concat(info, purpose, aad, Uint8Array.of(1))).slice(0, bytes);
  expect(message.slice(42, 74)).toEqual(kdf(key, utf8('HEADER_TAG:'), 32));
  const dek = kdf(kdf(key, utf8('MESSAGE_KEY:'), 48), utf8('DEK:\0\0\0\0\0\0\0\0'), 32);
  const parts: Uint8Array[] = [];
  for (let at = 74, index = 0; at < message.length; index++) {
    const stated = viewOf(message).getUint32(at);
    const final = stated !== 0xffffffff;
    const end = at + (final ? stated : segmentBytes + 32);
    const segmentAad = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, index, final ? 1 : 0);
    parts.push(
      gcm(dek, message.slice(at + 4, at + 16), segmentAad).decrypt(message.slice(at + 16, end)),
    );
    expect(final).toBe(end === message.length);
    at = end;
  }
  return concat(...parts);
}

describe.each([0, 1, 99, 100, 101, 200, 250, 1000])('a message of %i bytes', (bytes) => {
  const plaintext = sample(bytes);
  const message = encryptAll(key, aad, segmentBytes, plaintext);

  test('decrypts, also by the specification', () => {
    expect(decryptAll(key, aad, segmentBytes, message)).toEqual(plaintext);
    expect(decryptBySpecification(message)).toEqual(plaintext);
    expect(message.length).toBe(ciphertextBytes(bytes, segmentBytes));
  });

  test('is refused at every other length', () => {
    for (let length = 0; length < message.length; length += 7) {
      const cut = message.subarray(0, length);
      expect(() => decryptAll(key, aad, segmentBytes, cut)).toThrow(
        expect.toSatisfy(isStrongroomError),
      );
    }
    for (const more of [1, 31, 32, 33, 132]) {
      const longer = concat(message, new Uint8Array(more));
      expect(() => decryptAll(key, aad, segmentBytes, longer)).toThrow(
        expect.toSatisfy(isStrongroomError),
      );
    }
  });

  test('is refused if any byte is altered', () => {
    for (let at = 0; at < message.length; at++) {
      const altered = message.slice();
      altered[at] = (altered[at] as number) ^ 1;
      expect(() => decryptAll(key, aad, segmentBytes, altered)).toThrow(
        refusing(at < floeHeaderBytes ? 'PAYLOAD_INVALID' : 'SEGMENT_INVALID'),
      );
    }
  });
});

test('an empty last segment after a full one is refused', () => {
  const { header, state } = startEncryption(key, aad, segmentBytes);
  const cipher = createSegmentCipher(state);
  const message = new Uint8Array(74 + 132 + 32);
  message.set(header);
  cipher.encrypt(sample(100), 0, false, message.subarray(74));
  cipher.encrypt(sample(0), 1, true, message.subarray(74 + 132));
  expect(() => decryptAll(key, aad, segmentBytes, message)).toThrow(refusing('PAYLOAD_INVALID'));
});

describe('the header', () => {
  const { header, state } = startEncryption(key, aad, segmentBytes);

  test('states the parameters', () => {
    expect(header.length).toBe(74);
    expect(hex(header.subarray(0, 10))).toBe('00000000008400000020');
  });

  test('gives the state back', () => {
    expect(startDecryption(key, aad, header, segmentBytes)).toEqual(state);
    expect(state.messageKey.length).toBe(48);
    expect(state.info).toEqual(header.slice(0, 42));
  });

  test('keeps no hold on the AAD and the header of the caller', () => {
    const [ownAad, ownHeader] = [aad.slice(), header.slice()];
    const decrypting = startDecryption(key, ownAad, ownHeader, segmentBytes);
    const encrypting = startEncryption(key, ownAad, segmentBytes).state;
    ownAad.fill(0);
    ownHeader.fill(0);
    expect(decrypting).toEqual(state);
    expect(encrypting.aad).toEqual(aad);
  });

  test('survives being sent to another thread', () => {
    expect(structuredClone(state)).toEqual(state);
  });

  test('is new for each message', () => {
    expect(startEncryption(key, aad, segmentBytes).header).not.toEqual(header);
  });

  test('is refused with another key, AAD, segment length or length', () => {
    const refused = refusing('PAYLOAD_INVALID');
    const longer = concat(header, Uint8Array.of(0));
    expect(() => startDecryption(sample(32).fill(1), aad, header, 100)).toThrow(refused);
    expect(() => startDecryption(key, utf8('another'), header, 100)).toThrow(refused);
    expect(() => startDecryption(key, aad, header, 101)).toThrow(refused);
    expect(() => startDecryption(key, aad, header.subarray(1), 100)).toThrow(refused);
    expect(() => startDecryption(key, aad, longer, 100)).toThrow(refused);
  });

  test.each([0, -1, 1.5, 2 ** 32 - 32, Number.NaN])('is not made for segments of %d', (bytes) => {
    expect(() => startEncryption(key, aad, bytes)).toThrow(refusing('INTERNAL'));
  });

  test.each([1, 2 ** 32 - 33])('is made for segments of %d, the least and the most', (bytes) => {
    const { header } = startEncryption(key, aad, bytes);
    expect(startDecryption(key, aad, header, bytes).segmentBytes).toBe(bytes);
  });
});

describe('how a plaintext is divided', () => {
  test.each([
    [0, 1],
    [1, 1],
    [4096, 1],
    [4097, 2],
    [8192, 2],
    [2 ** 40, 2 ** 28],
    [Number.MAX_SAFE_INTEGER, 2 ** 41],
  ])('%d bytes into %d segments', (bytes, segments) => {
    expect(segmentCount(bytes, 4096)).toBe(segments);
  });

  test('counts header and overhead', () => {
    expect(ciphertextBytes(8193, 4096)).toBe(74 + 8193 + 3 * segmentOverhead);
  });
});

describe('a message key that threads are sent', () => {
  const sent = () => {
    const { state } = startEncryption(key, aad, segmentBytes);
    const own = { ...state, messageKey: state.messageKey.slice() };
    return { state, own };
  };

  test('is one for all of them, and wiped for all at once', () => {
    const { state } = sent();
    const copy = structuredClone(state);
    expect(copy.messageKey.some((byte) => byte !== 0)).toBe(true);
    state.messageKey.fill(0);
    expect(copy.messageKey.every((byte) => byte === 0)).toBe(true);
  });

  test('does not become zeros under a thread that is at work', () => {
    const { state, own } = sent();
    const cipher = createThreadCipher(state);
    state.messageKey.fill(0);
    const out = new Uint8Array(10 + segmentOverhead);
    cipher.encrypt(sample(10), 0, true, out);
    const plain = new Uint8Array(10);
    createSegmentCipher(own).decrypt(out, 0, true, plain);
    expect(plain).toEqual(sample(10));
  });

  test('is of no use to a thread after its wipe', () => {
    const { state } = sent();
    const cipher = createThreadCipher(state);
    const out = new Uint8Array(10 + segmentOverhead);
    cipher.encrypt(sample(10), 0, true, out);
    cipher.wipe();
    expect(() => cipher.decrypt(out, 0, true, new Uint8Array(10))).toThrow(
      refusing('SEGMENT_INVALID'),
    );
    expect(state.messageKey.some((byte) => byte !== 0)).toBe(true);
  });
});
