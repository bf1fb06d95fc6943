/**
 * Custody files: one statement a line, only ever added to. A line counts once its newline is
 * there, which is written with it and made durable before anything else is done; what a crash
 * left of a line is named and can be cut off, and is never taken for one.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  realpathSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { concat, utf8 } from '../../bytes.ts';
import { exists, readFully, writeFully } from '../../engine/files.ts';
import { type Lock, type LockOptions, takeLock } from '../../engine/lock.ts';
import { createFile } from '../../engine/output.ts';
import { isRemote, shownName } from '../../engine/remote/location.ts';
import { asStrongroomError, StrongroomError } from '../../errors.ts';
import type { Signer } from '../../keys/signed.ts';
import { timeOf } from '../../time.ts';
import { follow, isAhead, next, type Step } from './chain.ts';
import { createStatement, type NewEvent, parseStatement, type Statement } from './statement.ts';

export const maxCustodyBytes = 2 ** 28;
/** As many as fit with their signatures: others would only take time. */
const maxLines = 2 ** 16;
const newline = 0x0a;

/**
 * Where the custody file of an archive is, unless another is named.
 * @throws StrongroomError USAGE for an archive beside which no file is written.
 */
export function custodyPathOf(archive: string): string {
  if (!isRemote(archive)) return `${archive}.custody.jsonl`;
  throw new StrongroomError('USAGE', `${shownName(archive)}: has no custody file beside it`, {
    hint: 'name the custody file: --custody FILE',
  });
}

/** Beside the lines of a file, what a crash may have left after the last of them. */
interface Content {
  readonly statements: readonly Statement[];
  readonly torn: Uint8Array;
  readonly bytes: number;
}

/**
 * Reads a custody file and follows its chain; signatures are not verified.
 * @throws StrongroomError CUSTODY_TORN, CUSTODY_INVALID, CUSTODY_BROKEN, or the system's error.
 */
export function readCustody(path: string): Step[] {
  const { statements, torn } = readContent(path);
  assertWhole(torn, path);
  if (statements.length > 0) return follow(statements, path);
  throw new StrongroomError('CUSTODY_INVALID', `${path}: is empty`, { file: path });
}

function readContent(path: string): Content {
  let content: Uint8Array;
  try {
    // A pipe would be waited for without end
    const fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const stat = fstatSync(fd);
      const { size } = stat;
      if (!stat.isFile()) {
        const message = `${path}: is not a regular file`;
        throw new StrongroomError('CUSTODY_INVALID', message, { file: path });
      }
      if (size > maxCustodyBytes) {
        const message = `${path}: longer than ${maxCustodyBytes} bytes`;
        throw new StrongroomError('CUSTODY_INVALID', message, { file: path });
      }
      const buffer = new Uint8Array(size);
      content = buffer.subarray(0, readFully(fd, buffer, 0));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw asStrongroomError(error, path);
  }
  const statements: Statement[] = [];
  let at = 0;
  for (let end = content.indexOf(newline); end >= 0; end = content.indexOf(newline, at)) {
    if (statements.length === maxLines) {
      throw new StrongroomError('CUSTODY_INVALID', `${path}: more than ${maxLines} lines`, {
        file: path,
      });
    }
    const what = `${path}: line ${statements.length + 1}`;
    statements.push(parseStatement(content.slice(at, end), what));
    at = end + 1;
  }
  return { statements, torn: content.slice(at), bytes: content.length };
}

function assertWhole(torn: Uint8Array, path: string): void {
  if (torn.length === 0) return;
  const message = `${path}: ends within a line, ${torn.length} bytes after the last whole one`;
  throw new StrongroomError('CUSTODY_TORN', message, { file: path });
}

/** Keeps other writers away from a file that may not be there yet. */
async function lockCustody(path: string, options: LockOptions): Promise<Lock> {
  try {
    const real = exists(path)
      ? realpathSync(path)
      : join(realpathSync(dirname(resolve(path))), basename(path));
    const file = join(dirname(real), `.${basename(real)}.lock`);
    return await takeLock({ path, file, busy: 'CUSTODY_BUSY', work: 'adding to it' }, options);
  } catch (error) {
    throw asStrongroomError(error, path);
  }
}

