/**
 * The tar that a directory is sealed as, without its file bytes: every header and padding with
 * its place, so that any part of the stream can be made on its own.
 * Specification: docs/format.md, "Paths and entries".
 */
import { once } from 'node:events';
import { createRequire } from 'node:module';
import type * as TarStream from 'tar-stream';
import type { Literals as PlacedLiterals } from '../../engine/pieces.ts';
import { sharedBytes, sharedNumbers } from '../../engine/shared.ts';
import { StrongroomError } from '../../errors.ts';
import { type Entry, maxEntries, maxTime } from '../entry.ts';
import { assertSafePath, collisionCheck } from '../paths.ts';
import { blockBytes } from './header.ts';

export interface PlannedFile {
  readonly type: Entry['type'];
  /** As in an entry: no leading or trailing slash. */
  readonly path: string;
  /** In bytes; 0 for a directory. */
  readonly size: number;
  /** As the system gives it; only the permission bits are kept. */
  readonly mode: number;
  /** Seconds since 1970; times that an entry cannot hold become the nearest that it can. */
  readonly mtime: number;
}

export interface TarLayout {
  readonly entries: Entry[];
  /** Of the tar, in bytes. */
  readonly length: number;
  /**
   * Everything but file bytes, in the order of the stream: literal i is
   * `bytes[from[i] … from[i] + lengths[i]]` and lies `at[i]` bytes into the tar. Between two
   * literals lie the bytes of one file that is not empty. Shared, so that workers need no copy.
   */
  readonly literals: PlacedLiterals;
}

// Loaded on first use: only directories are laid out.
const require = createRequire(import.meta.url);

const endOfTar = new Uint8Array(2 * blockBytes);

/**
 * Lays out a tar of `files` in their order.
 * @throws StrongroomError `ENTRY_UNSAFE` for a path that a reader would refuse, and
 *   `SOURCE_UNSUPPORTED` for more than an archive can hold.
 */
export async function layTar(files: readonly PlannedFile[]): Promise<TarLayout> {
  if (files.length > maxEntries) throw tooMuch(`more than ${maxEntries} files`);
  const checkCollision = collisionCheck();
  const entries: Entry[] = [];
  const literals = new Literals();

  for (const file of files) {
    assertSafePath(file.path);
    checkCollision(file);
    const mode = file.mode & 0o777;
    const mtime = Math.min(Math.max(0, Math.floor(file.mtime)), maxTime);
    literals.add(await encodeHeader({ ...file, mode, mtime }));
    if (file.type === 'directory') {
      entries.push({ type: 'directory', path: file.path, mode, mtime });
      continue;
    }
    const { path, size } = file;
    entries.push({ type: 'file', path, size, mode, mtime, offset: literals.position });
    if (size === 0) continue;
    literals.skip(size);
    literals.add(endOfTar.subarray(0, (blockBytes - (size % blockBytes)) % blockBytes));
  }

  literals.add(endOfTar);
  if (!Number.isSafeInteger(literals.position)) throw tooMuch('more than 2^53 bytes');
  return { entries, length: literals.position, literals: literals.finish() };
}

/** Collects literals, each as long as file bytes do not interrupt it. */
class Literals {
  /** In the tar, in bytes. */
  position = 0;
  readonly #chunks: Uint8Array[] = [];
  readonly #at: number[] = [0];
  readonly #from: number[] = [0];
  #length = 0;

  add(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.#length += bytes.length;
    this.position += bytes.length;
  }

  skip(fileBytes: number): void {
    this.position += fileBytes;
    this.#at.push(this.position);
    this.#from.push(this.#length);
  }

  finish(): TarLayout['literals'] {
    const bytes = sharedBytes(this.#length);
    let end = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, end);
      end += chunk.length;
    }
    const lengths = this.#from.map((start, index) => (this.#from[index + 1] ?? end) - start);
    const [at, from] = [sharedNumbers(this.#at), sharedNumbers(this.#from)];
    return { bytes, at, from, lengths: sharedNumbers(lengths) };
  }
}

/**
 * The header blocks of one member: ustar, and pax before it for what does not fit there.
 * @param file with mode and mtime as in an entry.
 */
async function encodeHeader(file: PlannedFile): Promise<Uint8Array> {
  const isDirectory = file.type === 'directory';
  const name = isDirectory ? `${file.path}/` : file.path;
  // tar-stream takes a mode of 0 for a missing one, which the file type bits prevent, and
  // a time for 32 bits with a sign, so that later ones go into a pax record. A pax header holds
  // the path too: better than ustar's prefix, which can leave a name empty.
  const pax = file.mtime > maxInt32 ? { mtime: String(file.mtime) } : {};
  const needsPax = file.mtime > maxInt32 || Buffer.byteLength(name) > 100;
  // The stream holds nothing but memory and is left without the file bytes it waits for:
  // to destroy it would cost three times as much as the header.
  const { pack } = require('tar-stream') as typeof TarStream;
  const stream = pack();
  stream.entry({
    name,
    type: file.type,
    size: isDirectory ? 0 : file.size,
    mode: (isDirectory ? 0o040000 : 0o100000) | file.mode,
    mtime: new Date(Math.min(file.mtime, maxInt32) * 1000),
    ...(needsPax ? { pax } : {}),
  });
  await once(stream, 'readable');
  const next = () => stream.read() as Buffer | null;
  const parts: Buffer[] = [];
  for (let part = next(); part !== null; part = next()) parts.push(part);
  return Buffer.concat(parts);
}

const maxInt32 = 2 ** 31 - 1;

const tooMuch = (what: string): StrongroomError =>
  new StrongroomError('SOURCE_UNSUPPORTED', `${what} in one archive`);
