/**
 * The segments of a FLOE message: `encryptSegment` and `decryptSegment` of c2sp.org/FLOE.
 * All the bytes of a payload pass through here, so it writes straight into the caller's
 * buffers.
 *
 * A segment is `length (4) ‖ IV (12) ‖ AES-256-GCM ciphertext ‖ tag (16)`.
 */
import { createCipheriv, createDecipheriv, randomFillSync } from 'node:crypto';
import { concat, secretBytes, secretCopy, u64, utf8, viewOf, wipe } from '../bytes.ts';
import { StrongroomError } from '../errors.ts';
import { hkdfExpand } from './kdf.ts';

/** By how much a segment is longer than its plaintext. */
export const segmentOverhead = 32;

/** Segments that one message may have. */
export const maxSegments = 2 ** 40;

const lengthBytes = 4;
const ivBytes = 12;
const tagBytes = 16;
/** Where the ciphertext begins in a segment. */
export const segmentTextAt = lengthBytes + ivBytes;
const keyBytes = 32;
const notFinal = 0xffffffff;

// One key encrypts 2^20 segments.
const defaultRotationBits = 20;

// Older Nodes accept shorter tags unless they are told not to.
const algorithm = 'aes-256-gcm';
const options = { authTagLength: tagBytes } as const;

// Each update allocates its output. Where that can be given back at once, the next one gets the
// same warm memory, and both directions run more than twice as fast; elsewhere it is garbage,
// of which short pieces cost less. From 128 KiB on, allocators ask the system for each piece.
const canGiveBack = 'transfer' in ArrayBuffer.prototype;
const chunkBytes = (canGiveBack ? 120 : 48) * 1024;

/** Frees the memory of an update's output without waiting for the garbage collector. */
function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (!canGiveBack) return;
  // A pool's memory is not ours to free: other bytes lie in it.
  expect(buffer.byteLength === byteLength, 'an update gave a part of a buffer');
  (buffer as ArrayBuffer & { transfer(length: number): ArrayBuffer }).transfer(0);
}

// A batch of IVs costs about as much as one.
const ivBatchBytes = 512 * ivBytes;

/** All that it takes to encrypt or decrypt the segments of a message; can be sent to threads. */
export interface FloeState {
  /** Secret, 48 bytes. */
  readonly messageKey: Uint8Array;
  /** The header less its tag, 42 bytes: what every key derivation begins with. */
  readonly info: Uint8Array;
  readonly aad: Uint8Array;
  /** Plaintext of a full segment. */
  readonly segmentBytes: number;
}

/** Segments that one key serves: a window, which begins at a multiple of this. */
export const windowSegments = 2 ** defaultRotationBits;

/**
 * The keys of some windows of a message, for whoever may encrypt and decrypt in those and
 * nowhere else; can be sent to threads.
 */
export interface FloeWindows {
  readonly windows: readonly FloeWindow[];
  /** Plaintext of a full segment. */
  readonly segmentBytes: number;
}

export interface FloeWindow {
  /** Index of its first segment. */
  readonly first: number;
  /** Secret, 32 bytes: FLOE's DEK of these segments. */
  readonly key: Uint8Array;
}

/** What a cipher of segments can be made of. */
export type SegmentKeys = FloeState | FloeWindows;

/** The key of the window that begins with segment `first`; the caller wipes it. */
export const windowKey = (
  { messageKey, info, aad }: FloeState,
  first: number,
): Uint8Array<ArrayBuffer> =>
  hkdfExpand('sha384', messageKey, concat(info, utf8('DEK:'), u64(first), aad), keyBytes);

/** For one thread: keeps the key of the segments that it is at. */
export interface SegmentCipher {
  /**
   * Writes a segment to the beginning of `out`, with a fresh random IV. `plaintext` may be
   * where the ciphertext goes: `out` from byte `segmentTextAt`.
   * @param plaintext `segmentBytes` bytes; at most that many if `final`.
   * @returns the bytes written: 32 more than the plaintext has.
   */
  encrypt(plaintext: Uint8Array, index: number, final: boolean, out: Uint8Array): number;
  /**
   * Writes the plaintext of a whole segment to the beginning of `out`; if the segment does
   * not authenticate, zeros. `out` may be `segment` itself.
   * @returns the bytes of plaintext.
   * @throws StrongroomError SEGMENT_INVALID with the index.
   */
  decrypt(segment: Uint8Array, index: number, final: boolean, out: Uint8Array): number;
  /** Forgets the key; the cipher can still be used. */
  wipe(): void;
}

