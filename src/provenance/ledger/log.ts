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
