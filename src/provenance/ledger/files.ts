/**
 * A log's directory: what is read from it within bounds, and what is written to it so that a
 * crash at any moment leaves a log that continues.
 *
 * c2sp.org/tlog-tiles
 */
import { closeSync, constants, fstatSync, mkdirSync, openSync, renameSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import {
  noFollow,
  noWait,
  quietly,
  readFully,
  removeFile,
  syncDirectory,
} from '../../engine/files.ts';
import { asStrongroomError, StrongroomError } from '../../errors.ts';
import { platform } from '../../platform.ts';
import { hashBytes } from './merkle.ts';
import { maxNoteBytes } from './note.ts';
import {
  decodeBundle,
  maxBundleBytes,
  type TileLevel,
  tilePath,
  tilePathOf,
  tileWidth,
} from './tiles.ts';

export const checkpointPath = (directory: string): string => join(directory, 'checkpoint');

/** A pipe in a copy of a log would be waited for without end. */
const reading = constants.O_RDONLY | noWait;

/** A link in a copy of a log would lead a writer to what is not the log's. */
const writing = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | noFollow | noWait;

/** All bytes of a file; `undefined` if there is none. */
function readOptional(path: string, maxBytes: number): Uint8Array | undefined {
  try {
    const fd = openSync(path, reading);
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile()) throw damaged(path, 'it is not a regular file');
      const { size } = stat;
      if (size > maxBytes) throw damaged(path, `longer than ${maxBytes} bytes`);
      const bytes = new Uint8Array(size);
      return bytes.subarray(0, readFully(fd, bytes, 0));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw asStrongroomError(error, path);
  }
}

/** The bytes of a note; `undefined` if there is none. */
export const readNote = (path: string): Uint8Array | undefined => readOptional(path, maxNoteBytes);

/** A tile or bundle, or the full one that took a partial one's place since. */
function readEither(directory: string, level: TileLevel, index: number, width: number) {
  const maxBytes = level === 'entries' ? maxBundleBytes : tileWidth * hashBytes;
  const path = join(directory, tilePathOf(level, index, width));
  const bytes = readOptional(path, maxBytes);
  if (bytes !== undefined) return { path, bytes, isLonger: false };
  const fullPath = join(directory, tilePath(level, index));
  const full = width === tileWidth ? undefined : readOptional(fullPath, maxBytes);
  if (full !== undefined) return { path: fullPath, bytes: full, isLonger: true };
  throw damaged(path, 'it is missing');
}

/**
 * `width` hashes of a tile.
 * @throws StrongroomError LEDGER_INVALID if it is missing or of another length.
 */
export function readTile(directory: string, level: number, index: number, width: number) {
  const { path, bytes, isLonger } = readEither(directory, level, index, width);
  if (bytes.length !== (isLonger ? tileWidth : width) * hashBytes) {
    throw damaged(path, `has ${bytes.length} bytes, and not one hash of ${hashBytes} for each`);
  }
  return bytes.subarray(0, width * hashBytes);
}

/**
 * The first `count` entries of a bundle.
 * @throws StrongroomError LEDGER_INVALID if it is missing or has not that many.
 */
export function readBundle(directory: string, index: number, count: number): Uint8Array[] {
  const { path, bytes, isLonger } = readEither(directory, 'entries', index, count);
  const entries = decodeBundle(bytes, count, isLonger);
  if (entries === undefined) throw damaged(path, `it does not hold ${count} entries`);
  return entries;
}

export const damaged = (path: string, why: string): StrongroomError =>
  new StrongroomError('LEDGER_INVALID', `${path}: ${why}`, { file: path });

/** A file of a log, its path relative to the log. */
export interface LogFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * Writes files that no checkpoint counts on yet, and makes them and their names durable, all at
 * once: what is waited for is the disk.
 */
export async function writeFiles(directory: string, files: readonly LogFile[]): Promise<void> {
  const directories = new Set<string>();
  const paths = files.map(({ path }) => resolve(directory, path));
  for (const path of paths) {
    const parent = dirname(path);
    if (directories.has(parent)) continue;
    const made = mkdirSync(parent, { recursive: true });
    directories.add(parent);
    // The first directory that was not there has a name of its own to keep
    for (let at = parent; made !== undefined && at !== dirname(made); at = dirname(at)) {
      directories.add(dirname(at));
    }
  }
  const opened = await Promise.allSettled(paths.map((path) => open(path, writing, 0o644)));
  // Also those beside one that could not be opened are to be closed
  const handles = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  try {
    const refused = opened.find((each) => each.status === 'rejected');
    if (refused !== undefined) throw refused.reason;
    await settled(handles.map((handle, i) => handle.writeFile((files[i] as LogFile).bytes)));
    await settled([
      ...handles.map((handle) => handle.sync()),
      ...[...directories].map(syncDurably),
    ]);
  } finally {
    await settled(handles.map((handle) => handle.close()));
  }
}

/** What all came to, once none of them is under way any more; fails as the first that failed. */
async function settled<T>(work: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, writing, 0o644);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncDurably(directory: string): Promise<void> {
  if (!platform.syncsDirectories) return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A file that is durable under another name, and waits to take its place. */
export interface Replacement {
  /** Replaces the file in one step: it has the old bytes or the new ones. */
  rename(): void;
  /** The same, durably. */
  commit(): void;
  discard(): void;
}

/**
 * Writes what is to replace a file. The caller has the lock, so that one name serves for the
 * file to be: what a crash leaves of it is written over.
 */
export async function stageFile(path: string, bytes: Uint8Array): Promise<Replacement> {
  const temporary = join(dirname(path), `.${basename(path)}.partial`);
  let isStaged = true;
  const discard = () => {
    // Once it has its name, one of that name is another writer's
    if (isStaged) quietly(() => removeFile(temporary));
  };
  try {
    await writeDurably(temporary, bytes);
  } catch (error) {
    discard();
    throw error;
  }
  const rename = () => {
    renameSync(temporary, path);
    isStaged = false;
  };
  return {
    rename,
    commit() {
      rename();
      syncDirectory(dirname(path));
    },
    discard,
  };
}

/**
 * Replaces a file in one step, durably, whatever happens.
 * @param assertAllowed the last thing before the step.
 */
export async function replaceFile(
  path: string,
  bytes: Uint8Array,
  assertAllowed: () => void = () => {},
): Promise<void> {
  const staged = await stageFile(path, bytes);
  try {
    assertAllowed();
    staged.commit();
  } finally {
    staged.discard();
  }
}