/** A custody file that nobody else writes to. */
export interface OpenCustody {
  /** Empty before the first statement. */
  readonly steps: readonly Step[];
  /**
   * Signs an event and adds it, durably.
   * @throws StrongroomError CUSTODY_BROKEN if it cannot follow, CUSTODY_BUSY, or the system's error.
   */
  add(event: NewEvent, signer: Signer): Statement;
}

/**
 * Opens a custody file to write to it; it need not exist yet.
 * @throws StrongroomError as `readCustody`, and CUSTODY_BUSY.
 */
export async function withCustody<T>(
  path: string,
  options: LockOptions,
  use: (custody: OpenCustody) => T | Promise<T>,
): Promise<T> {
  const lock = await lockCustody(path, options);
  try {
    const steps = exists(path) ? readCustody(path) : [];
    const last = steps.at(-1)?.statement;
    if (last !== undefined && isAhead(last)) {
      const message = `${path}: line ${steps.length} states a time to come: ${last.predicate.time}`;
      throw new StrongroomError('CUSTODY_BROKEN', message, {
        file: path,
        hint: 'look at your clock, or restore the custody file from a copy',
      });
    }
    return await use({ steps, add: (event, signer) => add(path, lock, steps, event, signer) });
  } finally {
    lock.release();
  }
}

function add(path: string, lock: Lock, steps: Step[], event: NewEvent, signer: Signer): Statement {
  const last = steps.at(-1)?.statement;
  const now = timeOf();
  const place = {
    number: steps.length + 1,
    previous: last?.digest,
    // A clock that is behind must not keep an event from being told
    time: last !== undefined && last.predicate.time > now ? last.predicate.time : now,
  };
  const statement = createStatement(event, place, signer);
  const step = next(steps, statement, path);
  const line = concat(statement.bytes, utf8('\n'));
  lock.assertHeld();
  try {
    if (last === undefined) begin(path, line);
    else append(path, lengthOf(steps), line);
  } catch (error) {
    throw asStrongroomError(error, path);
  }
  steps.push(step);
  return statement;
}

const lengthOf = (steps: readonly Step[]): number =>
  steps.reduce((sum, { statement }) => sum + statement.bytes.length + 1, 0);

function begin(path: string, line: Uint8Array): void {
  const output = createFile(path);
  try {
    writeFileSync(output.path, line);
    output.commit();
  } finally {
    output.discard();
  }
}

function append(path: string, at: number, line: Uint8Array): void {
  const fd = openSync(path, 'r+');
  try {
    if (fstatSync(fd).size !== at) {
      throw new StrongroomError('CUSTODY_BROKEN', `${path}: was changed meanwhile`, { file: path });
    }
    try {
      writeFully(fd, line, at);
      fsyncSync(fd);
    } catch (error) {
      // Such as of a full disk: what cannot be kept must not look torn
      ftruncateSync(fd, at);
      throw error;
    }
  } finally {
    closeSync(fd);
  }
}

export interface Repair {
  /** How many whole lines there are. */
  readonly statements: number;
  /** Bytes that were cut off. */
  readonly cut: number;
  /** Whether the last line was whole but for its newline, which was added. */
  readonly completed: boolean;
}

/**
 * Cuts off what a crash left of a line at the end of a custody file, or completes it where
 * only its newline is missing.
 * @throws StrongroomError CUSTODY_INVALID, CUSTODY_BROKEN for whole lines that are wrong;
 *   CUSTODY_BUSY, or the system's error.
 */
export async function repairCustody(path: string, options: LockOptions = {}): Promise<Repair> {
  const lock = await lockCustody(path, options);
  try {
    const { statements, torn, bytes } = readContent(path);
    const steps = follow(statements, path);
    const completed = torn.length > 0 && follows(steps, torn, path);
    lock.assertHeld();
    if (torn.length > 0) {
      const fd = openSync(path, 'r+');
      try {
        if (completed) writeFully(fd, utf8('\n'), bytes);
        else ftruncateSync(fd, bytes - torn.length);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
    }
    return {
      statements: statements.length + (completed ? 1 : 0),
      cut: completed ? 0 : torn.length,
      completed,
    };
  } catch (error) {
    throw asStrongroomError(error, path);
  } finally {
    lock.release();
  }
}

function follows(steps: readonly Step[], torn: Uint8Array, path: string): boolean {
  try {
    next(steps, parseStatement(torn, path), path);
    return true;
  } catch {
    return false;
  }
}
