/**
 * Signed notes: a text, and lines of signatures under it. Nothing here knows what a signature
 * means; `signatures.ts` does.
 *
 * c2sp.org/signed-note
 */
import { base64, concat, fromBase64, isBase64, text, utf8, viewOf } from '../../bytes.ts';

/** As the Go implementation has them. */
export const maxNoteBytes = 1_000_000;
const maxSignatures = 100;

export interface NoteSignature {
  /** Of the key. */
  readonly name: string;
  /** The first four bytes of the key's hash: tells keys apart, and proves nothing. */
  readonly id: number;
  /** What follows the id, in the form of the key's type. */
  readonly signature: Uint8Array;
}

export interface Note {
  /** With its last newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

const dash = '\u2014';
const idBytes = 4;

/** Whether a note may have a key of that name: not empty, no spaces, no plus, no controls. */
export const isKeyName = (name: string): boolean => name !== '' && !/[\s\p{Cc}+]/u.test(name);

export function encodeSignature({ name, id, signature }: NoteSignature): string {
  const idOf = new Uint8Array(idBytes);
  viewOf(idOf).setUint32(0, id);
  return `${dash} ${name} ${base64(concat(idOf, signature))}\n`;
}

export const encodeNote = ({ text, signatures }: Note): Uint8Array<ArrayBuffer> =>
  utf8(`${text}\n${signatures.map(encodeSignature).join('')}`);

/** The signature of one line, without its newline; `undefined` if it is none. */
function decodeSignature(line: string): NoteSignature | undefined {
  const [, name = '', digits = ''] = /^\u2014 ([^ ]+) ([^ ]+)$/.exec(line) ?? [];
  if (!isKeyName(name) || !isBase64(digits)) return undefined;
  const bytes = fromBase64(digits);
  if (bytes.length <= idBytes) return undefined;
  return { name, id: viewOf(bytes).getUint32(0), signature: bytes.subarray(idBytes) };
}

/** Signature lines, each with its newline; `undefined` if one of them is none. */
export function decodeSignatures(lines: string): NoteSignature[] | undefined {
  if (!lines.endsWith('\n')) return undefined;
  const signatures: NoteSignature[] = [];
  for (const line of lines.slice(0, -1).split('\n')) {
    const signature = decodeSignature(line);
    if (signature === undefined || signatures.length === maxSignatures) return undefined;
    signatures.push(signature);
  }
  return signatures;
}

/** A note with one signature or more; `undefined` for anything else. */
export function decodeNote(bytes: Uint8Array): Note | undefined {
  if (bytes.length > maxNoteBytes) return undefined;
  let note: string;
  try {
    note = text(bytes);
  } catch {
    return undefined;
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a note must not have
  if (/[\x00-\x09\x0b-\x1f]/.test(note)) return undefined;
  const end = note.lastIndexOf('\n\n');
  if (end < 0) return undefined;
  const signatures = decodeSignatures(note.slice(end + 2));
  return signatures && { text: note.slice(0, end + 1), signatures };
}
