/**
 * FLOE, random-access authenticated encryption: c2sp.org/FLOE, with AES-256-GCM and
 * HKDF-Expand-SHA-384; docs/format.md, "Payload".
 *
 * A message is a header and segments of one length, of which the last may be shorter. Each
 * can be encrypted and decrypted on its own, by any thread that has the state.
 */
import { randomFillSync } from 'node:crypto';
import { concat, equal, secretCopy, utf8, viewOf, wipe } from '../bytes.ts';
import { StrongroomError } from '../errors.ts';
import { hkdfExpand } from './kdf.ts';
import {
  createSegmentCipher,
  type FloeState,
  type SegmentCipher,
  type SegmentKeys,
  segmentOverhead,
} from './segment.ts';

export {
  createSegmentCipher,
  type FloeState,
  type FloeWindow,
  type SegmentCipher,
  type SegmentKeys,
  segmentOverhead,
  segmentTextAt,
  windowKey,
  windowSegments,
} from './segment.ts';

/** The parameters, their IV, and the tag over both. */
export const floeHeaderBytes = 74;

const parameterBytes = 10;
const ivBytes = 32;
const tagBytes = 32;
const prefixBytes = parameterBytes + ivBytes;
const messageKeyBytes = 48;

/** `PARAM_ENCODE`: AEAD 0, KDF 0, length of a full encrypted segment, length of the IV. */
function encodeParameters(segmentBytes: number): Uint8Array {
  const encodedBytes = segmentBytes + segmentOverhead;
  if (!Number.isInteger(segmentBytes) || segmentBytes < 1 || encodedBytes > 0xffffffff) {
    throw new StrongroomError('INTERNAL', `segments of ${segmentBytes} bytes are not possible`);
  }
  const out = new Uint8Array(parameterBytes);
  viewOf(out).setUint32(2, encodedBytes);
  viewOf(out).setUint32(6, ivBytes);
  return out;
}

/** `FLOE_KDF` under FLOE's own key; `info` is the header less its tag. */
const derive = (
  key: Uint8Array,
  info: Uint8Array,
  purpose: string,
  aad: Uint8Array,
  bytes: number,
) => hkdfExpand('sha384', key, concat(info, utf8(purpose), aad), bytes);

const headerTag = (key: Uint8Array, info: Uint8Array, aad: Uint8Array) =>
  derive(key, info, 'HEADER_TAG:', aad, tagBytes);

const stateOf = (
  key: Uint8Array,
  info: Uint8Array,
  aad: Uint8Array,
  segmentBytes: number,
): FloeState => {
  // Shared: sent to threads it stays in one place, which one call wipes for all of them.
  const messageKey = new Uint8Array(new SharedArrayBuffer(messageKeyBytes));
  const derived = derive(key, info, 'MESSAGE_KEY:', aad, messageKeyBytes);
  messageKey.set(derived);
  wipe(derived);
  return { messageKey, info, aad, segmentBytes };
};

/**
 * A cipher for a thread that was sent `shared`, with a copy of its secrets, which `wipe`
 * wipes for good: whoever sent the state may wipe it when the job has stopped, and a thread
 * that has not noticed yet must not go on with a key of zeros. So a thread makes the cipher
 * first, and looks whether the job goes on after that.
 */
export function createThreadCipher(shared: SegmentKeys): SegmentCipher {
  const { own, secrets } = copyOf(shared);
  const cipher = createSegmentCipher(own);
  return {
    ...cipher,
    wipe() {
      cipher.wipe();
      wipe(...secrets);
    },
  };
}

function copyOf(shared: SegmentKeys): {
  readonly own: SegmentKeys;
  readonly secrets: Uint8Array[];
} {
  if ('windows' in shared) {
    const windows = shared.windows.map(({ first, key }) => ({ first, key: secretCopy(key) }));
    return { own: { ...shared, windows }, secrets: windows.map(({ key }) => key) };
  }
  const messageKey = secretCopy(shared.messageKey);
  return { own: { ...shared, messageKey }, secrets: [messageKey] };
}

/**
 * Begins a message with a fresh IV.
 * @param key 32 bytes; may serve for many messages.
 * @param segmentBytes plaintext of a full segment.
 */
