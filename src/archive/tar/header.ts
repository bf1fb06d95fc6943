/**
 * One header block of a tar, decoded strictly.
 * Specification: docs/format.md, "Paths and entries"; POSIX.1-2017 pax, "ustar Interchange
 * Format"; GNU tar manual, "Basic Tar Format".
 *
 * Headers are read here and not by the tar-stream package for three reasons: what one tar
 * program reads differently from another is refused instead of guessed at, entries get the
 * offsets of their bytes, and those bytes never pass through a stream.
 */
import { equal, isZero } from '../../bytes.ts';
import { StrongroomError } from '../../errors.ts';

export const blockBytes = 512;

export interface Header {
  /** The byte that names the member's type. */
  readonly typeflag: number;
  /** The path in its raw bytes, ustar's prefix included. */
  readonly name: Uint8Array;
  /** Bytes that follow the header, without padding. */
  readonly size: number;
  /** As written: with file type bits, if the tar has them. */
  readonly mode: number;
  /** Seconds since 1970, -1 for any earlier time. */
  readonly mtime: number;
  /** Whether the member names the target of a link. */
  readonly linked: boolean;
}

/** The error for a stream that is not a tar we read; `at` is its offset in bytes. */
export const invalidTar = (at: number, why: string, hint?: string): StrongroomError =>
  new StrongroomError('TAR_INVALID', `tar: ${why}`, {
    offset: at,
    ...(hint === undefined ? {} : { hint }),
  });

// Magic and version in one, at 257
const ustar = Uint8Array.of(0x75, 0x73, 0x74, 0x61, 0x72, 0, 0x30, 0x30);
const gnu = Uint8Array.of(0x75, 0x73, 0x74, 0x61, 0x72, 0x20, 0x20, 0);

/** The fields that are numbers, and whether `ff`, for below zero, may begin them. */
const numbers = {
  mode: [100, 8, false],
  uid: [108, 8, true],
  gid: [116, 8, true],
  size: [124, 12, false],
  mtime: [136, 12, true],
  devmajor: [329, 8, false],
  devminor: [337, 8, false],
} as const;

/**
 * Decodes the 512 bytes of a header.
 * @param at where the block begins in the tar, in bytes, for errors.
 * @throws StrongroomError `TAR_INVALID` unless every tar program reads the same from it.
 */
export function decodeHeader(block: Uint8Array, at: number): Header {
  const magic = block.subarray(257, 265);
  const isUstar = equal(magic, ustar);
  if (!isUstar && !equal(magic, gnu)) {
    throw at === 0 ? notTar() : invalidTar(at, 'a header that is neither ustar nor GNU');
  }
  if (octal(block.subarray(148, 156)) !== checksum(block)) {
    throw invalidTar(at, 'a header with a wrong checksum');
  }

  const values = {} as Record<keyof typeof numbers, number>;
  for (const field of Object.keys(numbers) as (keyof typeof numbers)[]) {
    const [from, length, signed] = numbers[field];
    const value = decodeNumber(block.subarray(from, from + length));
    if (value === undefined) throw invalidTar(at, `${field} is not a number`);
    if (value < 0 && !signed) throw invalidTar(at, `a ${field} below zero`);
    values[field] = value;
  }

  // In GNU tar's own format the prefix's place holds other fields, unused but in incremental
  // and multi-volume tars; some programs take them for a prefix all the same.
  const prefixed = isUstar ? 500 : 345;
  if (!isZero(block.subarray(prefixed))) throw invalidTar(at, 'a header with unknown fields');

  const name = decodeString(block.subarray(0, 100), at);
  const prefix = isUstar ? decodeString(block.subarray(345, 500), at) : new Uint8Array();
  return {
    typeflag: block[156] ?? 0,
    name: prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]),
    size: values.size,
    mode: values.mode,
    mtime: values.mtime,
    linked: !isZero(block.subarray(157, 257)),
  };
}

/** The error for a tar that ends before a member does; `at` is its length in bytes. */
export const cutTar = (at: number): StrongroomError => invalidTar(at, 'it ends in a member');

/** The error for input that does not begin like a tar. */
export const notTar = (): StrongroomError =>
  invalidTar(0, 'not a tar', 'give an uncompressed tar, or a directory or file as it is');

/** The sum of the bytes, those of the checksum itself taken as spaces. */
function checksum(block: Uint8Array): number {
  let sum = 8 * 0x20;
  for (let at = 0; at < blockBytes; at++) {
    if (at < 148 || at >= 156) sum += block[at] ?? 0;
  }
  return sum;
}

/** Leading spaces, one digit or more, then spaces and NULs or nothing: all that real tars write. */
function octal(field: Uint8Array): number | undefined {
  let at = 0;
  while (field[at] === 0x20) at++;
  const first = at;
  let value = 0;
  for (; at < field.length; at++) {
    const digit = (field[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  const rest = field.subarray(at);
  return at > first && rest.every((byte) => byte === 0 || byte === 0x20) ? value : undefined;
}

/**
 * Octal, or GNU's base 256 up to 2^53 − 1; -1 for all below zero, as GNU tar writes times
 * before 1970. A field of NULs is 0; of one of spaces GNU tar says that it is no number.
 */
function decodeNumber(field: Uint8Array): number | undefined {
  if (field[0] === 0xff) return -1;
  if (field[0] !== 0x80) return isZero(field) ? 0 : octal(field);
  let value = 0;
  for (const byte of field.subarray(1)) {
    value = value * 256 + byte;
    if (!Number.isSafeInteger(value)) return undefined;
  }
  return value;
}

/** A string that ends with its field or with NULs; anything behind a NUL could hide a name. */
function decodeString(field: Uint8Array, at: number): Uint8Array {
  const end = field.indexOf(0);
  if (end === -1) return field;
  if (!isZero(field.subarray(end))) throw invalidTar(at, 'bytes behind the end of a name');
  return field.subarray(0, end);
}
