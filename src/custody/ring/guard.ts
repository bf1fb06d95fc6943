/** Writing an archive for as long as one holds its lock. */
import type { SlotFile } from '../../archive/ringwriter.ts';
import type { Lock } from '../../engine/lock.ts';

/**
 * Looks at the lock before each write: a process that was stopped for longer than a lock lasts,
 * on a laptop that slept, must not write over what another has written since.
 */
export const guarded = ({ write, flush }: SlotFile, lock: Lock): SlotFile => ({
  write(bytes, offset) {
    lock.assertHeld();
    write(bytes, offset);
  },
  flush,
});
