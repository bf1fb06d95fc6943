/**
 * Warms the memory that an output on tmpfs will take. A virtual machine gives free pages back
 * to its host within seconds and then pays for each of them anew, several times what a copy
 * costs: that is not what is compared. So as much is written and freed just before a run, and
 * nothing goes on beside the run itself.
 */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const block = new Uint8Array(2 ** 20);
/** Besides the output: for the process that writes it. */
const spareBytes = 256 * 2 ** 20;

/** Makes `bytes` of warm memory the next that a writer to the tmpfs of `directory` takes. */
export function warm(directory: string, bytes: number): void {
  const path = join(directory, 'filler');
  const fd = openSync(path, 'wx');
  try {
    for (let at = 0; at < bytes + spareBytes; at += block.length) writeSync(fd, block);
  } finally {
    closeSync(fd);
    rmSync(path);
  }
}
