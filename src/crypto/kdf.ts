/** Key derivation: HKDF (RFC 5869), HMAC (RFC 2104), and `D` of docs/format.md. */
import { createHmac, hkdfSync } from 'node:crypto';
import { concat, secretBytes, taken, utf8, wipe } from '../bytes.ts';
import { StrongroomError } from '../errors.ts';

export type KdfHash = 'sha256' | 'sha384';

/** HMAC over the parts one after the other. */
function hmac(
  hash: KdfHash,
  key: Uint8Array,
  ...parts: readonly Uint8Array[]
): Uint8Array<ArrayBuffer> {
  const mac = createHmac(hash, key);
  for (const part of parts) mac.update(part);
  return taken(mac.digest());
}

/** HMAC-SHA-384, 48 bytes. */
export const hmacSha384 = (key: Uint8Array, message: Uint8Array): Uint8Array =>
  hmac('sha384', key, message);

/** HKDF-Extract: a pseudorandom key as long as the hash. */
export const hkdfExtract = (hash: KdfHash, salt: Uint8Array, ikm: Uint8Array): Uint8Array =>
  hmac(hash, salt, ikm);

/** HKDF-Expand of a key that is already pseudorandom to `bytes` bytes, at most 255 hashes. */
export function hkdfExpand(
  hash: KdfHash,
  key: Uint8Array,
  info: Uint8Array,
  bytes: number,
): Uint8Array<ArrayBuffer> {
  const out = secretBytes(bytes);
  let block = secretBytes(0);
  for (let at = 0, counter = 1; at < bytes; counter++) {
    if (counter > 255) throw new StrongroomError('INTERNAL', `HKDF does not give ${bytes} bytes`);
    const next = hmac(hash, key, block, info, Uint8Array.of(counter));
    wipe(block);
    out.set(next.subarray(0, bytes - at), at);
    at += next.length;
    block = next;
  }
  wipe(block);
  return out;
}

/** HKDF-SHA-384 to `bytes` bytes. */
export const hkdfSha384 = (
  ikm: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
  bytes: number,
): Uint8Array => new Uint8Array(hkdfSync('sha384', ikm, salt, info, bytes));

/**
 * `D(purpose, bytes)` of docs/format.md, "Keys inside an archive": one key for one purpose.
 * @param fileKey 32 bytes, of this archive alone.
 * @param archiveId 32 bytes.
 * @param coreHash 48 bytes.
 */
export const deriveKey = (
  fileKey: Uint8Array,
  archiveId: Uint8Array,
  coreHash: Uint8Array,
  purpose: string,
  bytes: number,
): Uint8Array =>
  hkdfSha384(fileKey, archiveId, concat(utf8(`strongroom/v1/${purpose}`), coreHash), bytes);
