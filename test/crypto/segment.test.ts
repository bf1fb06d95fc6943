import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hex, isZero, utf8 } from '#strongroom/bytes.js';
import {
  createSegmentCipher,
  createThreadCipher,
  startEncryption,
  windowKey,
} from '#strongroom/crypto/floe.js';
import { type ErrorCode, isStrongroomError } from '#strongroom/errors.js';

const key = new Uint8Array(32).fill(1);
const { state } = startEncryption(key, utf8('core hash'), 64);
const full = Uint8Array.from({ length: 64 }, (_, i) => i);

const refusing = (code: ErrorCode, segment?: number) =>
  expect.toSatisfy(
    (error) => isStrongroomError(error, code) && error.segment === segment,
    `a ${code} of segment ${segment}`,
  );

const sealed = (plaintext: Uint8Array, index: number, final: boolean) => {
  const out = new Uint8Array(plaintext.length + 32);
  expect(createSegmentCipher(state).encrypt(plaintext, index, final, out)).toBe(out.length);
  return out;
};

test('any thread that has the state opens any segment', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 64 }),
      fc.integer({ min: 0, max: 2 ** 40 - 1 }),
      (plaintext, index) => {
        const segment = sealed(plaintext, index, true);
        const out = new Uint8Array(64);
        const length = createSegmentCipher(structuredClone(state)).decrypt(
          segment,
          index,
          true,
          out,
        );
        expect(out.slice(0, length)).toEqual(Uint8Array.from(plaintext));
      },
    ),
    { numRuns: 50 },
  );
});

test('a segment longer than what is encrypted at once comes out whole', () => {
  const bytes = 200_001;
  const plaintext = Uint8Array.from({ length: bytes }, (_, i) => (i * 7) % 251);
  const { state } = startEncryption(key, utf8(''), bytes);
  const cipher = createSegmentCipher(state);
  const segment = new Uint8Array(bytes + 32);
  cipher.encrypt(plaintext, 5, false, segment);
  const out = new Uint8Array(bytes);
  expect(cipher.decrypt(segment, 5, false, out)).toBe(bytes);
  expect(Buffer.compare(out, plaintext)).toBe(0);
});

test('encrypts and decrypts in place', () => {
  const bytes = 200_001;
  const plaintext = Uint8Array.from({ length: bytes }, (_, i) => (i * 7) % 251);
  const { state } = startEncryption(key, utf8(''), bytes);
  const cipher = createSegmentCipher(state);
  const buffer = new Uint8Array(bytes + 32);
  buffer.set(plaintext, 16);
  cipher.encrypt(buffer.subarray(16, 16 + bytes), 5, false, buffer);
  expect(cipher.decrypt(buffer, 5, false, buffer)).toBe(bytes);
  expect(Buffer.compare(buffer.subarray(0, bytes), plaintext)).toBe(0);
});

test('writes nothing behind the segment and nothing behind the plaintext', () => {
  const cipher = createSegmentCipher(state);
  const out = new Uint8Array(200).fill(0xaa);
  const length = cipher.encrypt(full, 0, false, out);
  expect(out.slice(length)).toEqual(new Uint8Array(200 - length).fill(0xaa));
  const back = new Uint8Array(200).fill(0xbb);
  cipher.decrypt(out.subarray(0, length), 0, false, back);
  expect(back.slice(64)).toEqual(new Uint8Array(200 - 64).fill(0xbb));
});

test('no IV comes twice, also beyond one batch of them', () => {
  const cipher = createSegmentCipher(state);
  const ivs = new Set<string>();
  const out = new Uint8Array(96);
  for (let i = 0; i < 1500; i++) {
    cipher.encrypt(full, 0, false, out);
    ivs.add(hex(out.subarray(4, 16)));
  }
  expect(ivs.size).toBe(1500);
});

describe('the key', () => {
  test('changes with every 2^20 segments', () => {
    // With one key, the segments of both sides of the border could be decrypted by it.
    const wide = createSegmentCipher(state, 21);
    const usual = createSegmentCipher(state);
    const out = new Uint8Array(96);
    for (const [index, same] of [
      [2 ** 20 - 1, true],
      [2 ** 20, false],
      [2 ** 21 - 1, false],
      [2 ** 21, true],
    ] as const) {
      usual.encrypt(full, index, false, out);
      const decrypt = () => wide.decrypt(out, index, false, new Uint8Array(64));
      if (same) expect(decrypt()).toBe(64);
      else expect(decrypt).toThrow(refusing('SEGMENT_INVALID', index));
    }
  });

  test('follows when segments come in any order', () => {
    const cipher = createSegmentCipher(state);
    for (const index of [0, 2 ** 39, 7, 2 ** 40 - 1, 2 ** 20, 0]) {
      const segment = sealed(full, index, false);
      expect(cipher.decrypt(segment, index, false, new Uint8Array(64))).toBe(64);
    }
  });

  test('is derived again after a wipe', () => {
    const cipher = createSegmentCipher(state);
    const segment = sealed(full, 3, false);
    cipher.decrypt(segment, 3, false, new Uint8Array(64));
    cipher.wipe();
    expect(cipher.decrypt(segment, 3, false, new Uint8Array(64))).toBe(64);
  });
});

