/**
 * Canonical JSON: RFC 8785, restricted to what docs/format.md allows. Every document
 * of Strongroom is read and written here, so that one document has one spelling.
 */
import canonicalize from 'canonicalize';
import type { z } from 'zod';
import { equal, text, utf8 } from './bytes.ts';
import { type ErrorCode, StrongroomError } from './errors.ts';

/** The canonical bytes of a value made of objects, arrays, strings, booleans and integers. */
export function encodeJson(value: unknown): Uint8Array<ArrayBuffer> {
  const encoded = canonicalize(value);
  if (encoded === undefined) throw new TypeError('not a JSON value');
  return utf8(encoded);
}

const maxDepth = 64;

/**
 * Whether objects and arrays nest no deeper than `levels`, and no member is called `__proto__`:
 * a schema would pass over that one, so that it would be signed but never seen.
 */
export function isPlainJson(value: unknown, levels = maxDepth): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (levels === 0 || Object.hasOwn(value, '__proto__')) return false;
  return Object.values(value).every((member) => isPlainJson(member, levels - 1));
}

/** How a document is called in errors, and which code refuses it. */
export interface DocumentKind {
  readonly what: string;
  readonly code: ErrorCode;
  readonly maxBytes: number;
  /** Path, for errors. */
  readonly file?: string;
  /** Refuses a document with more values, before anything is made of them. */
  readonly maxValues?: number;
  /** In any layout: takes `1.0` for 1, as some programs write it. */
  readonly anyNumbers?: boolean;
}

/**
 * Parses canonical JSON against a schema.
 * @throws StrongroomError with `kind.code` unless the bytes are the canonical form of a
 *   value that fits the schema.
 */
export function decodeJson<T>(bytes: Uint8Array, schema: z.ZodType<T>, kind: DocumentKind): T {
  const refuse = refusing(kind);
  if (bytes.length > kind.maxBytes) throw refuse(`longer than ${kind.maxBytes} bytes`);
  if (holdsMore(bytes, kind.maxValues ?? Number.POSITIVE_INFINITY)) {
    throw refuse(`more than ${kind.maxValues} values`);
  }
  const { value, data } = parse(bytes, schema, kind);
  if (!equal(canonicalOf(value, kind), bytes)) throw refuse('not in canonical form');
  return data;
}

/**
 * Parses JSON that people write, with white space, escapes and members in any order, and all
 * else as in canonical JSON: no member twice, numbers in their one spelling.
 * @throws StrongroomError with `kind.code`.
 */
export function decodeAnyLayout<T>(bytes: Uint8Array, schema: z.ZodType<T>, kind: DocumentKind): T {
  const refuse = refusing(kind);
  if (bytes.length > kind.maxBytes) throw refuse(`longer than ${kind.maxBytes} bytes`);
  const { value, data, source } = parse(bytes, schema, kind);
  canonicalOf(value, kind);
  const fault = faultInLayout(source, kind.anyNumbers);
  if (fault !== undefined) throw refuse(fault);
  return data;
}

const refusing =
  ({ code, what, file }: DocumentKind) =>
  (why: string, cause?: unknown) =>
    new StrongroomError(code, `${what}: ${why}`, file === undefined ? { cause } : { file, cause });

function parse<T>(bytes: Uint8Array, schema: z.ZodType<T>, kind: DocumentKind) {
  const refuse = refusing(kind);
  let source: string;
  let value: unknown;
  try {
    source = text(bytes);
    value = JSON.parse(source);
  } catch (cause) {
    throw refuse('not JSON', cause);
  }
  if (!isPlainJson(value)) {
    throw refuse(`nested deeper than ${maxDepth} levels, or a member called __proto__`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { value, data: parsed.data, source };
  const issue = parsed.error.issues[0];
  throw refuse(`${issue?.path.join('.') || 'document'}: ${issue?.message ?? 'invalid'}`);
}

function canonicalOf(value: unknown, kind: DocumentKind): Uint8Array {
  try {
    return encodeJson(value);
  } catch (cause) {
    // Half a surrogate pair
    throw refusing(kind)('has no canonical form', cause);
  }
}

/**
 * Whether JSON holds more than `most` values, names of members counted: every one but the first
 * follows a bracket, a brace, a comma or a colon outside of strings. On bytes, since a parsed
 * document takes many times the memory of its bytes if they are nothing but brackets.
 */
export function holdsMore(bytes: Uint8Array, most: number): boolean {
  if (bytes.length <= most) return false;
  let count = 1;
  for (let at = 0; at < bytes.length && count <= most; at += 1) {
    const byte = bytes[at];
    if (byte === 0x22) at = endOfString(bytes, at);
    else if (byte === 0x2c || byte === 0x3a || byte === 0x5b || byte === 0x7b) count += 1;
  }
  return count > most;
}

/** Where the string that begins at `start` has its closing quote; the end where it has none. */
function endOfString(bytes: Uint8Array, start: number): number {
  let escaped = false;
  for (let at = start + 1; at < bytes.length; at += 1) {
    if (escaped) escaped = false;
    else if (bytes[at] === 0x5c) escaped = true;
    else if (bytes[at] === 0x22) return at;
  }
  return bytes.length;
}

/**
 * What canonical JSON could not have, in valid JSON of any layout. JSON.parse keeps the last of
 * two members of one name and other readers the first, and not everyone takes `1.0` for `1`: such
 * a document means different things to different people.
 */
export function faultInLayout(source: string, anyNumbers = false): string | undefined {
  const open: Set<string>[] = [];
  // In valid JSON a string before a colon is a name, and braces outside strings nest
  const tokens = /["{}]|-?[0-9][0-9.eE+-]*/g;
  const colon = /\s*:/y;
  for (let found = tokens.exec(source); found !== null; found = tokens.exec(source)) {
    const [token] = found;
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (token === '"') {
      const quoted = source.slice(found.index, endOfQuoted(source, found.index));
      tokens.lastIndex = found.index + quoted.length;
      colon.lastIndex = tokens.lastIndex;
      if (!colon.test(source)) continue;
      const name: string = JSON.parse(quoted);
      if (open.at(-1)?.has(name)) return `the member ${JSON.stringify(name)} is there twice`;
      open.at(-1)?.add(name);
    } else if (!anyNumbers && !/^(?:0|[1-9][0-9]*)$/.test(token)) {
      return `the number ${token.slice(0, 20)} is not an integer in its one spelling`;
    }
  }
  return undefined;
}

/**
 * Behind the closing quote of the string that begins at `start`. Not by a regular expression:
 * one would keep a place to go back to for every escape.
 */
function endOfQuoted(source: string, start: number): number {
  for (let at = start; ; ) {
    at = source.indexOf('"', at + 1);
    if (at < 0) return source.length;
    let first = at;
    while (source[first - 1] === '\\') first--;
    if ((at - first) % 2 === 0) return at + 1;
  }
}
