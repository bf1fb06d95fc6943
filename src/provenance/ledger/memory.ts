/**
 * What the key of a log signed last. Two copies of a log, each appended to, would fork it: the
 * memory lets its key go on with one of them alone, where the key is used on one machine.
 *
 * docs/ledger.md#one-log; laid out like the memory of a witness
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { hex, utf8 } from '../../bytes.ts';
import { sha256 } from '../../crypto/hash.ts';
import { stateDirectory } from '../../custody/epochs/memory.ts';
import { type Lock, takeLock } from '../../engine/lock.ts';
import { asStrongroomError, isStrongroomError, StrongroomError } from '../../errors.ts';
import { type Replacement, readNote, stageFile } from './files.ts';
import type { LedgerKey } from './keyfile.ts';
import { assertContinues, decodeSignedCheckpoint, type SignedCheckpoint } from './log.ts';
import { encodeVkey } from './signatures.ts';

export interface LogMemory {
  /** Instead of `logs` in the user's state directory. */
  readonly directory?: string | undefined;
  /** Told when it cannot be read or written: the log is then appended to without. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** By the key and not by the name alone: another key of that name signs another log. */
function pathOf({ directory = join(stateDirectory(), 'logs') }: LogMemory, key: LedgerKey) {
  const name = hex(sha256(utf8(key.verifiers.map((each) => `${encodeVkey(each)}\n`).join(''))));
  const parent = join(directory, name);
  return { parent, file: join(parent, 'checkpoint') };
}

function seenIn(memory: LogMemory, file: string): SignedCheckpoint | undefined {
  try {
    const bytes = readNote(file);
    const seen = bytes && decodeSignedCheckpoint(bytes);
    if (bytes === undefined || seen !== undefined) return seen;
    memory.onWarning?.(`${file}: is no checkpoint: a fork of the log is not noticed`);
  } catch (error) {
    const { message } = asStrongroomError(error, file);
    memory.onWarning?.(`${message}: a fork of the log is not noticed`);
  }
  return undefined;
}

/**
 * Holds a key not to have signed a log that has entries, before it begins one.
 * @throws StrongroomError LEDGER_FORKED.
 */
export function assertUnused(memory: LogMemory, key: LedgerKey, directory: string): void {
  const size = seenIn(memory, pathOf(memory, key).file)?.checkpoint.size ?? 0;
  if (size === 0) return;
  const message = `${directory}: the key of ${key.name} has signed a log of ${size} entries before`;
  throw new StrongroomError('LEDGER_FORKED', message, {
    file: directory,
    hint: 'append to that log, or make another key',
  });
}

/** What was remembered, kept from other writers with the same key. */
export interface OpenMemory {
  /** @throws StrongroomError LEDGER_FORKED, LEDGER_ROLLED_BACK, LEDGER_INVALID. */
  assertContinued(directory: string, checkpoint: SignedCheckpoint): void;
  /**
   * Makes ready to remember a checkpoint, while the disk is busy with the log.
   * @returns what is to be done once the log has it; neither ever fails.
   */
  prepare(note: Uint8Array): Promise<() => void>;
  release(): void;
}

const nothing: OpenMemory = {
  assertContinued() {},
  prepare: async () => () => {},
  release() {},
};

/** @throws StrongroomError LEDGER_BUSY while another writer has it. */
export async function openMemory(memory: LogMemory | undefined, key: LedgerKey) {
  if (memory === undefined) return nothing;
  const { parent, file } = pathOf(memory, key);
  let lock: Lock;
  try {
    mkdirSync(parent, { recursive: true, mode: 0o700 });
    const busy = 'LEDGER_BUSY' as const;
    const locked = { path: parent, file: join(parent, '.lock'), busy, work: 'appending' };
    lock = await takeLock(locked, { onWarning: memory.onWarning });
  } catch (error) {
    if (isStrongroomError(error, 'LEDGER_BUSY')) throw error;
    const { message } = asStrongroomError(error, parent);
    memory.onWarning?.(`${message}: a fork of the log is not noticed`);
    return nothing;
  }
  const opened: OpenMemory = {
    assertContinued(directory, checkpoint) {
      const seen = seenIn(memory, file);
      if (seen !== undefined) assertContinues(directory, checkpoint, seen.checkpoint);
    },
    async prepare(note) {
      const forget = (error: unknown) => {
        staged?.discard();
        const { message } = asStrongroomError(error, file);
        memory.onWarning?.(`${message}: what the log came to is not remembered`);
      };
      let staged: Replacement | undefined;
      try {
        staged = await stageFile(file, note);
      } catch (error) {
        forget(error);
      }
      return () => {
        try {
          lock.assertHeld();
          staged?.rename();
        } catch (error) {
          forget(error);
        }
      };
    },
    release: () => lock.release(),
  };
  return opened;
}
