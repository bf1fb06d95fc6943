/** What an abort does to work that is waited for. */
import { StrongroomError } from '../errors.ts';

export const interrupted = (): StrongroomError => new StrongroomError('INTERRUPTED', 'interrupted');

/**
 * What `work` comes to, unless the signal is aborted first. The work itself is left to end on
 * its own, which for a pipe may be never.
 * @throws StrongroomError INTERRUPTED.
 */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(interrupted());
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
