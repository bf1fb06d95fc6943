/** Making proofs from a log's tiles: a handful of them, however long the log. */
import { equal, hex } from '../../bytes.ts';
import { StrongroomError } from '../../errors.ts';
import { readTile } from './files.ts';
import { dropIndex, indexedLeaf } from './leaves.ts';
import { assertRoot, readLogCheckpoint, treeOf } from './log.ts';
import { hashBytes, leafHash, rootOfInclusion } from './merkle.ts';
import { encodeNote } from './note.ts';
import { encodeProof } from './proof.ts';
import { tileWidth, widthIn } from './tiles.ts';

export interface Proved {
  readonly index: number;
  /** Of the log that it is proved for. */
  readonly size: number;
  /** The bytes of a `.tlog-proof` file. */
  readonly proof: Uint8Array;
}

/** Which entry is meant: the one at an index, or the last with these bytes. */
export type EntryName = { readonly index: number } | { readonly entry: Uint8Array };

/**
 * A proof that an entry is in the log as its checkpoint states it. The checkpoint goes into
 * the proof with all its signatures, which whoever verifies it judges.
 * @throws StrongroomError NOT_LOGGED if it is not there, LEDGER_INVALID if the tiles do not
 *   lead to the checkpoint's root, NOT_FOUND.
 */
export function proveEntry(directory: string, name: EntryName): Proved {
  const { note, checkpoint } = readLogCheckpoint(directory);
  const { size } = checkpoint;
  const { index, leaf } =
    'entry' in name ? find(directory, size, name.entry) : at(directory, size, name.index);
  const hashes = treeOf(directory, checkpoint).inclusionProof(index);
  assertRoot(directory, checkpoint, rootOfInclusion(leaf, index, size, hashes));
  return { index, size, proof: encodeProof(index, hashes, encodeNote(note)) };
}

interface Leaf {
  readonly index: number;
  readonly leaf: Uint8Array;
}

function at(directory: string, size: number, index: number): Leaf {
  if (index >= size) throw absent(directory, `has no entry ${index}, only ${size}`);
  const tile = Math.floor(index / tileWidth);
  const hashes = readTile(directory, 0, tile, widthIn(size, 0, tile));
  const start = (index % tileWidth) * hashBytes;
  return { index, leaf: hashes.slice(start, start + hashBytes) };
}

/** Asks the index, and looks through the leaves only for what it does not know. */
function find(directory: string, size: number, entry: Uint8Array): Leaf {
  const leaf = leafHash(entry);
  const indexed = indexedLeaf(directory, size, Buffer.from(leaf));
  if (indexed !== undefined && indexed < size) {
    const there = at(directory, size, indexed);
    if (equal(there.leaf, leaf)) return there;
  }
  const found = search(directory, size, leaf);
  if (found === undefined) throw absent(directory, `has no such entry among its ${size}`);
  dropIndex(directory);
  return { index: found, leaf };
}

/** Looks through the leaves, the newest first: what is asked for is mostly new. */
function search(directory: string, size: number, leaf: Uint8Array): number | undefined {
  for (let tile = Math.ceil(size / tileWidth) - 1; tile >= 0; tile--) {
    const hashes = Buffer.from(readTile(directory, 0, tile, widthIn(size, 0, tile)));
    for (let from = hashes.length; from > 0; ) {
      const found = hashes.lastIndexOf(leaf, from - 1);
      if (found < 0) break;
      if (found % hashBytes === 0) return tile * tileWidth + found / hashBytes;
      from = found;
    }
  }
  return undefined;
}

/**
 * Which of `entries` the log has, by its leaves; the log is not verified, only read.
 * @throws StrongroomError LEDGER_INVALID, NOT_FOUND.
 */
export function hasEntries(directory: string, entries: readonly Uint8Array[]): boolean[] {
  const { size } = readLogCheckpoint(directory).checkpoint;
  const leaves = new Set<string>();
  for (let tile = 0; tile * tileWidth < size; tile++) {
    const hashes = readTile(directory, 0, tile, widthIn(size, 0, tile));
    for (let at = 0; at < hashes.length; at += hashBytes) {
      leaves.add(hex(hashes.subarray(at, at + hashBytes)));
    }
  }
  return entries.map((entry) => leaves.has(hex(leafHash(entry))));
}

const absent = (directory: string, why: string) =>
  new StrongroomError('NOT_LOGGED', `${directory}: the log ${why}`, { file: directory });
