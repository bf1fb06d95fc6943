import type { OpenReport } from '../index.ts';
import { tell, warn } from './messages.ts';

/** Says where plaintext went: that it is in memory, or a warning that a disk keeps it. */
export function tellStorage({ output, storage }: OpenReport, options: { quiet?: boolean }): void {
  if (storage === 'memory') tell(`${output} is in memory, and no disk holds it`, options);
  if (storage !== 'disk' || options.quiet) return;
  warn(
    `${output}: the plaintext is on a disk, which may keep it after it is removed`,
    'open it below /dev/shm, or use "strongroom run" or "strongroom serve"',
  );
}
