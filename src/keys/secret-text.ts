/**
 * Hex and base64 on bytes. Secrets go through these and never through a string, which
 * cannot be wiped.
 *
 * RFC 4648, sections 4 and 8; only lower-case hex, and only the canonical base64.
 */
import { secretBytes, secretCopy, wipe } from '../bytes.ts';

const ascii = (digits: string) => Uint8Array.from(digits, (digit) => digit.charCodeAt(0));
const inverse = (digits: Uint8Array) => {
  const values = new Uint8Array(256).fill(notADigit);
  for (const [value, digit] of digits.entries()) values[digit] = value;
  return values;
};

const notADigit = 0xff;
const hexDigits = ascii('0123456789abcdef');
const hexValues = inverse(hexDigits);
const base64Digits = ascii('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const base64Values = inverse(base64Digits);
const padding = 0x3d;
const whitespace = new Set(ascii(' \t\n\v\f\r'));

/** Two digits for every byte. */
export function hexEncode(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = secretBytes(2 * bytes.length);
  for (const [i, byte] of bytes.entries()) {
    out[2 * i] = hexDigits[byte >> 4] ?? 0;
    out[2 * i + 1] = hexDigits[byte & 15] ?? 0;
  }
  return out;
}

/** The bytes of lower-case hex digits; `undefined` for anything else. */
export function hexDecode(digits: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  const out = secretBytes(digits.length >> 1);
  // Bits above a digit's four stay set once any character is not one
  let seen = digits.length & 1 ? notADigit : 0;
  for (let i = 0; i < out.length; i += 1) {
    const high = hexValues[digits[2 * i] ?? 0] ?? notADigit;
    const low = hexValues[digits[2 * i + 1] ?? 0] ?? notADigit;
    seen |= high | low;
    out[i] = (high << 4) | low;
  }
  if (seen <= 15) return out;
  wipe(out);
  return undefined;
}

/** Padded, in lines of 64 digits, each with its newline: the body of RFC 7468. */
export function base64Lines(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const digits = 4 * Math.ceil(bytes.length / 3);
  const out = secretBytes(digits + Math.ceil(digits / 64));
  let at = 0;
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const bits = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    out[at++] = base64Digits[bits >> 18] ?? 0;
    out[at++] = base64Digits[(bits >> 12) & 63] ?? 0;
    out[at++] = left > 1 ? (base64Digits[(bits >> 6) & 63] ?? 0) : padding;
    out[at++] = left > 2 ? (base64Digits[bits & 63] ?? 0) : padding;
    // 48 bytes fill a line
    if (i % 48 === 45 || left <= 3) out[at++] = 0x0a;
  }
  return out;
}

/** The bytes of base64 with whitespace anywhere; `undefined` for anything else. */
export function base64Decode(digits: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  const out = secretBytes(Math.floor((3 * digits.length) / 4) + 1);
  let [length, count, pads, bits] = [0, 0, 0, 0];
  let wellFormed = true;
  for (const digit of digits) {
    if (whitespace.has(digit)) continue;
    count += 1;
    if (digit === padding) {
      pads += 1;
      continue;
    }
    const value = base64Values[digit] ?? notADigit;
    if (value === notADigit || pads > 0) wellFormed = false;
    bits = ((bits << 6) | value) & 0xffffff;
    if (count % 4 !== 1) out[length++] = bits >> (2 * (3 - ((count - 1) % 4)));
  }
  // The bits behind the last byte, which a canonical spelling leaves zero
  const spare = pads === 1 ? bits & 3 : pads === 2 ? bits & 15 : 0;
  if (count % 4 !== 0 || pads > 2 || spare !== 0) wellFormed = false;
  const decoded = wellFormed ? secretCopy(out.subarray(0, length)) : undefined;
  wipe(out);
  return decoded;
}
