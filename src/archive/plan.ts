/** What is to be sealed: every file, directory and byte has its place before the first is read. */
import {
  type BigIntStats,
  closeSync,
  type Dirent,
  lstatSync,
  readdirSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { text } from '../bytes.ts';
import {
  type Fingerprint,
  fingerprintFrom,
  openToRead,
  readFully,
  sameFingerprint,
  sourceChanged,
} from '../engine/files.ts';
import { type FilePiece, noLiterals, type Pieces, shareFiles } from '../engine/pieces.ts';
import { asStrongroomError, isStrongroomError, StrongroomError } from '../errors.ts';
import { printable } from '../text.ts';
import type { Entry } from './entry.ts';
import { blockBytes, decodeHeader } from './tar/header.ts';
import { layTar, type PlannedFile } from './tar/layout.ts';
import { readTarEntries } from './tar/read.ts';

export interface Plan {
  readonly entries: readonly Entry[];
  readonly pieces: Pieces;
  /**
   * Directories, the one to be sealed among them, and files without bytes. No thread opens
   * them, so `assertUnchanged` looks at them again. The paths lead through no links.
   */
  readonly unread: readonly Unread[];
}

interface Unread extends Pick<FilePiece, 'path' | 'fingerprint'> {
  readonly isDirectory: boolean;
}

export interface PlanOptions {
  readonly followSymlinks: boolean;
}

/**
 * Plans a directory, a file, or a tar that is kept byte for byte.
 * @throws StrongroomError NOT_FOUND, SYMLINK, SOURCE_UNSUPPORTED, ENTRY_UNSAFE, TAR_INVALID.
 */
export async function planSource(path: string, options: PlanOptions): Promise<Plan> {
  const stat = statOf(path, true);
  if (stat.isDirectory()) {
    const top = realpathSync(path);
    return planTree(findFiles(path, options), [
      { path: top, fingerprint: fingerprintFrom(stat), isDirectory: true },
    ]);
  }
  if (!stat.isFile()) {
    throw new StrongroomError('SOURCE_UNSUPPORTED', `${path}: neither a file nor a directory`, {
      file: path,
      hint: 'to seal a tar from a pipe, give - as the path',
    });
  }
  const real = realpathSync(path);
  if (looksLikeTar(real)) return planTar(real, fingerprintFrom(stat));
  return planTree([found(real, basename(resolve(path)), stat)], []);
}

export interface Found extends PlannedFile {
  readonly source: string;
  readonly fingerprint: Fingerprint;
}

const found = (source: string, path: string, stat: BigIntStats): Found => ({
  type: stat.isDirectory() ? 'directory' : 'file',
  path,
  size: stat.isDirectory() ? 0 : Number(stat.size),
  mode: Number(stat.mode & 0o777n),
  mtime: Number(stat.mtimeNs / 1_000_000_000n),
  source,
  fingerprint: fingerprintFrom(stat),
});

function statOf(path: string, follow: boolean): BigIntStats {
  try {
    return follow ? statSync(path, { bigint: true }) : lstatSync(path, { bigint: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && isLink(path)) {
      throw new StrongroomError('NOT_FOUND', `${printable(path)}: a symbolic link to nothing`, {
        file: path,
        hint: 'fetch what it should lead to, or remove it',
      });
    }
    throw asStrongroomError(error, path);
  }
}

const isLink = (path: string): boolean =>
  lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;

/**
 * Files and directories that may be there once more because links lead to a directory from
 * several places. A few dozen links can make more paths than there are atoms.
 */
const maxRepeated = 2 ** 17;

/**
 * Everything below a directory, parents before children, in the order of UTF-8 bytes.
 * @throws StrongroomError NOT_FOUND, SYMLINK, SOURCE_UNSUPPORTED, ENTRY_UNSAFE.
 */
export function findFiles(root: string, { followSymlinks }: PlanOptions): Found[] {
  const top = realpathSync(root);
  const all: Found[] = [];
  const visited = new Set<string>();
  let repeated = 0;
  const visit = (directory: string, prefix: string, ancestors: readonly string[]) => {
    const listed = list(directory);
    if (visited.has(directory)) repeated += 1 + listed.length;
    visited.add(directory);
    if (repeated > maxRepeated) {
      throw new StrongroomError('SYMLINK', `${printable(top)}: its links repeat too much`, {
        file: directory,
        hint: `links may repeat up to ${maxRepeated} files and directories: remove some`,
      });
    }
    for (const { name, entry } of listed) {
      const source = join(directory, name);
      const path = prefix + name;
      if (entry.isSymbolicLink() && !followSymlinks) {
        throw new StrongroomError('SYMLINK', `${printable(source)}: a symbolic link`, {
          file: source,
        });
      }
      const stat = statOf(source, followSymlinks);
      const real = followSymlinks ? realpathSync(source) : source;
      if (!stat.isFile() && !stat.isDirectory()) {
        throw new StrongroomError(
          'SOURCE_UNSUPPORTED',
          `${printable(source)}: neither a file nor a directory`,
          { file: source, hint: 'remove it, or seal a directory without it' },
        );
      }
      all.push(found(real, path, stat));
      if (!stat.isDirectory()) continue;
      if (ancestors.includes(real)) {
        const way = join(top, path);
        throw new StrongroomError('SYMLINK', `${printable(way)}: leads to a directory above it`, {
          file: way,
          hint: 'remove the link that it goes through',
        });
      }
      visit(real, `${path}/`, [...ancestors, real]);
    }
  };
  visit(top, '', [top]);
  return all;
}

/** The entries of one directory by name, in the order of UTF-8 bytes. */
function list(directory: string): { name: string; entry: Dirent<Buffer> }[] {
  try {
    return readdirSync(directory, { withFileTypes: true, encoding: 'buffer' })
      .sort((a, b) => Buffer.compare(a.name, b.name))
      .map((entry) => ({ name: nameOf(entry, directory), entry }));
  } catch (error) {
    throw asStrongroomError(error, directory);
  }
}

function nameOf(entry: Dirent<Buffer>, directory: string): string {
  try {
    return text(entry.name);
  } catch {
    const shown = printable(join(directory, entry.name.toString('latin1')));
    throw new StrongroomError('ENTRY_UNSAFE', `${shown}: a name that is not UTF-8`, {
      file: directory,
      hint: 'rename it',
    });
  }
}

/** Lays out a new tar of what was found. */
async function planTree(all: readonly Found[], above: readonly Unread[]): Promise<Plan> {
  const { entries, length, literals } = await layTar(all);
  const files: FilePiece[] = [];
  const unread = [...above];
  for (const [i, entry] of entries.entries()) {
    const { source: path, fingerprint } = all[i] as Found;
    const isRead = entry.type === 'file' && entry.size > 0;
    if (isRead) files.push({ path, at: entry.offset, fingerprint });
    else unread.push({ path, fingerprint, isDirectory: entry.type === 'directory' });
  }
  return { entries, pieces: { length, literals, files: shareFiles(files) }, unread };
}

/**
 * What no thread has opened is as it was planned: files without bytes, and directories, in
 * which nothing came, went or changed its name.
 * @throws StrongroomError SOURCE_CHANGED.
 */
export function assertUnchanged({ unread }: Plan): void {
  for (const { path, fingerprint: planned } of unread) {
    const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined || !sameFingerprint(fingerprintFrom(stat), planned)) {
      throw sourceChanged(path);
    }
  }
}

function looksLikeTar(path: string): boolean {
  const block = new Uint8Array(blockBytes);
  const fd = openToRead(path);
  try {
    if (readFully(fd, block, 0) < blockBytes) return false;
    decodeHeader(block, 0);
    return true;
  } catch (error) {
    if (isStrongroomError(error)) return false;
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** Keeps a tar as it is: the stream is that one file. */
function planTar(path: string, fingerprint: Fingerprint): Plan {
  const fd = openToRead(path);
  const length = fingerprint.size;
  try {
    const entries = readTarEntries((offset, bytes) => {
      const part = new Uint8Array(bytes);
      return part.subarray(0, readFully(fd, part, offset));
    }, length);
    return {
      entries,
      pieces: { length, literals: noLiterals, files: shareFiles([{ path, at: 0, fingerprint }]) },
      unread: [],
    };
  } finally {
    closeSync(fd);
  }
}
