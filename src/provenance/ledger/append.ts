/**
 * Making a log, and appending to it: entries and tiles first, then the checkpoint in one step.
 *
 * docs/ledger.md#crashes, c2sp.org/tlog-tiles, c2sp.org/tlog-checkpoint
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { equal } from '../../bytes.ts';
import { type Lock, type LockOptions, takeLock } from '../../engine/lock.ts';
import { createDirectory } from '../../engine/output.ts';
import { asStrongroomError, StrongroomError } from '../../errors.ts';
import { TreeBuilder } from './builder.ts';
import { type Checkpoint, encodeCheckpoint } from './checkpoint.ts';
import {
  checkpointPath,
  damaged,
  type LogFile,
  readBundle,
  readTile,
  stageFile,
  writeFiles,
} from './files.ts';
import type { LedgerKey } from './keyfile.ts';
import { assertRoot, readLogCheckpoint, type SignedCheckpoint } from './log.ts';
import { assertUnused, type LogMemory, openMemory } from './memory.ts';
import { emptyRoot, hashBytes, leafHash } from './merkle.ts';
import { encodeNote } from './note.ts';
import { removePartials } from './partials.ts';
import { isOfKey, signCheckpoint, verifyCheckpoint } from './signatures.ts';
import { maxEntryBytes, tileWidth } from './tiles.ts';

/** A log, and who signs for it. */
export interface Ledger {
  /** Where its files are, as a static server publishes them. */
  readonly directory: string;
  readonly key: LedgerKey;
  /** What the key signed last: keeps it from forking its log. Nothing is kept without. */
  readonly memory?: LogMemory | undefined;
}

/** Where entries came to stand. */
export interface Appended {
  /** The name of the log. */
  readonly origin: string;
  /** Index of the first entry that was appended; the others follow it. */
  readonly first: number;
  /** Entries of the log now. */
  readonly size: number;
  readonly root: Uint8Array;
}

/**
 * Makes an empty log, whose name is that of the key; the directory appears whole or not at all.
 * @throws StrongroomError OUTPUT_EXISTS, NOT_FOUND, PERMISSION_DENIED; LEDGER_FORKED if the key
 *   has a log that it remembers.
 */
export function createLedger({ directory, key, memory }: Ledger): void {
  if (memory !== undefined) assertUnused(memory, key, directory);
  const output = createDirectory(directory);
  try {
    const empty = { origin: key.name, size: 0, root: emptyRoot };
    writeFileSync(checkpointPath(output.path), signedNote(key, empty));
    // Staged for its maker alone, but a log is there to be read
    chmodSync(output.path, 0o777 & ~process.umask());
    output.commit();
  } catch (error) {
    throw asStrongroomError(error, directory);
  } finally {
    output.discard();
  }
}

/** What is written at once: bounds memory, and what the disk has to do before the next. */
const filesAtOnce = 256;

/**
 * Appends entries, each up to 65,535 bytes, and signs the log's new checkpoint. After a crash at
 * any moment the log has all of them or none. Only one writer is at work at a time.
 * @returns where they are; with no entries, where the next one would be.
 * @throws StrongroomError LEDGER_INVALID or LEDGER_UNTRUSTED if the log is not as its key left it,
 *   LEDGER_FORKED or LEDGER_ROLLED_BACK if its key remembers another, LEDGER_BUSY, USAGE for an entry that is too long, NOT_FOUND, PERMISSION_DENIED, DISK_FULL.
 */
export async function appendEntries(
  ledger: Ledger,
  entries: Iterable<Uint8Array>,
  options: LockOptions = {},
): Promise<Appended> {
  const lock = await lockLog(ledger.directory, options);
  try {
    return await append(ledger, entries, lock);
  } catch (error) {
    throw asStrongroomError(error, ledger.directory);
  } finally {
    lock.release();
  }
}

/** Keeps every other writer of the log away. */
export const lockLog = (directory: string, options?: LockOptions): Promise<Lock> => {
  const file = join(directory, '.lock');
  return takeLock({ path: directory, file, busy: 'LEDGER_BUSY', work: 'changing it' }, options);
};

