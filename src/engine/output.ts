/**
 * Outputs that appear under their final name whole or not at all: written beside it
 * under a name of their own, made durable, then renamed.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { asStrongroomError, StrongroomError } from '../errors.ts';
import { exists, openDirectory, syncDirectory } from './files.ts';

export interface Output {
  /** Where to write. */
  readonly path: string;
  /** Makes it durable and gives it its final name. */
  commit(): void;
  /** Removes what was written. Does nothing after `commit`. */
  discard(): void;
}

const temporaryName = (name: string): string =>
  `.${name.slice(0, 60)}.${randomBytes(6).toString('hex')}.partial`;

const alreadyThere = (path: string): StrongroomError =>
  new StrongroomError('OUTPUT_EXISTS', `${path}: exists already`, { file: path });

/**
 * A file to be.
 * @param mode permission bits, before the umask.
 * @throws StrongroomError OUTPUT_EXISTS, NOT_FOUND, PERMISSION_DENIED.
 */
export function createFile(path: string, mode = 0o666): Output {
  if (exists(path)) throw alreadyThere(path);
  const directory = dirname(resolve(path));
  const temporary = join(directory, temporaryName(basename(path)));
  try {
    closeSync(openSync(temporary, 'wx', mode));
  } catch (error) {
    throw asStrongroomError(error, path);
  }
  let pending = true;
  return {
    path: temporary,
    commit() {
      const fd = openSync(temporary, 'r+');
      try {
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      // Opened before, since a directory that cannot be made durable must fail before the name.
      const synced = openDirectory(directory);
      try {
        publish(temporary, path);
        pending = false;
        synced?.sync();
      } finally {
        synced?.close();
      }
    },
    discard() {
      if (pending) rmSync(temporary, { force: true });
      pending = false;
    },
  };
}

/** Gives a file its name without ever replacing another one. */
function publish(temporary: string, path: string): void {
  try {
    linkSync(temporary, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw alreadyThere(path);
    // Some file systems have no links; there the check and the rename are two steps.
    if (exists(path)) throw alreadyThere(path);
    renameSync(temporary, path);
    return;
  }
  unlinkSync(temporary);
}

/**
 * A directory to be. An empty one that exists already is filled: replaced by a rename,
 * or, where it is a mount point, given its entries one by one at the end.
 * @throws StrongroomError OUTPUT_EXISTS, NOT_FOUND, PERMISSION_DENIED.
 */
export function createDirectory(path: string): Output {
  const target = resolve(path);
  const parent = dirname(target);
  try {
    if (isTaken(target)) throw taken(path);
    const mounted = exists(target) && statSync(target).dev !== statSync(parent).dev;
    const temporary = join(mounted ? target : parent, temporaryName(basename(target)));
    mkdirSync(temporary, { mode: 0o700 });
    return directoryOutput(temporary, target, mounted);
  } catch (error) {
    throw asStrongroomError(error, path);
  }
}

/** Whether something is there that is no empty directory. */
function isTaken(target: string): boolean {
  if (!exists(target)) return false;
  const isEmpty =
    existsSync(target) && statSync(target).isDirectory() && readdirSync(target).length === 0;
  return !isEmpty;
}

const taken = (path: string): StrongroomError =>
  new StrongroomError('OUTPUT_EXISTS', `${path}: exists already and is not an empty directory`, {
    file: path,
  });

function directoryOutput(temporary: string, target: string, mounted: boolean): Output {
  let pending = true;
  return {
    path: temporary,
    commit() {
      syncDirectory(temporary);
      if (mounted) {
        for (const name of readdirSync(temporary)) {
          if (exists(join(target, name))) throw alreadyThere(join(target, name));
          renameSync(join(temporary, name), join(target, name));
        }
        rmSync(temporary, { recursive: true });
      } else {
        try {
          renameSync(temporary, target);
        } catch (error) {
          // It appeared since; systems tell that in several ways.
          throw isTaken(target) ? taken(target) : error;
        }
      }
      pending = false;
      syncDirectory(dirname(target));
      syncDirectory(target);
    },
    discard() {
      if (pending) rmSync(temporary, { recursive: true, force: true });
      pending = false;
    },
  };
}
