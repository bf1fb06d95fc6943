/** Whole reads and writes on file descriptors, and a small cache of open files. */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { asStrongroomError, StrongroomError } from '../errors.ts';
import { type Platform, platform } from '../platform.ts';

/** Reads into all of `buffer` from `position` on; returns fewer bytes only at the end of the file. */
export function readFully(fd: number, buffer: Uint8Array, position: number): number {
  let filled = 0;
  while (filled < buffer.length) {
    const got = readSync(fd, buffer, filled, buffer.length - filled, position + filled);
    if (got === 0) break;
    filled += got;
  }
  return filled;
}

export function writeFully(fd: number, bytes: Uint8Array, position: number): void {
  let written = 0;
  while (written < bytes.length) {
    written += writeSync(fd, bytes, written, bytes.length - written, position + written);
  }
}

/** Descriptors of standard input and output; in a thread `process.stdin` and `stdout` name none. */
export const standard = { input: 0, output: 1 } as const;

const pause = new Int32Array(new SharedArrayBuffer(4));

/** Repeats a call on a pipe that was left in non-blocking mode by whoever made it. */
function whenReady<T>(call: () => T): T {
  for (;;) {
    try {
      return call();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(pause, 0, 0, 1);
    }
  }
}

/** Reads into all of `buffer` from a pipe; returns fewer bytes only at its end. */
export function readPipe(fd: number, buffer: Uint8Array): number {
  let filled = 0;
  while (filled < buffer.length) {
    const got = whenReady(() => readEof(fd, buffer, filled));
    if (got === 0) break;
    filled += got;
  }
  return filled;
}

function readEof(fd: number, buffer: Uint8Array, at: number): number {
  try {
    return readSync(fd, buffer, at, buffer.length - at, null);
  } catch (error) {
    // Windows reports the end of a pipe as an error.
    if ((error as NodeJS.ErrnoException).code === 'EOF') return 0;
    throw error;
  }
}

export function writePipe(fd: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) {
    const at = written;
    written += whenReady(() => writeSync(fd, bytes, at, bytes.length - at, null));
  }
}

/** What tells one state of a file from another. */
export interface Fingerprint {
  readonly size: number;
  /** Modification time, nanoseconds since 1970. */
  readonly mtimeNs: bigint;
  /** Of any change, which nobody can set back: nanoseconds since 1970. */
  readonly ctimeNs: bigint;
  readonly inode: bigint;
}

export function descriptorFingerprint(fd: number): Fingerprint {
  return fingerprintFrom(fstatSync(fd, { bigint: true }));
}

export const fingerprintFrom = (stat: BigIntStats): Fingerprint => ({
  size: Number(stat.size),
  mtimeNs: stat.mtimeNs,
  ctimeNs: stat.ctimeNs,
  inode: stat.ino,
});

export const sameFingerprint = (a: Fingerprint, b: Fingerprint): boolean =>
  a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.inode === b.inode;

export const sourceChanged = (file: string): StrongroomError =>
  new StrongroomError('SOURCE_CHANGED', `${file}: changed while it was read`, { file });

/** Of open(2): follow no link, and wait for nobody at a FIFO. Windows has neither. */
export const { O_NOFOLLOW: noFollow = 0, O_NONBLOCK: noWait = 0 } = constants;

/**
 * Opens to read, without waiting for a writer where `path` is a FIFO: whether it is what it
 * should be is for the caller to see.
 */
export function openToRead(path: string, flags = 0): number {
  try {
    return openSync(path, constants.O_RDONLY | noWait | flags);
  } catch (error) {
    throw asStrongroomError(error, path);
  }
}

/**
 * Opens what was made before, to write on: never what a link leads to, which somebody else who can
 * write to the directory may have put in its place.
 */
export const openMade = (path: string): number => openSync(path, constants.O_RDWR | noFollow);

/** Whether `path` exists, as anything; a dangling link exists. */
export function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Removes a file that may not be there; unlike `rmSync`, it fails with the system's error. */
export function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Cleans up as far as it can: what went wrong before is the one to tell. */
export function quietly(cleanUp: () => void): void {
  try {
    cleanUp();
  } catch {
    // What stays has a name that tells what it is
  }
}

/**
 * Descriptors that one thread keeps: threads go through files in order, and come back only to
 * one that reaches into a later segment.
 */
export const filesKept = 4;

/** Open descriptors by key, the least recently used closed first. */
export class FileCache {
  readonly #open: (key: number) => number;
  readonly #beforeClose: (fd: number) => void;
  readonly #capacity: number;
  readonly #fds = new Map<number, number>();

  constructor(
    open: (key: number) => number,
    beforeClose = (_fd: number): void => {},
    capacity = filesKept,
  ) {
    this.#open = open;
    this.#beforeClose = beforeClose;
    this.#capacity = capacity;
  }

  get(key: number): number {
    let fd = this.#fds.get(key);
    if (fd !== undefined) {
      this.#fds.delete(key);
    } else {
      if (this.#fds.size >= this.#capacity) this.#evict();
      fd = this.#open(key);
    }
    this.#fds.set(key, fd);
    return fd;
  }

  #evict(): void {
    for (const [key, fd] of this.#fds) {
      this.#fds.delete(key);
      this.#close(fd);
      return;
    }
  }

  #close(fd: number): void {
    try {
      this.#beforeClose(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** Does with all that are open what is done before they are closed. */
  flush(): void {
    for (const fd of this.#fds.values()) this.#beforeClose(fd);
  }

  /** Closes all, in full even if one fails; throws the first failure. */
  close(): void {
    const failures: unknown[] = [];
    for (const fd of this.#fds.values()) {
      try {
        this.#close(fd);
      } catch (error) {
        failures.push(error);
      }
    }
    this.#fds.clear();
    if (failures.length > 0) throw asStrongroomError(failures[0]);
  }
}

/** A directory whose listing can be made durable; none where the system has no way to ask. */
export function openDirectory(
  path: string,
  on: Platform = platform,
): { sync(): void; close(): void } | undefined {
  if (!on.syncsDirectories) return undefined;
  const fd = openSync(path, constants.O_RDONLY);
  return { sync: () => fsyncSync(fd), close: () => closeSync(fd) };
}

/** Makes what a directory lists durable. */
export function syncDirectory(path: string): void {
  const directory = openDirectory(path);
  try {
    directory?.sync();
  } finally {
    directory?.close();
  }
}

/**
 * Uses something and closes it. A failure to close counts only after success: the first
 * thing that went wrong is the one to tell.
 */
export async function using<T extends { close(): void }, R>(
  opening: T | Promise<T>,
  use: (resource: T) => R | Promise<R>,
): Promise<R> {
  const resource = await opening;
  let result: R;
  try {
    result = await use(resource);
  } catch (error) {
    try {
      resource.close();
    } catch {
      // told already by the first failure
    }
    throw error;
  }
  resource.close();
  return result;
}
