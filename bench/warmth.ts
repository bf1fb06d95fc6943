/**
 * Warm memory for outputs on tmpfs. A virtual machine gives free pages back to its host within
 * seconds and then pays for each of them anew, several times what a copy costs: that is not
 * what is compared. Only whole huge pages are given back, so memory that is free but holed
 * stays: one page of each mebibyte is kept, and what lies between is free for whoever writes.
 * The kernel hands out such remnants before anything larger.
 */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { freeBytes, onDismissal } from './room.ts';

const pageBytes = 4096;
const between = new Uint8Array(2 ** 20 - pageBytes);
const pin = new Uint8Array(pageBytes);
/** Left alone: for processes, and for the kernel. */
const spareBytes = 2 ** 30;

/**
 * Keeps `bytes` of free memory warm for writers to the tmpfs of `directory`, or as much as
 * there is to keep, until the returned function is called.
 */
export function keepWarm(directory: string, bytes: number): () => void {
  const total = Math.min(bytes, freeBytes(directory) - spareBytes);
  const filler = join(directory, 'filler');
  const pins = join(directory, 'pins');
  const letGo = onDismissal(() => rmSync(pins, { force: true }));
  const fds = [openSync(filler, 'wx'), openSync(pins, 'wx')] as const;
  try {
    for (let at = 0; at < total; at += between.length + pin.length) {
      writeSync(fds[0], between);
      writeSync(fds[1], pin);
    }
  } finally {
    for (const fd of fds) closeSync(fd);
    rmSync(filler);
  }
  return letGo;
}