async function append(
  { directory, key, memory }: Ledger,
  entries: Iterable<Uint8Array>,
  lock: Lock,
): Promise<Appended> {
  const before = ownCheckpoint(directory, key);
  const { origin, size: first, root } = before.checkpoint;
  const pending: LogFile[] = [];
  const builder = new TreeBuilder((file) => pending.push(file));
  const remembered = await openMemory(memory, key);
  try {
    remembered.assertContinued(directory, before);
    resume(builder, directory, before.checkpoint);
    const write = async () => {
      lock.assertHeld();
      await writeFiles(directory, pending.splice(0));
    };
    for (const entry of entries) {
      assertFits(entry);
      builder.add(entry);
      if (pending.length >= filesAtOnce) await write();
    }
    const after = { origin, ...builder.head };
    if (after.size === first) return { origin, first, size: first, root };
    builder.flush(first);
    const note = signedNote(key, after);
    const preparing = remembered.prepare(note);
    const [staged, written] = await Promise.allSettled([
      stageFile(checkpointPath(directory), note),
      write(),
    ]);
    const remember = await preparing;
    if (staged.status === 'rejected') throw staged.reason;
    try {
      if (written.status === 'rejected') throw written.reason;
      lock.assertHeld();
      staged.value.commit();
    } finally {
      staged.value.discard();
    }
    // The log first: what nobody was shown must not keep the key from going on
    remember();
    await removePartials(directory, first, after.size);
    return { origin, first, size: after.size, root: after.root };
  } finally {
    remembered.release();
  }
}

/** The log's checkpoint, which its own key must have signed, by every type. */
function ownCheckpoint(directory: string, key: LedgerKey): SignedCheckpoint {
  const { note, checkpoint } = readLogCheckpoint(directory);
  const isOwn =
    checkpoint.origin === key.name &&
    key.verifiers.every((verifier) => {
      const signature = note.signatures.find((each) => isOfKey(each, verifier));
      const signed = { text: note.text, checkpoint };
      return signature !== undefined && verifyCheckpoint(verifier, signature, signed) !== undefined;
    });
  if (isOwn) return { note, checkpoint };
  throw new StrongroomError(
    'LEDGER_UNTRUSTED',
    `${directory}: its checkpoint is not of ${key.name}`,
    {
      file: directory,
      hint: 'give the key that the log was made with',
    },
  );
}

/** Holds what is there against the checkpoint before anything is built on it. */
function resume(builder: TreeBuilder, directory: string, checkpoint: Checkpoint): void {
  const { size } = checkpoint;
  const [index, width] = [Math.floor(size / tileWidth), size % tileWidth];
  const entries = width === 0 ? [] : readBundle(directory, index, width);
  builder.resume(size, entries, (level, at, count) => readTile(directory, level, at, count));
  assertRoot(directory, checkpoint, builder.root);
  if (width === 0) return;
  const leaves = readTile(directory, 0, index, width);
  const differs = entries.findIndex(
    (entry, i) => !equal(leafHash(entry), leaves.subarray(i * hashBytes, (i + 1) * hashBytes)),
  );
  if (differs < 0) return;
  throw damaged(directory, `entry ${index * tileWidth + differs} is not the one in its tree`);
}

function assertFits(entry: Uint8Array): void {
  if (entry.length <= maxEntryBytes) return;
  throw new StrongroomError('USAGE', `an entry of ${entry.length} bytes is too long for a log`, {
    hint: `append its digest, which is what is meant to be there; ${maxEntryBytes} bytes are most`,
  });
}

/** A checkpoint with the signatures of all the key's types. */
function signedNote({ verifiers, seeds }: LedgerKey, checkpoint: Checkpoint): Uint8Array {
  const text = encodeCheckpoint(checkpoint);
  const time = Math.floor(Date.now() / 1000);
  const signatures = verifiers.map((verifier, i) =>
    signCheckpoint(verifier, seeds[i] as Uint8Array, { text, checkpoint }, time),
  );
  return encodeNote({ text, signatures });
}
