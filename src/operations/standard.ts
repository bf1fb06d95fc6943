/**
 * Standard input and output on the main thread, which must stay free to hear signals: a call
 * that blocks it would make Ctrl-C wait for whoever is at the other end of the pipe.
 */
import { read, write } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { orAborted } from '../engine/abort.ts';
import { standard } from '../engine/files.ts';
import { asStrongroomError } from '../errors.ts';

const readOnce = promisify(read);
const writeOnce = promisify(write);

/**
 * Reads into all of `buffer`; returns fewer bytes only at the end.
 * @throws StrongroomError `INTERRUPTED` on an abort; the read that it left still takes bytes.
 */
export async function readInput(buffer: Uint8Array, signal?: AbortSignal): Promise<number> {
  let filled = 0;
  while (filled < buffer.length) {
    const got = await orAborted(readSome(buffer.subarray(filled)), signal);
    if (got === 0) break;
    filled += got;
  }
  return filled;
}

/**
 * Writes all of `bytes`.
 * @throws StrongroomError `INTERRUPTED` on an abort; the write that it left may still be done.
 */
export async function writeOutput(bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += await orAborted(writeSome(bytes.subarray(at)), signal);
  }
}

async function readSome(into: Uint8Array): Promise<number> {
  try {
    return await whenReady(
      async () => (await readOnce(standard.input, into, 0, into.length, null)).bytesRead,
    );
  } catch (error) {
    // How Windows reports the end of a pipe
    if ((error as NodeJS.ErrnoException).code === 'EOF') return 0;
    throw asStrongroomError(error, 'standard input');
  }
}

async function writeSome(bytes: Uint8Array): Promise<number> {
  try {
    return await whenReady(
      async () => (await writeOnce(standard.output, bytes, 0, bytes.length, null)).bytesWritten,
    );
  } catch (error) {
    throw asStrongroomError(error, 'standard output');
  }
}

/** Repeats a call on a pipe that was left in non-blocking mode by whoever made it. */
async function whenReady<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      await sleep(1);
    }
  }
}
