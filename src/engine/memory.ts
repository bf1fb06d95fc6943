/** Whether a file system keeps its files in memory, and how much room there is. */
import { statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Platform, platform } from '../platform.ts';
import { exists } from './files.ts';

export type Storage = 'memory' | 'disk';

/** File systems of Linux without a disk, by `f_type` of statfs(2): tmpfs, ramfs. */
const memoryTypes = new Set([0x01021994, 0x858458f6]);

/** Where what is written to `path`, which may not exist yet, is kept; `undefined`: not known. */
export function storageOf(path: string, on: Platform = platform): Storage | undefined {
  if (!on.tellsMemoryFromDisk) return undefined;
  try {
    return memoryTypes.has(statfsSync(existing(path)).type) ? 'memory' : 'disk';
  } catch {
    return undefined;
  }
}

/** Bytes that a file can still take there. */
export function roomAt(path: string): number {
  const { bavail, bsize } = statfsSync(existing(path));
  return bavail * bsize;
}

function existing(path: string): string {
  let at = resolve(path);
  while (!exists(at)) at = dirname(at);
  return at;
}
