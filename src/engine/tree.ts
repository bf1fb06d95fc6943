/**
 * The hash tree over ciphertext segments: RFC 9162 section 2.1 in shape, stored 256
 * wide as in C2SP tlog-tiles (docs/format.md, "Hash tree").
 */
import { equal, viewOf } from '../bytes.ts';
import type { TreeHash } from '../crypto/hash.ts';
import { StrongroomError } from '../errors.ts';
import { readExactly, type Source } from './source.ts';

/** Hashes in a full group. */
const width = 256;

/** Bytes that come before a segment in what a leaf hashes: 0x00 and the index. */
export const leafPrefixBytes = 9;

/** Writes the leaf prefix for segment `index` at the start of `buffer`. */
export function writeLeafPrefix(buffer: Uint8Array, index: number): void {
  buffer[0] = 0x00;
  viewOf(buffer).setBigUint64(1, BigInt(index));
}

/** Hashes per level, from the leaves up, for as long as a level has any. */
export function levelSizes(leaves: number): number[] {
  const sizes: number[] = [];
  for (let size = leaves; size > 0; size = Math.floor(size / width)) sizes.push(size);
  return sizes;
}

/** Length in bytes of the tiles region. */
export const tilesBytes = (leaves: number, hash: TreeHash): number =>
  levelSizes(leaves).reduce((sum, size) => sum + size, 0) * hash.bytes;

/** What a tree needs of its hash. */
type NodeHash = Pick<TreeHash, 'bytes' | 'digest'>;

/** Root of a complete subtree: `hashes` holds a power of two of them. */
export function subtreeRoot(hash: NodeHash, hashes: Uint8Array): Uint8Array {
  const { bytes } = hash;
  const pair = new Uint8Array(1 + 2 * bytes);
  pair[0] = 0x01;
  let level = hashes;
  while (level.length > bytes) {
    const next = new Uint8Array(level.length / 2);
    for (let at = 0; at < level.length; at += 2 * bytes) {
      pair.set(level.subarray(at, at + 2 * bytes), 1);
      next.set(hash.digest(pair), at / 2);
    }
    level = next;
  }
  return level;
}

/** The root, from the last incomplete group of every level, leaves first. */
export function rootOfEdges(hash: NodeHash, edges: readonly Uint8Array[]): Uint8Array {
  const pair = new Uint8Array(1 + 2 * hash.bytes);
  pair[0] = 0x01;
  let root: Uint8Array | undefined;
  for (const edge of edges) {
    // The edge is a row of complete subtrees, largest first: one for each bit of its count.
    let end = edge.length;
    for (let size = hash.bytes; end > 0; size *= 2) {
      if ((end / size) % 2 === 0) continue;
      const left = subtreeRoot(hash, edge.subarray(end - size, end));
      end -= size;
      if (root === undefined) {
        root = left;
      } else {
        pair.set(left, 1);
        pair.set(root, 1 + hash.bytes);
        root = hash.digest(pair);
      }
    }
  }
  if (root === undefined) throw new RangeError('a tree has at least one leaf');
  return root;
}

/** Tiles and content root of `leaves`, which holds every leaf hash in order. */
export function buildTree(hash: TreeHash, leaves: Uint8Array) {
  const levels = [leaves];
  const edges: Uint8Array[] = [];
  for (let level = leaves; ; ) {
    const groups = Math.floor(level.length / (width * hash.bytes));
    edges.push(level.subarray(groups * width * hash.bytes));
    if (groups === 0) break;
    const next = new Uint8Array(groups * hash.bytes);
    for (let group = 0; group < groups; group++) {
      const at = group * width * hash.bytes;
      next.set(subtreeRoot(hash, level.subarray(at, at + width * hash.bytes)), group * hash.bytes);
    }
    levels.push(next);
    level = next;
  }
  return { levels, root: rootOfEdges(hash, edges) };
}

/** Where the tiles of an archive are, and what they must add up to. */
export interface TreeLocation {
  /** Offset of the tiles in the archive. */
  readonly at: number;
  readonly leaves: number;
  readonly root: Uint8Array;
}

const groupsKept = 64;

/** Leaf hashes from the tiles of an archive, each held against the content root before use. */
export class TreeReader {
  readonly #source: Source;
  readonly #hash: TreeHash;
  readonly #sizes: readonly number[];
  readonly #starts: readonly number[];
  readonly #edges: readonly Uint8Array[];
  readonly #groups = new Map<string, Uint8Array>();

  private constructor(
    source: Source,
    hash: TreeHash,
    sizes: readonly number[],
    starts: readonly number[],
    edges: readonly Uint8Array[],
  ) {
    this.#source = source;
    this.#hash = hash;
    this.#sizes = sizes;
    this.#starts = starts;
    this.#edges = edges;
  }

  /** @throws StrongroomError TREE_INVALID when the tiles do not give the root. */
  static async open(source: Source, hash: TreeHash, location: TreeLocation): Promise<TreeReader> {
    const sizes = levelSizes(location.leaves);
    const starts: number[] = [];
    const edges: Uint8Array[] = [];
    let start = location.at;
    for (const size of sizes) {
      starts.push(start);
      const edge = size % width;
      edges.push(await readExactly(source, start + (size - edge) * hash.bytes, edge * hash.bytes));
      start += size * hash.bytes;
    }
    if (!equal(rootOfEdges(hash, edges), location.root)) {
      throw invalid(source, 'the hash tree does not lead to the content root of the seal');
    }
    return new TreeReader(source, hash, sizes, starts, edges);
  }

  /** The verified hash of segment `index`. */
  leaf(index: number): Promise<Uint8Array> {
    return this.#entry(0, index);
  }

  async #entry(level: number, index: number): Promise<Uint8Array> {
    const group = await this.#group(level, Math.floor(index / width));
    const at = (index % width) * this.#hash.bytes;
    return group.subarray(at, at + this.#hash.bytes);
  }

  async #group(level: number, group: number): Promise<Uint8Array> {
    const size = this.#sizes[level] ?? 0;
    if ((group + 1) * width > size) return this.#edges[level] as Uint8Array;
    const key = `${level}/${group}`;
    const kept = this.#groups.get(key);
    if (kept !== undefined) return kept;
    const at = (this.#starts[level] as number) + group * width * this.#hash.bytes;
    const hashes = await readExactly(this.#source, at, width * this.#hash.bytes);
    const above = await this.#entry(level + 1, group);
    if (!equal(subtreeRoot(this.#hash, hashes), above)) {
      throw invalid(
        this.#source,
        `group ${group} of level ${level} of the hash tree is altered`,
        at,
      );
    }
    if (this.#groups.size >= groupsKept) {
      for (const oldest of this.#groups.keys()) {
        this.#groups.delete(oldest);
        break;
      }
    }
    this.#groups.set(key, hashes);
    return hashes;
  }
}

const invalid = (source: Source, what: string, offset?: number) =>
  new StrongroomError('TREE_INVALID', `${source.name}: ${what}`, {
    file: source.name,
    ...(offset === undefined ? {} : { offset }),
  });
