/** The two key-ring slots and how one is replaced safely (docs/format.md, "Key ring"). */
import { concat, equal, isZero, readU64, u64, utf8 } from '../bytes.ts';
import { sha384 } from '../crypto/hash.ts';
import { StrongroomError } from '../errors.ts';

export const slotHeadBytes = 64;

const inUse = utf8('SRMRING\n');
const beingWritten = utf8('SRMDRAFT');

/** A slot that holds `document`, zero to its end. */
export function encodeSlot(document: Uint8Array, slotBytes: number): Uint8Array {
  const bytes = new Uint8Array(slotBytes);
  bytes.set(concat(inUse, u64(document.length), sha384(document), document));
  return bytes;
}

/**
 * The document in a slot; `undefined` when the slot is empty or a writer was interrupted.
 * @throws StrongroomError KEYRING_INVALID on anything else.
 */
export function decodeSlot(
  bytes: Uint8Array,
  slot: 'A' | 'B',
  name: string,
): Uint8Array | undefined {
  const invalid = (what: string) =>
    new StrongroomError('KEYRING_INVALID', `${name}: key-ring slot ${slot} ${what}`, {
      file: name,
    });
  const state = bytes.subarray(0, 8);
  if (equal(state, beingWritten)) return undefined;
  if (isZero(state)) {
    if (!isZero(bytes)) throw invalid('should be empty and is not');
    return undefined;
  }
  if (!equal(state, inUse)) throw invalid('is in no known state');
  const length = readU64(bytes, 8);
  if (length === undefined || length > bytes.length - slotHeadBytes) {
    throw invalid('states a length that does not fit');
  }
  const document = bytes.subarray(slotHeadBytes, slotHeadBytes + length);
  if (!equal(sha384(document), bytes.subarray(16, slotHeadBytes))) throw invalid('is altered');
  if (!isZero(bytes.subarray(slotHeadBytes + length))) throw invalid('is not zero to its end');
  return document;
}
