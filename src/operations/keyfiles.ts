/** Cards and identities as files: read within bounds, written whole or not at all. */
import { fstatSync, unlinkSync, writeFileSync } from 'node:fs';
import { wipe } from '../bytes.ts';
import { createFile, type Output } from '../engine/output.ts';
import { asStrongroomError, StrongroomError } from '../errors.ts';
import type { Anchor, IdentityProtection } from '../keys/anchor/anchor.ts';
import { type Card, decodeCard, maxCardBytes } from '../keys/card.ts';
import {
  decodeIdentity,
  type Identity,
  identityCard,
  identityProtection,
  isProtected,
  maxIdentityBytes,
} from '../keys/identity.ts';
import { readAtMost, withFile } from '../keys/read.ts';
import { platform } from '../platform.ts';

/**
 * Reads a card.
 * @param ofIdentity whether the file may be an identity as well; its card is taken then.
 * @throws StrongroomError `CARD_INVALID`, `KEY_INVALID`, or the system's error, each with the path.
 */
export async function readCard(
  path: string,
  { ofIdentity = false }: { readonly ofIdentity?: boolean } = {},
): Promise<Card> {
  const bytes = await withFile(path, (fd) => readAtMost(fd, maxIdentityBytes + 1));
  try {
    if (!looksLikeIdentity(bytes)) {
      return decodeCard(bytes.subarray(0, maxCardBytes + 1));
    }
    if (ofIdentity) return identityCard(bytes);
    throw new StrongroomError('CARD_INVALID', 'this is an identity, not a card', {
      hint: `give its card, which can be shared: ${path}.card`,
    });
  } catch (error) {
    throw inFile(path, error);
  } finally {
    wipe(bytes);
  }
}

/** An identity's file before its secrets are read. */
export interface IdentityFile {
  readonly card: Card;
  /** Whether `unlock` takes more than the file: a passphrase, or another anchor. */
  readonly isProtected: boolean;
  /** Where the secret lives. */
  readonly protection: IdentityProtection;
  /** Whether the file's mode lets others than its owner read it. */
  readonly isExposed: boolean;
  /**
   * The identity, once; the caller wipes it.
   * @throws StrongroomError `PASSPHRASE_NEEDED`, `PASSPHRASE_WRONG`, `IDENTITY_INVALID`,
   *   `ANCHOR_NEEDED`, `ANCHOR_UNAVAILABLE` or `ANCHOR_REFUSED`.
   */
  unlock(passphrase?: () => Promise<Uint8Array>, anchors?: readonly Anchor[]): Promise<Identity>;
}

/**
 * Reads the file of an identity.
 * @throws StrongroomError `IDENTITY_INVALID`, or the system's error, each with the path.
 */
export async function readIdentity(path: string): Promise<IdentityFile> {
  const [bytes, mode] = await withFile(path, async (fd) => {
    // Of the descriptor: the path may lead elsewhere by now.
    const { mode } = fstatSync(fd);
    return [await readAtMost(fd, maxIdentityBytes + 1), mode] as const;
  });
  try {
    if (looksLikeCard(bytes)) {
      throw new StrongroomError('IDENTITY_INVALID', 'this is a card, not an identity');
    }
    return {
      card: identityCard(bytes),
      isProtected: isProtected(bytes),
      protection: identityProtection(bytes),
      isExposed: platform.hasModes && (mode & 0o077) !== 0,
      async unlock(passphrase, anchors) {
        try {
          return await decodeIdentity(bytes, passphrase, anchors);
        } catch (error) {
          // What goes wrong while the passphrase is asked is not about this file
          const own = ['IDENTITY_INVALID', 'PASSPHRASE_WRONG', 'ANCHOR_NEEDED', 'ANCHOR_REFUSED'];
          throw own.includes(asStrongroomError(error).code) ? inFile(path, error) : error;
        } finally {
          wipe(bytes);
        }
      },
    };
  } catch (error) {
    wipe(bytes);
    throw inFile(path, error);
  }
}

/**
 * The bytes of a file that is small by its nature; the caller wipes what is secret.
 * @throws StrongroomError `USAGE` if it is longer than `maxBytes`, or the system's error.
 */
export async function readSmallFile(path: string, maxBytes: number): Promise<Uint8Array> {
  const bytes = await withFile(path, (fd) => readAtMost(fd, maxBytes + 1));
  if (bytes.length <= maxBytes) return bytes;
  wipe(bytes);
  throw new StrongroomError('USAGE', `${path}: longer than ${maxBytes} bytes`, { file: path });
}

export interface NewFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Permission bits, before the umask. */
  readonly mode: number;
}

/**
 * Writes files that do not exist yet, all of them or none.
 * @throws StrongroomError `OUTPUT_EXISTS`, `NOT_FOUND`, `PERMISSION_DENIED`, `DISK_FULL`.
 */
export function writeNew(files: readonly NewFile[]): void {
  const staged: Output[] = [];
  const written: string[] = [];
  try {
    for (const { path, mode } of files) staged.push(createFile(path, mode));
    for (const [i, { path, bytes }] of files.entries()) {
      try {
        writeFileSync((staged[i] as Output).path, bytes);
      } catch (error) {
        throw asStrongroomError(error, path);
      }
    }
    for (const [i, { path }] of files.entries()) {
      (staged[i] as Output).commit();
      written.push(path);
    }
  } catch (error) {
    for (const path of written) unlinkSync(path);
    throw error;
  } finally {
    for (const output of staged) output.discard();
  }
}

// Canonical JSON sorts its members, so that either kind of file has its own beginning
const startsWith = (start: string) => (bytes: Uint8Array) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, start.length)).equals(
    Buffer.from(start),
  );
const looksLikeIdentity = startsWith('{"card":');
const looksLikeCard = startsWith('{"signatures":');

/** The same error with the file's path before its message. */
function inFile(path: string, error: unknown): StrongroomError {
  const { code, message, hint, file } = asStrongroomError(error, path);
  return new StrongroomError(code, file === undefined ? `${path}: ${message}` : message, {
    file: path,
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}
