/**
 * One writer at a time, by a lock file beside what it changes. It is advice to this software,
 * and nothing that keeps a secret rests on it.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { hex, text, utf8 } from '../bytes.ts';
import {
  asStrongroomError,
  type ErrorCode,
  isStrongroomError,
  StrongroomError,
} from '../errors.ts';
import { decodeJson, encodeJson } from '../json.ts';
import { schemas } from '../keys/signed.ts';
import { timeOf } from '../time.ts';
import { quietly, readFully, removeFile } from './files.ts';

/** Longer than any honest writer holds it, the largest slot on a slow disk included. */
const lifetimeMs = 300_000;
const pauseMs = 50;
const maxLockBytes = 4096;

const lockSchema = z.strictObject({
  expires: schemas.time,
  /** Tells machines apart without naming them. */
  owner: schemas.keyId,
  pid: z.int().min(1),
  /** When the process began, as its system counts: a pid alone may be another's by now. */
  started: schemas.line(0, 32),
  /** Random: tells one lock from every other. */
  token: schemas.keyId,
  /** The number of the user; absent where users have none. */
  user: z.int().min(0).optional(),
});
type LockContent = z.infer<typeof lockSchema>;

export interface Lock {
  /** @throws StrongroomError of the code for busy if another writer took over since. */
  assertHeld(): void;
  /** Puts off its expiry from now on, until it is released. */
  keep(): void;
  release(): void;
}

export interface LockOptions {
  /** How long to wait for another writer; 10 seconds by default. */
  readonly patienceMs?: number | undefined;
  /** Told when the lock of a writer that is gone is taken over. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** What is locked, and how to say that another writer has it. */
export interface Locked {
  /** As people know it. */
  readonly path: string;
  /** The lock. */
  readonly file: string;
  readonly busy: ErrorCode;
  /** What its holder does, such as `changing its key ring`. */
  readonly work: string;
}

/**
 * Takes a lock, waiting for its holder.
 * @throws StrongroomError of code `busy`, PERMISSION_DENIED.
 */
export async function takeLock(locked: Locked, options: LockOptions = {}): Promise<Lock> {
  const { patienceMs = 10_000, onWarning } = options;
  const { file, path } = locked;
  for (let waited = 0; ; waited += pauseMs) {
    const token = hex(randomBytes(32));
    if (create(file, token)) return held(locked, token);
    const holder = read(file);
    if (holder !== undefined && isGone(holder) && takeOver(file, holder, token)) {
      onWarning?.(`${path}: took over the lock of process ${holder.pid}, which is gone`);
      return held(locked, token);
    }
    if (waited >= patienceMs) throw busy(locked, holder);
    await sleep(pauseMs);
  }
}

/**
 * A lock appears with its content or not at all, which a symbolic link does: the content is
 * what it points to. Where there are none, a file is made first and filled then.
 */
function create(file: string, token: string): boolean {
  const user = process.geteuid?.();
  const content = text(
    encodeJson({
      expires: timeOf(new Date(Date.now() + lifetimeMs)),
      owner,
      pid: process.pid,
      started: startOf(process.pid),
      token,
      ...(user === undefined ? {} : { user }),
    }),
  );
  try {
    if (!linksWork(() => symlinkSync(content, file))) writeFileSync(file, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw asStrongroomError(error, file);
  }
}

const withoutLinks = ['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'UNKNOWN'];

function linksWork(call: () => void): boolean {
  try {
    call();
    return true;
  } catch (error) {
    if (withoutLinks.includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

/** The content of a lock; `undefined` when there is none, or none that can be read. */
function read(file: string): LockContent | undefined {
  let content: Uint8Array = new Uint8Array(0);
  try {
    const isLink = linksWork(() => {
      content = utf8(readlinkSync(file));
    });
    if (!isLink) content = readRegular(file);
    return decodeJson(content, lockSchema, { what: file, code: 'IO', maxBytes: maxLockBytes });
  } catch (error) {
    if (isStrongroomError(error) || (error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw asStrongroomError(error, file);
  }
}

/** A pipe in a lock's place would be waited for without end, and tells nothing. */
function readRegular(file: string): Uint8Array {
  const fd = openSync(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    if (!fstatSync(fd).isFile()) return new Uint8Array(0);
    const buffer = new Uint8Array(maxLockBytes + 1);
    return buffer.subarray(0, readFully(fd, buffer, 0));
  } finally {
    closeSync(fd);
  }
}

/**
 * Replaces the lock of a writer that is gone. Whoever makes the claim named after its token
 * may do so, and that is one process; a token never comes back.
 */
function takeOver(file: string, gone: LockContent, token: string): boolean {
  const claim = `${file}.${gone.token.slice(0, 16)}.claim`;
  if (!create(claim, token)) {
    const other = read(claim);
    if (other !== undefined && isGone(other)) removeFile(claim);
    return false;
  }
  if (read(file)?.token !== gone.token) {
    removeFile(claim);
    return false;
  }
  renameSync(claim, file);
  return true;
}

function held(locked: Locked, token: string): Lock {
  const { file } = locked;
  let timer: NodeJS.Timeout | undefined;
  const isHeld = (now: LockContent | undefined): boolean =>
    now?.token === token && timeOf() < now.expires;
  const renew = () => {
    const next = `${file}.${token.slice(0, 16)}.next`;
    try {
      // One that expired may be another's at any moment
      if (isHeld(read(file)) && create(next, token)) renameSync(next, file);
    } catch {
      // It expires, and `assertHeld` tells
    }
  };
  return {
    assertHeld() {
      const now = read(file);
      if (!isHeld(now)) throw busy(locked, now);
    },
    keep() {
      timer ??= setInterval(renew, lifetimeMs / 10).unref();
    },
    release() {
      clearInterval(timer);
      // What was done under it is done: a lock that stays is taken over once its process is gone
      quietly(() => read(file)?.token === token && removeFile(file));
    },
  };
}

/** The machine since it started, and the processes that can be seen: where a pid has a meaning. */
const owner = hex(
  createHash('sha256')
    .update(
      utf8(
        [
          hostname(),
          orEmpty(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
          orEmpty(() => readlinkSync('/proc/self/ns/pid')),
        ].join('\n'),
      ),
    )
    .digest(),
);

function orEmpty(look: () => string): string {
  try {
    return look();
  } catch {
    return '';
  }
}

const isGone = ({ expires, owner: other, pid, started }: LockContent): boolean =>
  timeOf() >= expires || (other === owner && !(isRunning(pid) && startOf(pid) === started));

/** Field 22 of proc_pid_stat(5), after a name that may hold anything; empty where there is none. */
const startOf = (pid: number): string =>
  orEmpty(() => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  });

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const busy = ({ path, file, busy: code, work }: Locked, holder: LockContent | undefined) =>
  new StrongroomError(
    code,
    holder === undefined
      ? `${path}: the lock ${file} is there and tells nothing`
      : `${path}: process ${holder.pid} is ${work}`,
    { file, hint: `try again, or remove ${file} if nothing changes ${path}` },
  );
