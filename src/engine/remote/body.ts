/** Receiving the body of a response into a buffer, and noticing when nothing comes any more. */
import type { Readable } from 'node:stream';

/** Without a byte for so long, a request is given up and made anew. */
export const usualStallMs = 20_000;
const ticks = 10;

/** How much of a range has come. */
export interface Part {
  readonly into: Uint8Array;
  filled: number;
}

export class StalledError extends Error {
  override readonly name = 'StalledError';
}

/**
 * Calls `onStall` when `progress` was not called for `stallMs`. It counts ticks and not time: a
 * thread that was busy itself, and let nothing come, has waited for one tick only.
 */
export function watchStall(stallMs: number, onStall: (error: StalledError) => void) {
  let idle = 0;
  const timer = setInterval(() => {
    idle++;
    if (idle > ticks) onStall(new StalledError('nothing came any more'));
  }, stallMs / ticks);
  return {
    progress() {
      idle = 0;
    },
    stop: () => clearInterval(timer),
  };
}

/**
 * Fills `part` from `body`, which must hold exactly what is missing.
 * @returns whether it did; nothing is kept of a body that is longer.
 * @throws the error of the stream, and StalledError.
 */
export function receive(body: Readable, part: Part, stallMs: number): Promise<boolean> {
  const before = part.filled;
  return new Promise((resolve, reject) => {
    const watch = watchStall(stallMs, (error) => body.destroy(error));
    const end = (settle: () => void) => {
      watch.stop();
      settle();
    };
    body.on('data', (chunk: Uint8Array) => {
      watch.progress();
      const room = part.into.length - part.filled;
      part.into.set(chunk.length > room ? chunk.subarray(0, room) : chunk, part.filled);
      part.filled += Math.min(chunk.length, room);
      if (chunk.length <= room) return;
      // Which of it was meant nobody can tell
      part.filled = before;
      end(() => resolve(false));
      body.destroy();
    });
    body.on('end', () => end(() => resolve(part.filled === part.into.length)));
    body.on('error', (error) => end(() => reject(error)));
    body.on('close', () => end(() => reject(new Error('closed'))));
  });
}
