/**
 * Reads a tar without reading anything itself: a generator that asks for the bytes it needs,
 * so that a file, a pipe and a decrypted archive share one strict reader.
 * Specification: docs/format.md, "Paths and entries".
 */
import { isZero, text } from '../../bytes.ts';
import type { StrongroomError } from '../../errors.ts';
import { type Entry, maxEntries, maxTime } from '../entry.ts';
import { assertSafePath, collisionCheck, unsafe } from '../paths.ts';
import { blockBytes, cutTar, decodeHeader, type Header, invalidTar, notTar } from './header.ts';
import { assertOnlyComment, decodePax } from './pax.ts';

export type TarStep =
  /**
   * Answer with exactly so many bytes, or with all that are left if the input ends before.
   * They are not used any more once the next step is asked for.
   */
  | { op: 'take'; bytes: number }
  /**
   * Pass over so many bytes: all of the last entry's file. If the input ends before, throw
   * `cutTar`; from what follows the walk could not tell.
   */
  | { op: 'skip'; bytes: number }
  /** An entry that satisfies every rule, also together with those before it. */
  | { op: 'entry'; entry: Entry }
  /** All of the tar was read and is valid; its length in bytes. */
  | { op: 'end'; length: number };

/** What headers before the member say of it. */
interface Extension {
  readonly kind: 'pax' | 'long name';
  readonly path?: Uint8Array;
  readonly size?: number;
  readonly mtime?: number;
}

const maxExtensionBytes = 1048576;
const tailBytes = 65536;

/** The largest size that eleven octal digits hold. */
const maxOctalSize = 8 ** 11 - 1;

const kinds: Record<string, Entry['type'] | Extension['kind'] | 'global'> = {
  '0': 'file',
  '\0': 'file',
  '5': 'directory',
  x: 'pax',
  g: 'global',
  L: 'long name',
};

const follow = 'make the tar with --dereference and --hard-dereference';
const otherTypes: Record<string, readonly [what: string, hint?: string]> = {
  '1': ['a hard link', follow],
  '2': ['a symbolic link', follow],
  '3': ['a character device'],
  '4': ['a block device'],
  '6': ['a FIFO'],
  '7': ['a contiguous file'],
  D: ['a directory of an incremental tar', 'make the tar without --listed-incremental'],
  K: ['a link', follow],
  M: ['a part of a multi-volume tar', 'make the tar without --multi-volume'],
  S: ['a sparse file', 'make the tar without --sparse'],
  V: ['a volume label', 'make the tar without --label'],
};

/**
 * Walks one tar from its first to its last byte.
 * @throws StrongroomError `TAR_INVALID` with the offset, or `ENTRY_UNSAFE` with the path, at
 *   the first byte that breaks a rule.
 */
export function* walkTar(): Generator<TarStep, void, Uint8Array> {
  const checkCollision = collisionCheck();
  let extension: Extension | undefined;
  let count = 0;
  let at = 0;
  let block = yield { op: 'take', bytes: blockBytes };

  while (!isZero(block)) {
    if (block.length < blockBytes)
      throw at === 0 ? notTar() : invalidTar(at, 'it ends in a header');
    const header = decodeHeader(block, at);
    const kind = kinds[String.fromCharCode(header.typeflag)];
    if (kind === undefined) throw otherType(header, extension);
    at += blockBytes;

    if (kind === 'file' || kind === 'directory') {
      const entry = member(kind, header, extension, at);
      extension = undefined;
      if (entry !== undefined) {
        checkCollision(entry);
        if (++count > maxEntries) throw invalidTar(at, `more than ${maxEntries} entries`);
        yield { op: 'entry', entry };
      }
      const size = entry?.type === 'file' ? entry.size : 0;
      if (size > 0) yield { op: 'skip', bytes: size };
      block = (yield* takeBody(at + size, 0, padding(size))).next;
      at += size + padding(size);
      continue;
    }

    if (header.size > maxExtensionBytes) {
      throw invalidTar(at, `a ${kind} header over ${maxExtensionBytes} bytes`);
    }
    // Before another extension too: programs differ in what a header between them applies to
    if (extension !== undefined)
      throw invalidTar(at, `a ${kind} header after a ${extension.kind} header`);
    const { body, next } = yield* takeBody(at + header.size, header.size, padding(header.size));
    if (kind === 'global') assertOnlyComment(body, at);
    else if (kind === 'pax') extension = { kind, ...decodePax(body, at) };
    else extension = { kind, path: longName(body) };
    block = next;
    at += header.size + padding(header.size);
  }

  if (extension !== undefined) throw invalidTar(at, `a ${extension.kind} header without a member`);
  while (block.length > 0) {
    if (!isZero(block)) throw invalidTar(at, 'bytes behind its end');
    at += block.length;
    block = yield { op: 'take', bytes: tailBytes };
  }
  if (at % blockBytes !== 0) throw invalidTar(at, 'it does not end on a 512-byte boundary');
  yield { op: 'end', length: at };
}

