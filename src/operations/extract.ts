/** Extraction: files and directories from a verified manifest, staged until all of it holds. */
import { chmodSync, closeSync, mkdirSync, openSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { directoryMode, type Entry, extractedMode, type FileEntry } from '../archive/entry.ts';
import type { Extent } from '../archive/jobs/sinks.ts';
import { parents } from '../archive/select.ts';
import { syncDirectory } from '../engine/files.ts';
import { sharedNumbers } from '../engine/shared.ts';

/** Makes all directories and empty files below `root`; the rest are extents to be filled. */
export function prepareTree(root: string, entries: readonly Entry[]): Extent[] {
  const made = new Set<string>();
  const ensure = (path: string) => {
    if (made.has(path)) return;
    mkdirSync(join(root, path), { recursive: true, mode: directoryMode });
    made.add(path);
    for (const parent of parents(path)) made.add(parent);
  };
  for (const entry of entries) {
    if (entry.type === 'directory') {
      ensure(entry.path);
      continue;
    }
    const parent = dirname(entry.path);
    if (parent !== '.') ensure(parent);
    if (entry.size > 0) continue;
    closeSync(openSync(join(root, entry.path), 'wx', extractedMode(entry)));
  }
  return placeExtents(root, entries);
}

/** Where the bytes of files belong; of those that have any. */
export const placeExtents = (root: string, entries: readonly Entry[]): Extent[] =>
  entries
    .filter((entry): entry is FileEntry => entry.type === 'file' && entry.size > 0)
    .map((entry) => ({
      path: join(root, entry.path),
      mode: extractedMode(entry),
      offset: entry.offset,
      size: entry.size,
    }));

/** The segments that hold any of these extents, in order. */
export function wantedSegments(extents: readonly Extent[], segmentBytes: number) {
  const wanted: number[] = [];
  for (const { offset, size } of extents) {
    const last = Math.floor((offset + size - 1) / segmentBytes);
    let next = Math.max(Math.floor(offset / segmentBytes), (wanted.at(-1) ?? -1) + 1);
    for (; next <= last; next++) wanted.push(next);
  }
  return sharedNumbers(wanted);
}

/** Sets times, and makes every directory durable, children before parents. */
export function finishTree(root: string, entries: readonly Entry[]): void {
  const directories = new Set<string>();
  for (const entry of entries) {
    for (const parent of parents(entry.path)) directories.add(parent);
    if (entry.type === 'directory') directories.add(entry.path);
    else utimesSync(join(root, entry.path), entry.mtime, entry.mtime);
  }
  const times = new Map(entries.map(({ path, mtime }) => [path, mtime]));
  for (const path of [...directories].sort().reverse()) {
    const mtime = times.get(path);
    if (mtime !== undefined) utimesSync(join(root, path), mtime, mtime);
    syncDirectory(join(root, path));
  }
  chmodSync(root, directoryMode & ~process.umask());
}
