/**
 * A private directory in memory for plaintext that must not outlive a program: made for its
 * owner alone, and removed when that is done. What a process that was killed has left, the next
 * one sweeps away.
 */
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { roomAt, storageOf } from '../engine/memory.ts';
import { StrongroomError } from '../errors.ts';

export interface PrivateDirectory {
  readonly path: string;
  /** Removes it and all that is in it; also called when the process exits. */
  remove(): void;
}

const prefix = 'strongroom-run-';

/**
 * Makes a directory with mode 0700 in `parent`, or in a file system in memory: that of
 * `XDG_RUNTIME_DIR`, or `/dev/shm`, whichever has room first.
 * @param neededBytes what it is to hold.
 * @throws StrongroomError NO_MEMORY_TARGET if there is none; DISK_FULL if it has no room.
 */
export function createPrivateDirectory(neededBytes: number, parent?: string): PrivateDirectory {
  const chosen = parent ?? chooseParent(neededBytes);
  if (roomAt(chosen) < neededBytes) {
    const message = `${chosen}: no room for ${neededBytes} bytes of plaintext`;
    throw new StrongroomError('DISK_FULL', message, { file: chosen });
  }
  sweep(chosen);
  const path = join(
    chosen,
    `${prefix}${identityOf(process.pid)}-${randomBytes(6).toString('hex')}`,
  );
  mkdirSync(path, { mode: 0o700 });
  const remove = () => {
    process.off('exit', remove);
    rmSync(path, { recursive: true, force: true });
  };
  process.on('exit', remove);
  return { path, remove };
}

function chooseParent(neededBytes: number): string {
  const candidates = [process.env.XDG_RUNTIME_DIR, '/dev/shm'].filter(
    (path): path is string => path !== undefined && path !== '' && storageOf(path) === 'memory',
  );
  const chosen = candidates.find((path) => roomAt(path) >= neededBytes) ?? candidates.at(-1);
  if (chosen !== undefined) return chosen;
  throw new StrongroomError('NO_MEMORY_TARGET', 'there is no file system in memory here');
}

/** Removes directories of ours whose process is gone. */
function sweep(parent: string): void {
  for (const name of readdirSync(parent)) {
    const [, namespace, pid, started] =
      /^strongroom-run-(\d+)-(\d+)-(\d+)-[0-9a-f]{12}$/.exec(name) ?? [];
    if (pid === undefined) continue;
    // A process of another container cannot be looked for: its number means another one here
    if (namespace !== pidNamespace()) continue;
    if (`${namespace}-${pid}-${started}` === identityOf(Number(pid))) continue;
    const path = join(parent, name);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (!found?.isDirectory() || found.uid !== process.getuid?.()) continue;
    rmSync(path, { recursive: true, force: true });
  }
}

/** Names a process for good, since numbers are used again: namespace, number, and start. */
function identityOf(pid: number): string {
  return `${pidNamespace()}-${pid}-${startOf(pid)}`;
}

function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
  } catch {
    return '0';
  }
}

/** Clock ticks after boot, field 22 of proc_pid_stat(5); 0 if there is no such process. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Behind the name, which may hold anything
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
  } catch {
    return '0';
  }
}