/** Takes the rest of a body that ends at `end`, its padding, and the header block behind it. */
function* takeBody(
  end: number,
  kept: number,
  padded: number,
): Generator<TarStep, { body: Uint8Array; next: Uint8Array }, Uint8Array> {
  const bytes = yield { op: 'take', bytes: kept + padded + blockBytes };
  if (bytes.length < kept + padded) throw cutTar(end - kept + bytes.length);
  // What lies in padding is signed but belongs to no file: a place to hide things
  if (!isZero(bytes.subarray(kept, kept + padded)))
    throw invalidTar(end, 'padding that is not zero');
  return { body: bytes.subarray(0, kept), next: bytes.subarray(kept + padded) };
}

/** The entry that a header describes; none for `./`, the root itself. */
function member(
  type: Entry['type'],
  header: Header,
  extension: Extension | undefined,
  offset: number,
): Entry | undefined {
  const name = decodeName(extension?.path ?? header.name);
  if (type === 'file' && name.endsWith('/'))
    throw unsafe(name, 'a file with the name of a directory');
  const bare = /^.+\/$/s.test(name) ? name.slice(0, -1) : name;
  const isRoot = type === 'directory' && bare === '.';
  const path = bare.startsWith('./') ? bare.slice(2) : bare;
  if (!isRoot) assertSafePath(path);

  if (header.linked) throw unsafe(path, 'it names the target of a link');
  const size = memberSize(header, extension, offset);
  const mode = header.mode & 0o777;
  const mtime = Math.max(0, extension?.mtime ?? header.mtime);
  if (mtime > maxTime) throw unsafe(path, 'it was modified after the year 2242');
  if (type === 'file') return { type, path, size, mode, mtime, offset };
  if (size !== 0) throw invalidTar(offset, 'a directory with a size');
  return isRoot ? undefined : { type, path, mode, mtime };
}

/** A pax size may only repeat the header's, or give what does not fit there. */
function memberSize(header: Header, extension: Extension | undefined, at: number): number {
  const size = extension?.size ?? header.size;
  if (size !== header.size && (header.size !== 0 || size <= maxOctalSize)) {
    throw invalidTar(at, 'a pax size that differs from the header');
  }
  if (!Number.isSafeInteger(at + size + 2 * blockBytes)) throw invalidTar(at, 'a size beyond 2^53');
  return size;
}

/** GNU tar ends a long name with one NUL, some programs with none. */
const longName = (body: Uint8Array): Uint8Array =>
  body.at(-1) === 0 ? body.subarray(0, -1) : body;

const padding = (size: number): number => (blockBytes - (size % blockBytes)) % blockBytes;

function decodeName(bytes: Uint8Array): string {
  try {
    return text(bytes);
  } catch {
    throw unsafe(new TextDecoder().decode(bytes), 'it is not UTF-8');
  }
}

function otherType(header: Header, extension: Extension | undefined): StrongroomError {
  const [what, hint] = otherTypes[String.fromCharCode(header.typeflag)] ?? [
    'a member of an unknown type',
  ];
  const name = decodeName(extension?.path ?? header.name);
  return unsafe(name, `${what}; an archive holds regular files and directories only`, hint);
}
