/** One writer of key rings at a time, so that two grants at once cannot make two of one epoch. */
import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Lock, type LockOptions, takeLock } from '../../engine/lock.ts';
import { asStrongroomError } from '../../errors.ts';

/**
 * Takes the lock of the archive at `path`, waiting for its holder.
 * @throws StrongroomError RING_BUSY, PERMISSION_DENIED.
 */
export async function lockArchive(path: string, options?: LockOptions): Promise<Lock> {
  const real = realOf(path);
  const file = join(dirname(real), `.${basename(real)}.lock`);
  return takeLock({ path, file, busy: 'RING_BUSY', work: 'changing its key ring' }, options);
}

const realOf = (path: string): string => {
  try {
    return realpathSync(path);
  } catch (error) {
    throw asStrongroomError(error, path);
  }
};
