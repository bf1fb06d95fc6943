/**
 * A log as it lies in a directory, read: its checkpoint and its tree. Whether to believe the
 * checkpoint is for `policy.ts`; the tree is believed where it leads to the checkpoint's root.
 *
 * docs/ledger.md#layout
 */
import { equal } from '../../bytes.ts';
import { StrongroomError } from '../../errors.ts';
import { type Checkpoint, decodeCheckpoint } from './checkpoint.ts';
import { checkpointPath, damaged, readNote, readTile } from './files.ts';
import { type Head, isConsistent } from './merkle.ts';
import { decodeNote, type Note } from './note.ts';
import { LogTree } from './tree.ts';

export interface SignedCheckpoint {
  readonly note: Note;
  readonly checkpoint: Checkpoint;
}

/** @returns `undefined` unless the bytes are a note that states a checkpoint. */
export function decodeSignedCheckpoint(bytes: Uint8Array): SignedCheckpoint | undefined {
  const note = decodeNote(bytes);
  const checkpoint = note && decodeCheckpoint(note);
  return note && checkpoint && { note, checkpoint };
}

/**
 * The checkpoint in a file, with nothing about it verified.
 * @throws StrongroomError NOT_FOUND, LEDGER_INVALID.
 */
export function readSignedCheckpoint(path: string): SignedCheckpoint {
  const bytes = readNote(path);
  if (bytes === undefined) {
    throw new StrongroomError('NOT_FOUND', `${path}: no such file or directory`, { file: path });
  }
  const found = decodeSignedCheckpoint(bytes);
  if (found === undefined) throw damaged(path, 'it is not a checkpoint');
  return found;
}

export const readLogCheckpoint = (directory: string): SignedCheckpoint =>
  readSignedCheckpoint(checkpointPath(directory));

export const treeOf = (directory: string, { size }: Pick<Checkpoint, 'size'>): LogTree =>
  new LogTree(size, (level, index, width) => readTile(directory, level, index, width));

/** @throws StrongroomError LEDGER_INVALID unless `root` is the one that the checkpoint states. */
export function assertRoot(
  directory: string,
  { size, root: stated }: Checkpoint,
  root: Uint8Array | undefined,
): void {
  if (root !== undefined && equal(root, stated)) return;
  throw damaged(directory, `its tiles do not lead to the root of its checkpoint of size ${size}`);
}

/**
 * Holds a log to have everything, in place, that was there when `seen` was signed.
 * @throws StrongroomError LEDGER_ROLLED_BACK if it is shorter, LEDGER_FORKED if it differs,
 *   LEDGER_INVALID if its tiles do not lead to its own root.
 */
export function assertContinues(directory: string, { checkpoint }: SignedCheckpoint, seen: Head) {
  const { origin, size } = checkpoint;
  if (size < seen.size) {
    const why = `${origin} has ${size} entries, and had ${seen.size} when it was seen last`;
    throw new StrongroomError('LEDGER_ROLLED_BACK', `${directory}: ${why}`, { file: directory });
  }
  const proof = treeOf(directory, checkpoint).consistencyProof(seen.size);
  if (isConsistent(seen, checkpoint, proof)) return;
  const why = `${origin} is not a continuation of what was seen of it at ${seen.size} entries`;
  throw new StrongroomError('LEDGER_FORKED', `${directory}: ${why}`, { file: directory });
}
