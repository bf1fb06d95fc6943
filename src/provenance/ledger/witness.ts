/**
 * Being a witness: remember the latest checkpoint of each log, and cosign a later one only if
 * the log shows that it has all that was there before.
 *
 * c2sp.org/tlog-witness, without its HTTP interface; the memory is laid out as its monitoring
 * prefix, so that it can be published as it is.
 */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { hex, utf8 } from '../../bytes.ts';
import { sha256 } from '../../crypto/hash.ts';
import { type Lock, type LockOptions, takeLock } from '../../engine/lock.ts';
import { asStrongroomError, StrongroomError } from '../../errors.ts';
import { lockLog } from './append.ts';
import { checkpointPath, damaged, readNote, replaceFile } from './files.ts';
import type { LedgerKey } from './keyfile.ts';
import {
  assertContinues,
  decodeSignedCheckpoint,
  readLogCheckpoint,
  type SignedCheckpoint,
} from './log.ts';
import { decodeSignatures, encodeNote, encodeSignature, type NoteSignature } from './note.ts';
import type { LedgerPolicy } from './policy.ts';
import { isOfKey, signCheckpoint, type Verifier, verifyCheckpoint } from './signatures.ts';
import { assertOfLog } from './trust.ts';

export interface WitnessOptions extends LockOptions {
  /** Of the witness. */
  readonly key: LedgerKey;
  /** Where it keeps what it saw; made if it is not there. */
  readonly memory: string;
  /** The logs that it knows; its quorum is not asked for. */
  readonly policy: LedgerPolicy;
}

export interface Witnessed {
  readonly origin: string;
  /** Entries of the log when the witness saw it last; 0 if never. */
  readonly before: number;
  readonly size: number;
  readonly root: Uint8Array;
  /** The cosignatures, a line each: what the log adds to its checkpoint. */
  readonly cosignatures: string;
}

/**
 * Cosigns the checkpoint of a log, once it is shown to continue the one that was seen last.
 * What is cosigned is remembered before it is returned.
 * @throws StrongroomError LEDGER_UNTRUSTED, LEDGER_FORKED, LEDGER_ROLLED_BACK, LEDGER_INVALID,
 *   LEDGER_BUSY if another witness is at work with the same memory.
 */
export async function witnessLedger(
  directory: string,
  { key, memory, policy, ...options }: WitnessOptions,
): Promise<Witnessed> {
  const signed = readLogCheckpoint(directory);
  assertOfLog(signed, policy);
  const { origin, size, root } = signed.checkpoint;
  const file = memoryPath(memory, origin);
  const lock = await lockMemory(file, options);
  try {
    const bytes = readNote(file);
    const seen = bytes && decodeSignedCheckpoint(bytes)?.checkpoint;
    if (bytes !== undefined && seen?.origin !== origin)
      throw damaged(file, 'it is not a checkpoint');
    if (seen !== undefined) assertContinues(directory, signed, seen);
    const signatures = cosign(key, signed);
    await replaceFile(file, encodeNote(withSignatures(signed, signatures).note), () =>
      lock.assertHeld(),
    );
    const cosignatures = signatures.map(encodeSignature).join('');
    return { origin, before: seen?.size ?? 0, size, root, cosignatures };
  } catch (error) {
    throw asStrongroomError(error, file);
  } finally {
    lock.release();
  }
}

/** The monitoring layout of c2sp.org/tlog-witness. */
const memoryPath = (memory: string, origin: string): string =>
  join(memory, hex(sha256(utf8(origin))), 'checkpoint');

async function lockMemory(file: string, options: LockOptions): Promise<Lock> {
  const path = dirname(file);
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw asStrongroomError(error, path);
  }
  const lock = {
    path,
    file: join(path, '.lock'),
    busy: 'LEDGER_BUSY',
    work: 'changing it',
  } as const;
  return takeLock(lock, options);
}

function cosign({ verifiers, seeds }: LedgerKey, { note, checkpoint }: SignedCheckpoint) {
  const time = Math.floor(Date.now() / 1000);
  const signed = { text: note.text, checkpoint };
  return verifiers
    .map((verifier, i) => ({ verifier, seed: seeds[i] as Uint8Array }))
    .filter(({ verifier }) => verifier.type.roles.includes('witness'))
    .map(({ verifier, seed }) => signCheckpoint(verifier, seed, signed, time));
}

/** The same checkpoint with more signatures; a new one of a key takes the place of an older one. */
const withSignatures = (
  { note, checkpoint }: SignedCheckpoint,
  added: readonly NoteSignature[],
): SignedCheckpoint => {
  const isNew = ({ name, id }: NoteSignature) =>
    added.some((signature) => signature.name === name && signature.id === id);
  const signatures = [...note.signatures.filter((each) => !isNew(each)), ...added];
  return { note: { ...note, signatures }, checkpoint };
};

/**
 * Adds cosignatures to a log's checkpoint, if they are of it and of witnesses that are known.
 * @param lines as `witnessLedger` returns them.
 * @returns the names of the witnesses.
 * @throws StrongroomError LEDGER_UNTRUSTED for a cosignature that is not valid, or of nobody known.
 */
export async function addCosignatures(
  directory: string,
  lines: string,
  witnesses: readonly Verifier[],
  options: LockOptions = {},
): Promise<string[]> {
  const added = decodeSignatures(lines);
  const refuse = (why: string) =>
    new StrongroomError('LEDGER_UNTRUSTED', `cosignature: ${why}`, {
      hint: 'ask the witness for one of the checkpoint as it is now',
    });
  if (added === undefined) throw refuse('it is not a line of a signed note');
  const lock = await lockLog(directory, options);
  try {
    const signed = readLogCheckpoint(directory);
    for (const signature of added) {
      const witness = witnesses.find((each) => isOfKey(signature, each));
      if (witness === undefined) throw refuse(`${signature.name} is no witness that is known`);
      const of = { text: signed.note.text, checkpoint: signed.checkpoint };
      if (verifyCheckpoint(witness, signature, of) === undefined) {
        throw refuse(`that of ${signature.name} is not of this checkpoint`);
      }
    }
    const bytes = encodeNote(withSignatures(signed, added).note);
    await replaceFile(checkpointPath(directory), bytes, () => lock.assertHeld());
  } finally {
    lock.release();
  }
  return added.map(({ name }) => name);
}
