/** Extraction: files and directories from a verified manifest, staged until all of it holds. */
import {
  chmodSync,
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  type Stats,
  utimesSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { directoryMode, type Entry, extractedMode, type FileEntry } from '../archive/entry.ts';
import type { Extent } from '../archive/jobs/sinks.ts';
import { parents } from '../archive/select.ts';
import { syncDirectory } from '../engine/files.ts';
import { isOwn } from '../engine/journal.ts';
import { sharedNumbers } from '../engine/shared.ts';
import { StrongroomError } from '../errors.ts';
import { printable } from '../text.ts';

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

/**
 * Leaves below `root` nothing but directories and files that these entries have, each of them the
 * user's own and under no other name as well. What the files hold is not looked at.
 * @throws StrongroomError JOURNAL_INVALID for a name that cannot be one of theirs.
 */
export function sweepTree(root: string, entries: readonly Entry[]): void {
  visitTree(root, entries, {
    file: (stat, { size }) =>
      stat.isFile() && isOwn(stat) && stat.nlink === 1 && size > 0 && stat.size <= size,
    directory: isOwn,
    strange: (at) => rmSync(at, { recursive: true }),
  });
}

/**
 * Holds what others put below `root` to be just the files and directories of these entries, none
 * of them a link or one that has a second name. What the files hold is not looked at.
 * @throws StrongroomError STAGE_INVALID for what is too much; PLAN_INCOMPLETE for what is missing.
 */
export function assertTree(root: string, entries: readonly Entry[]): void {
  const missing = new Set(entries.map(({ path }) => path));
  visitTree(root, entries, {
    file: (stat, { path, size }) =>
      stat.isFile() && stat.nlink === 1 && stat.size === size && missing.delete(path),
    directory: (_, path) => missing.delete(path) || true,
    strange(at) {
      const message = `${at}: is not what was sealed`;
      throw new StrongroomError('STAGE_INVALID', message, { file: at });
    },
  });
  for (const path of missing) {
    const at = join(root, path);
    throw new StrongroomError('PLAN_INCOMPLETE', `${at}: is not there`, { file: at });
  }
}

interface Visitor {
  file(stat: Stats, entry: FileEntry): boolean;
  directory(stat: Stats, path: string): boolean;
  /** Told of what is no entry, or is refused as one. */
  strange(at: string): void;
}

/** Goes through all below `root`, and gives what is taken for an entry its mode. */
function visitTree(root: string, entries: readonly Entry[], visitor: Visitor): void {
  const files = new Map<string, FileEntry>();
  const directories = new Set<string>();
  for (const entry of entries) {
    if (entry.type === 'file') files.set(entry.path, entry);
    else directories.add(entry.path);
    for (const parent of parents(entry.path)) directories.add(parent);
  }
  const visit = (directory: string, prefix: string) => {
    for (const name of readdirSync(directory, { encoding: 'buffer' })) {
      const [path, at] = [`${prefix}${name}`, join(directory, `${name}`)];
      if (!Buffer.from(`${name}`).equals(name)) throw strange(at);
      const stat = lstatSync(at);
      const entry = files.get(path);
      const isDirectory = directories.has(path) && stat.isDirectory();
      if (isDirectory && visitor.directory(stat, path)) {
        chmodSync(at, directoryMode & ~process.umask());
        visit(at, `${path}/`);
      } else if (entry !== undefined && visitor.file(stat, entry)) {
        chmodSync(at, extractedMode(entry) & ~process.umask());
      } else {
        visitor.strange(at);
      }
    }
  };
  visit(root, '');
}

const strange = (path: string) =>
  new StrongroomError('JOURNAL_INVALID', `${printable(path)}: is not what was written`, {
    file: path,
    hint: 'remove it, and whatever else is strange there',
  });

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