describe('keys of windows', () => {
  const firsts = [0, 2 ** 20, 2 ** 39];
  const given = () => ({
    windows: firsts.map((first) => ({ first, key: windowKey(state, first) })),
    segmentBytes: 64,
  });

  test.each([
    ['for one thread', createSegmentCipher],
    ['for a thread of its own', createThreadCipher],
  ])('open and seal in these, and nowhere else: %s', (_, create) => {
    const keys = given();
    const cipher = create(keys);
    const back = new Uint8Array(64);
    for (const index of [2 ** 39 + 1, 0, 2 ** 20 - 1, 2 ** 20, 2 ** 21 - 1, 5]) {
      expect(cipher.decrypt(sealed(full, index, false), index, false, back)).toBe(64);
      expect(back).toEqual(full);
      const out = new Uint8Array(96);
      cipher.encrypt(full, index, false, out);
      expect(createSegmentCipher(state).decrypt(out, index, false, new Uint8Array(64))).toBe(64);
    }
    for (const index of [2 ** 21, 2 ** 39 - 1, 2 ** 40 - 1]) {
      const decrypt = () => cipher.decrypt(sealed(full, index, false), index, false, back);
      expect(decrypt).toThrow(/no key for segments/);
      const encrypt = () => cipher.encrypt(full, index, false, new Uint8Array(96));
      expect(encrypt).toThrow(refusing('INTERNAL'));
    }
    cipher.wipe();
    // What was given is the caller's to wipe
    expect(keys).toEqual(given());
  });

  test('are copies of a thread: what it was given may be wiped', () => {
    const keys = given();
    const cipher = createThreadCipher(keys);
    for (const { key } of keys.windows) key.fill(0);
    expect(cipher.decrypt(sealed(full, 7, false), 7, false, new Uint8Array(64))).toBe(64);
  });
});

describe('refuses', () => {
  const cipher = createSegmentCipher(state);
  const refused = (segment: Uint8Array, index: number, final: boolean) => {
    const out = new Uint8Array(128).fill(0x55);
    expect(() => cipher.decrypt(segment, index, final, out)).toThrow(
      refusing('SEGMENT_INVALID', index),
    );
    return out;
  };

  test('a segment at another index', () => {
    refused(sealed(full, 3, false), 4, false);
  });

  test('a segment as final that is not, and the other way round', () => {
    refused(sealed(full, 3, false), 3, true);
    refused(sealed(full, 3, true), 3, false);
    // Also where the stated length is made to fit.
    const asFinal = sealed(full, 3, false);
    asFinal.set([0, 0, 0, 96]);
    refused(asFinal, 3, true);
    const asInner = sealed(full, 3, true);
    asInner.set([0xff, 0xff, 0xff, 0xff]);
    refused(asInner, 3, false);
  });

  test('every altered byte, and leaves no plaintext', () => {
    const segment = sealed(full, 3, false);
    for (let at = 0; at < segment.length; at++) {
      const altered = segment.slice();
      altered[at] = (altered[at] as number) ^ 1;
      const out = refused(altered, 3, false);
      // The stated length is looked at before anything is decrypted.
      const untouched = at < 4;
      expect(out.subarray(0, 64).every((byte) => byte === (untouched ? 0x55 : 0))).toBe(true);
      expect(isZero(out.subarray(64))).toBe(false);
    }
  });

  test('every other length', () => {
    const segment = sealed(full, 3, false);
    const last = sealed(full, 3, true);
    for (let length = 0; length < segment.length; length++) {
      refused(segment.subarray(0, length), 3, false);
      refused(last.subarray(0, length), 3, true);
    }
    const longer = new Uint8Array(97);
    longer.set(segment);
    refused(longer, 3, false);
    longer.set([0, 0, 0, 97]);
    refused(longer, 3, true);
  });

  test('a final segment that is authentic but longer than a full one', () => {
    const wider = createSegmentCipher({ ...state, segmentBytes: 65 });
    const segment = new Uint8Array(97);
    wider.encrypt(new Uint8Array(65), 3, true, segment);
    expect(wider.decrypt(segment, 3, true, new Uint8Array(65))).toBe(65);
    refused(segment, 3, true);
  });
});

describe('does not take', () => {
  const cipher = createSegmentCipher(state);
  const out = new Uint8Array(200);
  const internal = refusing('INTERNAL');

  test('a segment that is not full, unless it is final', () => {
    expect(() => cipher.encrypt(full.subarray(1), 0, false, out)).toThrow(internal);
    expect(cipher.encrypt(full.subarray(1), 0, true, out)).toBe(95);
    expect(() => cipher.encrypt(new Uint8Array(65), 0, true, out)).toThrow(internal);
  });

  test.each([-1, 0.5, 2 ** 40, Number.NaN])('index %d', (index) => {
    expect(() => cipher.encrypt(full, index, false, out)).toThrow(internal);
    expect(() => cipher.decrypt(sealed(full, 0, false), index, false, out)).toThrow(internal);
  });

  test('a buffer that is too short', () => {
    expect(() => cipher.encrypt(full, 0, false, new Uint8Array(95))).toThrow(internal);
    expect(() => cipher.decrypt(sealed(full, 0, false), 0, false, new Uint8Array(63))).toThrow(
      internal,
    );
  });
});
