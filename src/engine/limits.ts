/** How many threads fit into the files that the process may have open. */
import { readFileSync } from 'node:fs';
import { filesKept } from './files.ts';

/** Of a thread: its event loop, the archive, the files it keeps, and what it opens in passing. */
const perThread = 4 + 1 + filesKept + 3;
/** Of the rest of the process. */
const besides = 32;

/**
 * At most `asked` threads, and fewer where so many would run out of descriptors.
 * @param limit files that the process may have open.
 */
export const threadsWithin = (asked: number, limit: number = openFilesLimit()): number =>
  Math.max(1, Math.min(asked, Math.floor((limit - besides) / perThread)));

/** The limit of this process; none is known but on Linux, and elsewhere few are as low. */
function openFilesLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const soft = /^Max open files +(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
