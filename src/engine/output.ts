/**
 * Outputs that appear under their final name whole or not at all: written beside it
 * under a name of their own, made durable, then renamed.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { asStrongroomError, StrongroomError } from '../errors.ts';
import { exists, openDirectory, openMade, quietly, removeFile, syncDirectory } from './files.ts';

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
  assertFileFree(path);
  assertParent(path);
  const temporary = join(dirname(resolve(path)), temporaryName(basename(path)));
  try {
    closeSync(openSync(temporary, 'wx', mode));
  } catch (error) {
    throw asStrongroomError(error, path);
  }
  return fileOutput(temporary, path);
}

/** A failure to write by its output's name, which the threads that write do not know. */
export function ofOutput(thrown: unknown, output: string): StrongroomError {
  const error = asStrongroomError(thrown);
  const { code, message, file, hint } = error;
  if (file !== undefined || (code !== 'DISK_FULL' && code !== 'IO')) return error;
  const name = output === '-' ? 'standard output' : output;
  return new StrongroomError(code, `${name}: ${message}`, {
    file: name,
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** @throws StrongroomError NOT_FOUND if the directory that `path` is to be in is not there. */
export function assertParent(path: string): void {
  const parent = dirname(path);
  if (exists(parent)) return;
  throw new StrongroomError('NOT_FOUND', `${parent}: no such directory`, {
    file: parent,
    hint: 'make it first, or choose another output',
  });
}

/** @throws StrongroomError OUTPUT_EXISTS. */
export function assertFileFree(path: string): void {
  if (exists(path)) throw alreadyThere(path);
}

/** A file to be that is there under another name. */
export function fileOutput(temporary: string, path: string): Output {
  const directory = dirname(resolve(path));
  let pending = true;
  return {
    path: temporary,
    commit() {
      syncFile(temporary, path);
      // Opened before, since a directory that cannot be made durable must fail before the name.
      const synced = openDirectory(directory);
      try {
        publish(temporary, path);
        withdrawUnless(
          () => {
            removeFile(temporary);
            synced?.sync();
          },
          () => removeFile(path),
        );
        pending = false;
      } catch (error) {
        throw asStrongroomError(error, path);
      } finally {
        synced?.close();
      }
    },
    discard() {
      if (pending) quietly(() => removeFile(temporary));
      pending = false;
    },
  };
}

function syncFile(temporary: string, path: string): void {
  try {
    const fd = openMade(temporary);
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw asStrongroomError(error, path);
  }
}

/** What has its name and is not there for good is taken back: the failure is told as one. */
function withdrawUnless(settle: () => void, withdraw: () => void): void {
  try {
    settle();
  } catch (error) {
    quietly(withdraw);
    throw error;
  }
}

/** Gives a file its name without ever replacing another one; it may keep the temporary one too. */
function publish(temporary: string, path: string): void {
  try {
    linkSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw alreadyThere(path);
    publishWithoutLinks(temporary, path);
  }
}

/**
 * Some file systems have no links, and a rename replaces what has the name. So an empty file
 * takes it first, which fails if there is another: what is replaced is ours.
 */
function publishWithoutLinks(temporary: string, path: string): void {
  try {
    closeSync(openSync(path, 'wx'));
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? alreadyThere(path) : error;
  }
  try {
    renameSync(temporary, path);
  } catch (error) {
    quietly(() => removeFile(path));
    throw error;
  }
}

/**
 * A directory to be. An empty one that exists already is replaced by a rename; one that cannot
 * be, such as a mount point, is refused, since it could only be filled piece by piece.
 * @throws StrongroomError OUTPUT_EXISTS, NOT_FOUND, PERMISSION_DENIED.
 */
export function createDirectory(path: string): Output {
  return stageDirectory(path, temporaryName(basename(resolve(path))), (stage) =>
    mkdirSync(stage, { mode: 0o700 }),
  );
}

/**
 * The same with a stage of a name that others know too, who fill it.
 * @param name of the stage, in the same directory.
 */
export function createSharedDirectory(path: string, name: string): Output {
  return stageDirectory(path, name, (stage) => mkdirSync(stage, { mode: 0o700 }));
}

/**
 * The same with such a stage that is there and filled.
 * @throws StrongroomError NOT_FOUND without it.
 */
export function adoptDirectory(path: string, name: string): Output {
  return stageDirectory(path, name, (stage) => {
    lstatSync(stage);
  });
}

function stageDirectory(path: string, name: string, prepare: (stage: string) => void): Output {
  const target = resolve(path);
  const parent = dirname(target);
  try {
    assertDirectoryFree(path);
    assertParent(target);
    const stage = join(parent, name);
    prepare(stage);
    return directoryOutput(stage, target, path);
  } catch (error) {
    throw asStrongroomError(error, path);
  }
}

/** @throws StrongroomError OUTPUT_EXISTS. */
export function assertDirectoryFree(path: string): void {
  const target = resolve(path);
  const why = obstacle(target, dirname(target));
  if (why !== undefined) throw taken(path, why);
}

/** Why a directory cannot get the name `target`; `undefined` if it can. */
function obstacle(target: string, parent: string): keyof typeof obstacles | undefined {
  const found = lstatSync(target, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  if (found.isSymbolicLink()) return 'link';
  if (!found.isDirectory() || readdirSync(target).length > 0) return 'taken';
  return found.dev === statSync(parent).dev ? undefined : 'mounted';
}

const obstacles = {
  taken: ['exists already and is not an empty directory'],
  link: ['a symbolic link', 'name the directory itself, or a new one'],
  mounted: ['a mount point, which cannot appear whole', 'name a new directory in it'],
} as const;

function taken(path: string, why: keyof typeof obstacles): StrongroomError {
  const [what, hint] = obstacles[why];
  return new StrongroomError('OUTPUT_EXISTS', `${path}: ${what}`, {
    file: path,
    ...(hint === undefined ? {} : { hint }),
  });
}

function directoryOutput(temporary: string, target: string, path: string): Output {
  const parent = dirname(target);
  let pending = true;
  return {
    path: temporary,
    commit() {
      let synced: ReturnType<typeof openDirectory>;
      try {
        syncDirectory(temporary);
        // Opened before, since a directory that cannot be made durable must fail before the name.
        synced = openDirectory(parent);
        rename(temporary, target, path);
        withdrawUnless(
          () => synced?.sync(),
          () => renameSync(target, temporary),
        );
        pending = false;
      } catch (error) {
        throw asStrongroomError(error, path);
      } finally {
        synced?.close();
      }
    },
    discard() {
      if (pending) quietly(() => removeStage(temporary, parent));
      pending = false;
    },
  };
}

/** Gives a directory its name; something that took it meanwhile stays. */
function rename(temporary: string, target: string, path: string): void {
  try {
    renameSync(temporary, target);
  } catch (error) {
    // Systems tell in several ways that something is there.
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'EBUSY' ? 'mounted' : obstacle(target, dirname(target));
    throw why === undefined ? error : taken(path, why);
  }
}

/**
 * Removes a stage under another name: a thread that could not be stopped and still makes files
 * by their paths finds no directory for them.
 */
function removeStage(temporary: string, parent: string): void {
  const away = join(parent, temporaryName('removed'));
  let moved = true;
  try {
    renameSync(temporary, away);
  } catch {
    moved = false;
  }
  rmSync(moved ? away : temporary, { recursive: true, force: true });
}
