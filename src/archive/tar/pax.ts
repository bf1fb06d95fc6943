/**
 * The records of a pax header (`x` and `g`), decoded strictly.
 * Specification: docs/format.md, "Paths and entries"; POSIX.1-2017 pax, "pax Extended Header".
 */
import { text } from '../../bytes.ts';
import { invalidTar } from './header.ts';

/** What a pax header says of the member that follows it. */
export interface PaxFields {
  readonly path?: Uint8Array;
  readonly size?: number;
  /** Whole seconds since 1970, rounded down; -1 for any earlier time. */
  readonly mtime?: number;
}

const utf8Charset = 'ISO-IR 10646 2000 UTF-8';

// Records that change which bytes or which file a member is. GNU: sparse files, volumes of a
// set, directory dumps. The others, of star and Solaris: sparse files and volumes as well.
const refused =
  /^(?:GNU\..*|linkpath|SCHILY\.(?:realsize|offset|filetype|volhdr\..*)|SUN\.holes.*)$/s;

/**
 * What the records of an `x` header set; owners, comments and vendors' attributes are ignored.
 * @param at where `bytes` begin in the tar, for errors.
 * @throws StrongroomError `TAR_INVALID`
 */
export function decodePax(bytes: Uint8Array, at: number): PaxFields {
  const records = decodeRecords(bytes, at);
  for (const key of records.keys()) {
    if (refused.test(key)) throw invalidTar(at, `a pax header that sets ${key}`);
  }
  const value = (key: string) => {
    const found = records.get(key);
    return found === undefined ? undefined : Buffer.from(found).toString('latin1');
  };
  const charset = value('hdrcharset');
  if (charset !== undefined && charset !== utf8Charset) {
    throw invalidTar(at, 'a pax header that is not in UTF-8');
  }

  const fields: { path?: Uint8Array; size?: number; mtime?: number } = {};
  const path = records.get('path');
  if (path !== undefined) fields.path = path;
  const size = value('size');
  if (size !== undefined) {
    fields.size = /^(?:0|[1-9][0-9]{0,15})$/.test(size) ? Number(size) : Number.NaN;
    if (!Number.isSafeInteger(fields.size)) throw invalidTar(at, 'a pax size that is not a number');
  }
  const mtime = value('mtime');
  if (mtime !== undefined) {
    // The fraction is cut from the text: as a double it could round up to the next second.
    const [, minus, seconds] = /^(-?)([0-9]+)(?:\.[0-9]*)?$/.exec(mtime) ?? [];
    if (seconds === undefined) throw invalidTar(at, 'a pax mtime that is not a time');
    fields.mtime = minus === '-' ? -1 : Number(seconds);
  }
  return fields;
}

/**
 * A `g` header may carry a comment and nothing else, since its records would hold for every
 * member that follows. `git archive` writes such a comment.
 * @throws StrongroomError `TAR_INVALID`
 */
export function assertOnlyComment(bytes: Uint8Array, at: number): void {
  for (const key of decodeRecords(bytes, at).keys()) {
    if (key !== 'comment')
      throw invalidTar(at, 'a global pax header that sets more than a comment');
  }
}

/** Splits `length SP key = value LF`, where `length` counts all of the record. */
function decodeRecords(bytes: Uint8Array, at: number): Map<string, Uint8Array> {
  const records = new Map<string, Uint8Array>();
  let from = 0;
  while (from < bytes.length) {
    const malformed = (why: string) => invalidTar(at + from, `a pax record ${why}`);
    const head = Buffer.from(bytes.subarray(from, from + 8)).toString('latin1');
    const digits = /^([1-9][0-9]{0,6}) /.exec(head)?.[1];
    if (digits === undefined) throw malformed('without a length');
    const record = bytes.subarray(from, from + Number(digits));
    if (record.length < Number(digits)) throw malformed('that is longer than its header');
    if (record.at(-1) !== 0x0a) throw malformed('without a newline at its end');
    const body = record.subarray(digits.length + 1, -1);
    const equals = body.indexOf(0x3d);
    if (equals === -1) throw malformed('without "="');
    const key = decodeKey(body.subarray(0, equals));
    if (key === undefined) throw malformed('with an invalid key');
    if (records.has(key)) throw malformed(`that repeats ${key}`);
    records.set(key, body.subarray(equals + 1));
    from += record.length;
  }
  return records;
}

/** A key; some programs skip spaces before it, and some stop at a NUL. */
function decodeKey(bytes: Uint8Array): string | undefined {
  try {
    const key = text(bytes);
    return /^(?! )\P{Control}+$/u.test(key) ? key : undefined;
  } catch {
    return undefined;
  }
}
