/** Bytes, numbers and text, and nothing that knows of archives or keys. */
import { getRandomValues, timingSafeEqual } from 'node:crypto';

/**
 * Room for a secret: zeros outside of V8's heap. An array of up to 64 bytes would otherwise lie in
 * it, be moved by the garbage collector, and leave copies that nobody can wipe.
 */
export const secretBytes = (length: number): Uint8Array<ArrayBuffer> =>
  new Uint8Array(new ArrayBuffer(length));

/** A copy of a secret, in such room. */
export const secretCopy = (secret: Uint8Array): Uint8Array<ArrayBuffer> => {
  const out = secretBytes(secret.length);
  out.set(secret);
  return out;
};

/** A fresh random secret. */
export const randomSecret = (length: number): Uint8Array<ArrayBuffer> =>
  getRandomValues(secretBytes(length));

/** The parts one after the other; they may be secret. */
export const concat = (...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const out = secretBytes(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};

export const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** Text of well-formed UTF-8; throws a TypeError on anything else. A byte order mark is kept. */
export const text = (bytes: Uint8Array): string =>
  new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const u64 = (value: number): Uint8Array<ArrayBuffer> => {
  const out = new Uint8Array(8);
  viewOf(out).setBigUint64(0, BigInt(value));
  return out;
};

/** Reads a big-endian u64; `undefined` above 2^53 − 1. */
export const readU64 = (bytes: Uint8Array, at: number): number | undefined => {
  const value = Number(viewOf(bytes).getBigUint64(at));
  return Number.isSafeInteger(value) ? value : undefined;
};

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
export const fromHex = (digits: string): Uint8Array => new Uint8Array(Buffer.from(digits, 'hex'));
export const fromBase64 = (digits: string): Uint8Array =>
  new Uint8Array(Buffer.from(digits, 'base64'));

/** Whether `digits` is the one RFC 4648 spelling of its bytes: padded, trailing bits zero. */
export const isBase64 = (digits: string): boolean =>
  Buffer.from(digits, 'base64').toString('base64') === digits;

/** Equality in time that depends on the length alone. */
export const equal = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && timingSafeEqual(a, b);

export const isZero = (bytes: Uint8Array): boolean => {
  for (const byte of bytes) if (byte !== 0) return false;
  return true;
};

/** Overwrites secrets that are no longer needed. */
export const wipe = (...secrets: readonly Uint8Array[]): void => {
  for (const secret of secrets) secret.fill(0);
};

/** The same bytes in room of their own; what `secret` was in is overwritten. */
export const taken = (secret: Uint8Array): Uint8Array<ArrayBuffer> => {
  const out = secretCopy(secret);
  wipe(secret);
  return out;
};
