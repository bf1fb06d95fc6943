/**
 * What a transparency log gets to see of a custody file: for each line a commitment to it, and
 * its place in the file, which only those can tell who have the file
 * (docs/provenance.md#in-a-log).
 */
import { concat, fromBase64, u64, utf8 } from '../../bytes.ts';
import { hmacSha384 } from '../../crypto/kdf.ts';
import { commitmentOf } from '../ledger/commitment.ts';
import type { Statement } from './statement.ts';

/**
 * What stands in a log for there being a line of this number: 48 bytes, HMAC-SHA-384 under the
 * salt of the first line. It is another one for every number and every file, so that strangers
 * cannot tell which entries belong together, nor how many lines a file has.
 */
export function placeOf(first: Statement, number: number): Uint8Array {
  const salt = fromBase64(first.predicate.salt);
  return hmacSha384(salt, concat(utf8('strongroom/v1/custody-place'), u64(number)));
}

/** What a log commits to for a line: the line, whose salt hides what it says, and its place. */
export const documentsOf = (first: Statement, statement: Statement): readonly Uint8Array[] => [
  statement.bytes,
  placeOf(first, statement.predicate.number),
];

/** The entries of a line. */
export const entriesOf = (first: Statement, statement: Statement): readonly Uint8Array[] =>
  documentsOf(first, statement).map(commitmentOf);
