/**
 * Passphrases: where they come from, and the one spelling that is hashed.
 *
 * docs/format.md#identities: UTF-8 of the NFC form (Unicode Standard Annex 15).
 */
import { secretCopy, taken, text, utf8, wipe } from '../bytes.ts';
import { asStrongroomError, StrongroomError } from '../errors.ts';
import { readAtMost, withFile } from './read.ts';

/** Far above any passphrase; keeps a mistaken file or an endless pipe from filling memory. */
const maxPassphraseBytes = 65536;

/**
 * A passphrase without one trailing newline, in the one spelling that is hashed: a copy,
 * the caller wipes both.
 *
 * Whatever is not ASCII passes through a string, since normalization works on nothing
 * else; that string stays in memory until it is collected.
 * @throws StrongroomError `USAGE` if it is empty, too long, or not UTF-8.
 */
export function normalizePassphrase(bytes: Uint8Array): Uint8Array {
  const line = bytes.subarray(0, bytes.length - newlineBytes(bytes));
  if (line.length > maxPassphraseBytes) {
    throw new StrongroomError('USAGE', `the passphrase is over ${maxPassphraseBytes} bytes`);
  }
  return composed(line);
}

/**
 * The UTF-8 of the NFC form: a copy.
 * @throws StrongroomError `USAGE` if there are none, or they are not UTF-8.
 */
export function composed(passphrase: Uint8Array): Uint8Array {
  if (passphrase.length === 0) throw new StrongroomError('USAGE', 'the passphrase is empty');
  if (passphrase.every((byte) => byte < 0x80)) return secretCopy(passphrase);
  try {
    return taken(utf8(text(passphrase).normalize('NFC')));
  } catch {
    // Without the cause: it may quote what it could not decode
    throw new StrongroomError('USAGE', 'the passphrase is not UTF-8', {
      hint: 'write it in UTF-8, without other bytes',
    });
  }
}

/**
 * The passphrase in a file, or in a pipe by that name: all of it but one trailing newline.
 * @throws StrongroomError `USAGE` as `normalizePassphrase` does, or the system's error.
 */
export function passphraseFromFile(path: string): Promise<Uint8Array> {
  return withFile(path, readPassphrase);
}

/** The same from an open file descriptor, read to its end, which stays open. */
export async function passphraseFromFd(fd: number): Promise<Uint8Array> {
  try {
    return await readPassphrase(fd);
  } catch (error) {
    throw asStrongroomError(error, `file descriptor ${fd}`);
  }
}

async function readPassphrase(fd: number): Promise<Uint8Array> {
  // Two bytes are for the newline, one more shows that there is more
  const bytes = await readAtMost(fd, maxPassphraseBytes + 3);
  try {
    return normalizePassphrase(bytes);
  } finally {
    wipe(bytes);
  }
}

function newlineBytes(bytes: Uint8Array): number {
  if (bytes.at(-1) !== 0x0a) return 0;
  return bytes.at(-2) === 0x0d ? 2 : 1;
}
