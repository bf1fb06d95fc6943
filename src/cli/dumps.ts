/** Core dumps: none of this process's memory, nor of what it starts. Linux alone lets it say so. */
import { writeFileSync } from 'node:fs';
import { platform } from '../platform.ts';

/** Bits of what goes into a dump: core(5), "Controlling which mappings are written". */
const filter = '/proc/self/coredump_filter';

export function keepMemoryOutOfDumps(): void {
  if (!platform.filtersDumps) return;
  try {
    writeFileSync(filter, '0');
  } catch {
    // A sandbox without it: then it is for whoever made that to limit dumps
  }
}
