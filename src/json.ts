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
}

/**
 * Parses canonical JSON against a schema.
 * @throws StrongroomError with `kind.code` unless the bytes are the canonical form of a
 *   value that fits the schema.
 */
export function decodeJson<T>(bytes: Uint8Array, schema: z.ZodType<T>, kind: DocumentKind): T {
  const refuse = (why: string, cause?: unknown) =>
    new StrongroomError(kind.code, `${kind.what}: ${why}`, { cause });
  if (bytes.length > kind.maxBytes) throw refuse(`longer than ${kind.maxBytes} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(text(bytes));
  } catch (cause) {
    throw refuse('not JSON', cause);
  }
  if (!isPlainJson(value)) {
    throw refuse(`nested deeper than ${maxDepth} levels, or a member called __proto__`);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw refuse(`${issue?.path.join('.') || 'document'}: ${issue?.message ?? 'invalid'}`);
  }
  let canonical: Uint8Array;
  try {
    canonical = encodeJson(value);
  } catch (cause) {
    // Half a surrogate pair
    throw refuse('has no canonical form', cause);
  }
  if (!equal(canonical, bytes)) throw refuse('not in canonical form');
  return parsed.data;
}

/**
 * The name of a member that an object of valid JSON has twice. JSON.parse keeps the last
 * one, other readers the first, so that such a document means
 * different things to different people.
 */
export function duplicateMember(source: string): string | undefined {
  const open: Set<string>[] = [];
  // In valid JSON a string before a colon is a name, and braces outside strings nest
  const tokens = /("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}]/g;
  for (const [token, quoted, colon] of source.matchAll(tokens)) {
    if (token === '{') open.push(new Set());
    if (token === '}') open.pop();
    if (quoted === undefined || colon === undefined) continue;
    const name: string = JSON.parse(quoted);
    if (open.at(-1)?.has(name)) return name;
    open.at(-1)?.add(name);
  }
  return undefined;
}