/** The two objects of `node:crypto`, as far as they are alike. */
interface Transform {
  update(data: Uint8Array): Uint8Array;
}

function run(transform: Transform, input: Uint8Array, out: Uint8Array, outAt: number): void {
  for (let at = 0; at < input.length; at += chunkBytes) {
    const done = transform.update(input.subarray(at, at + chunkBytes));
    out.set(done, outAt + at);
    giveBack(done);
  }
}

function expect(holds: boolean, what: string): asserts holds {
  if (!holds) throw new StrongroomError('INTERNAL', what);
}

function expectIndex(index: number): void {
  const isIndex = Number.isInteger(index) && index >= 0 && index < maxSegments;
  expect(isIndex, `${index} is not the index of a segment`);
}

const expectRoom = (out: Uint8Array, bytes: number) =>
  expect(out.length >= bytes, `a buffer of ${out.length} bytes is too short for ${bytes}`);

/** A copy, as the one that would be derived. */
function heldKey({ windows }: FloeWindows, first: number): Uint8Array<ArrayBuffer> {
  const held = windows.find((window) => window.first === first);
  expect(held !== undefined, `no key for segments from ${first} on`);
  return secretCopy(held.key);
}

/** @param rotationBits one key serves 2^rotationBits segments: 20, but for test vectors. */
export function createSegmentCipher(
  keys: SegmentKeys,
  rotationBits: number = defaultRotationBits,
): SegmentCipher {
  const { segmentBytes } = keys;
  const fullBytes = segmentBytes + segmentOverhead;
  const rotation = 2 ** rotationBits;
  const ivs = new Uint8Array(ivBatchBytes);
  let ivAt = ivs.length;
  let key = secretBytes(keyBytes);
  let keyIndex = -1;

  const keyFor = (index: number): Uint8Array => {
    const first = index - (index % rotation);
    if (first !== keyIndex) {
      wipe(key);
      key = 'windows' in keys ? heldKey(keys, first) : windowKey(keys, first);
      keyIndex = first;
    }
    return key;
  };

  const nextIv = (): Uint8Array => {
    if (ivAt === ivs.length) {
      randomFillSync(ivs);
      ivAt = 0;
    }
    ivAt += ivBytes;
    return ivs.subarray(ivAt - ivBytes, ivAt);
  };

  const aeadAad = (index: number, final: boolean) =>
    concat(u64(index), Uint8Array.of(final ? 1 : 0));

  const encrypt: SegmentCipher['encrypt'] = (plaintext, index, final, out) => {
    const { length } = plaintext;
    const written = length + segmentOverhead;
    expectIndex(index);
    expectRoom(out, written);
    const isLengthRight = final ? length <= segmentBytes : length === segmentBytes;
    expect(isLengthRight, `${length} bytes of plaintext do not make a segment`);

    const iv = nextIv();
    const cipher = createCipheriv(algorithm, keyFor(index), iv, options);
    cipher.setAAD(aeadAad(index, final));
    run(cipher, plaintext, out, segmentTextAt);
    cipher.final();
    viewOf(out).setUint32(0, final ? written : notFinal);
    out.set(iv, lengthBytes);
    out.set(cipher.getAuthTag(), segmentTextAt + length);
    return written;
  };

  const decrypt: SegmentCipher['decrypt'] = (segment, index, final, out) => {
    const length = segment.length - segmentOverhead;
    expectIndex(index);
    const refuse = (why: string) =>
      new StrongroomError('SEGMENT_INVALID', `segment ${index} ${why}`, { segment: index });
    const isLengthRight = final
      ? length >= 0 && segment.length <= fullBytes
      : segment.length === fullBytes;
    if (!isLengthRight) throw refuse('has the wrong length');
    const stated = viewOf(segment).getUint32(0);
    if (stated !== (final ? segment.length : notFinal)) throw refuse('states the wrong length');
    expectRoom(out, length);

    const tagAt = segmentTextAt + length;
    const iv = segment.subarray(lengthBytes, segmentTextAt);
    const decipher = createDecipheriv(algorithm, keyFor(index), iv, options);
    decipher.setAAD(aeadAad(index, final));
    decipher.setAuthTag(segment.subarray(tagAt));
    run(decipher, segment.subarray(segmentTextAt, tagAt), out, 0);
    try {
      decipher.final();
    } catch {
      wipe(out.subarray(0, length));
      throw refuse('does not authenticate');
    }
    return length;
  };

  return {
    encrypt,
    decrypt,
    wipe: () => {
      wipe(key);
      keyIndex = -1;
    },
  };
}
