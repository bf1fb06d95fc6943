/**
 * Checkpoints: the text of a note that states a log's name, size and root.
 *
 * c2sp.org/tlog-checkpoint
 */
import { base64, equal, fromBase64, isBase64 } from '../../bytes.ts';
import { emptyRoot, type Head, hashBytes } from './merkle.ts';
import type { Note } from './note.ts';

export interface Checkpoint extends Head {
  /** The name of the log. */
  readonly origin: string;
}

/** The text of a checkpoint's note, without extension lines. */
export const encodeCheckpoint = ({ origin, size, root }: Checkpoint): string =>
  `${origin}\n${size}\n${base64(root)}\n`;

/** A whole number in its one spelling; `undefined` above 2^53 − 1. */
export function decodeSize(digits: string): number | undefined {
  const size = Number(digits);
  return /^(0|[1-9]\d{0,15})$/.test(digits) && Number.isSafeInteger(size) ? size : undefined;
}

/** A hash in base64; `undefined` for anything else. */
export function decodeHash(digits: string): Uint8Array | undefined {
  if (!isBase64(digits)) return undefined;
  const hash = fromBase64(digits);
  return hash.length === hashBytes ? hash : undefined;
}

/** What a note states as a checkpoint; extension lines are passed over. */
export function decodeCheckpoint({ text }: Pick<Note, 'text'>): Checkpoint | undefined {
  const lines = text.slice(0, -1).split('\n');
  const [origin = '', digits = '', hash = ''] = lines;
  const size = decodeSize(digits);
  const root = decodeHash(hash);
  if (lines.some((line) => line === '') || size === undefined || root === undefined) return;
  if (size === 0 && !equal(root, emptyRoot)) return;
  return { origin, size, root };
}