export function startEncryption(
  key: Uint8Array,
  aad: Uint8Array,
  segmentBytes: number,
): { header: Uint8Array; state: FloeState } {
  const iv = randomFillSync(new Uint8Array(ivBytes));
  const info = concat(encodeParameters(segmentBytes), iv);
  const header = concat(info, headerTag(key, info, aad));
  return { header, state: stateOf(key, info, new Uint8Array(aad), segmentBytes) };
}

/**
 * The state of a message from its header.
 * @throws StrongroomError PAYLOAD_INVALID unless the header has just these parameters and
 *   its tag fits key and `aad`.
 */
export function startDecryption(
  key: Uint8Array,
  aad: Uint8Array,
  header: Uint8Array,
  segmentBytes: number,
): FloeState {
  if (header.length !== floeHeaderBytes) {
    const message = `a FLOE header has ${floeHeaderBytes} bytes, and this one ${header.length}`;
    throw new StrongroomError('PAYLOAD_INVALID', message);
  }
  if (!equal(header.subarray(0, parameterBytes), encodeParameters(segmentBytes))) {
    throw new StrongroomError('PAYLOAD_INVALID', 'the FLOE header has other parameters');
  }
  const info = new Uint8Array(header.subarray(0, prefixBytes));
  if (!equal(header.subarray(prefixBytes), headerTag(key, info, aad))) {
    throw new StrongroomError('PAYLOAD_INVALID', 'the FLOE header does not fit the key');
  }
  return stateOf(key, info, new Uint8Array(aad), segmentBytes);
}

/** Into how many segments a plaintext is divided: at least one. */
export function segmentCount(plaintextBytes: number, segmentBytes: number): number {
  const rest = plaintextBytes % segmentBytes;
  return Math.max(1, (plaintextBytes - rest) / segmentBytes + (rest === 0 ? 0 : 1));
}

/** Length of a whole message, header included. */
export const ciphertextBytes = (plaintextBytes: number, segmentBytes: number): number =>
  floeHeaderBytes + plaintextBytes + segmentOverhead * segmentCount(plaintextBytes, segmentBytes);

/** Encrypts what fits into memory. */
export function encryptAll(
  key: Uint8Array,
  aad: Uint8Array,
  segmentBytes: number,
  plaintext: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const { header, state } = startEncryption(key, aad, segmentBytes);
  const cipher = createSegmentCipher(state);
  try {
    const last = segmentCount(plaintext.length, segmentBytes) - 1;
    const out = new Uint8Array(ciphertextBytes(plaintext.length, segmentBytes));
    out.set(header);
    let at = header.length;
    for (let i = 0; i <= last; i++) {
      const part = plaintext.subarray(i * segmentBytes, (i + 1) * segmentBytes);
      at += cipher.encrypt(part, i, i === last, out.subarray(at));
    }
    return out;
  } finally {
    cipher.wipe();
    wipe(state.messageKey);
  }
}

/**
 * Decrypts what fits into memory; all of it or nothing.
 * @throws StrongroomError PAYLOAD_INVALID for a header or a length that cannot be,
 *   SEGMENT_INVALID for a segment that does not authenticate.
 */
export function decryptAll(
  key: Uint8Array,
  aad: Uint8Array,
  segmentBytes: number,
  ciphertext: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const state = startDecryption(key, aad, ciphertext.subarray(0, floeHeaderBytes), segmentBytes);
  const fullBytes = segmentBytes + segmentOverhead;
  const bodyBytes = ciphertext.length - floeHeaderBytes;
  const segments = segmentCount(bodyBytes, fullBytes);
  const plaintextBytes = bodyBytes - segments * segmentOverhead;
  // Also refuses an empty last segment after others: a plaintext has one division.
  if (plaintextBytes < 0 || segmentCount(plaintextBytes, segmentBytes) !== segments) {
    wipe(state.messageKey);
    throw new StrongroomError('PAYLOAD_INVALID', 'the FLOE message has an impossible length');
  }

  const cipher = createSegmentCipher(state);
  const out = new Uint8Array(plaintextBytes);
  try {
    for (let i = 0; i < segments; i++) {
      const from = floeHeaderBytes + i * fullBytes;
      const segment = ciphertext.subarray(from, from + fullBytes);
      cipher.decrypt(segment, i, i === segments - 1, out.subarray(i * segmentBytes));
    }
    return out;
  } catch (error) {
    wipe(out);
    throw error;
  } finally {
    cipher.wipe();
    wipe(state.messageKey);
  }
}
