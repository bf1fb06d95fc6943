/**
 * Standard input on the main thread, which must stay free to hear signals: a read that
 * blocks it would make Ctrl-C wait for whoever writes.
 */
import { read } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { standard } from '../engine/files.ts';
import { StrongroomError } from '../errors.ts';

const readOnce = promisify(read);

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

async function readSome(into: Uint8Array): Promise<number> {
  for (;;) {
    try {
      return (await readOnce(standard.input, into, 0, into.length, null)).bytesRead;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // How Windows reports the end of a pipe
      if (code === 'EOF') return 0;
      // A pipe that was left in non-blocking mode by whoever made it
      if (code !== 'EAGAIN') throw error;
      await sleep(1);
    }
  }
}

async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new StrongroomError('INTERRUPTED', 'interrupted'));
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
