/**
 * Grows a log's tree by its right edge: all that is kept is one tile a level, all that is read
 * are the partial ones.
 *
 * c2sp.org/tlog-tiles
 */
import { concat } from '../../bytes.ts';
import { rootOfEdges, subtreeRoot } from '../../engine/tree.ts';
import type { LogFile } from './files.ts';
import { emptyRoot, type Head, hashBytes, leafHash, treeHash } from './merkle.ts';
import {
  encodeEntry,
  fullTileBytes,
  hashesAt,
  type TileLevel,
  tilePathOf,
  tileWidth,
} from './tiles.ts';
import type { ReadTile } from './tree.ts';

/** The part of a level that fills no tile yet. */
interface Edge {
  /** Full tiles before it. */
  full: number;
  readonly hashes: Uint8Array;
  width: number;
}

export class TreeBuilder {
  #size = 0;
  readonly #edges: Edge[] = [];
  /** Entries of the bundle that is not full yet, encoded. */
  #entries: Uint8Array[] = [];
  readonly #emit: (file: LogFile, tile: Tile) => void;

  /** @param emit takes every full tile and bundle, in order. */
  constructor(emit: (file: LogFile, tile: Tile) => void) {
    this.#emit = emit;
  }

  /** Takes up a log of `size` entries where it ends; `entries` are those of its last bundle. */
  resume(size: number, entries: readonly Uint8Array[], readTile: ReadTile): void {
    this.#size = size;
    this.#entries = entries.map(encodeEntry);
    for (let level = 0; hashesAt(size, level) > 0; level++) {
      const edge = this.#edge(level);
      const count = hashesAt(size, level);
      edge.full = Math.floor(count / tileWidth);
      edge.width = count % tileWidth;
      if (edge.width > 0) edge.hashes.set(readTile(level, edge.full, edge.width));
    }
  }

  get size(): number {
    return this.#size;
  }

  get root(): Uint8Array {
    if (this.#size === 0) return emptyRoot;
    return rootOfEdges(
      treeHash,
      this.#edges.map(({ hashes, width }) => hashes.subarray(0, width * hashBytes)),
    );
  }

  get head(): Head {
    return { size: this.#size, root: this.root };
  }

  add(entry: Uint8Array): void {
    this.#entries.push(encodeEntry(entry));
    const index = Math.floor(this.#size / tileWidth);
    this.#size += 1;
    if (this.#entries.length === tileWidth) {
      this.#give('entries', index, tileWidth, concat(...this.#entries));
      this.#entries = [];
    }
    this.#push(0, leafHash(entry));
  }

  /** Partial tiles and the partial bundle, of the levels that changed since `before` entries. */
  flush(before: number): void {
    if (this.#entries.length > 0 && this.#size > before) {
      const index = Math.floor(this.#size / tileWidth);
      this.#give('entries', index, this.#entries.length, concat(...this.#entries));
    }
    for (const [level, { full, width, hashes }] of this.#edges.entries()) {
      if (width === 0 || hashesAt(before, level) === hashesAt(this.#size, level)) continue;
      this.#give(level, full, width, hashes.slice(0, width * hashBytes));
    }
  }

  #edge(level: number): Edge {
    const known = this.#edges[level];
    if (known !== undefined) return known;
    const edge = { full: 0, hashes: new Uint8Array(fullTileBytes), width: 0 };
    this.#edges.push(edge);
    return edge;
  }

  #push(level: number, hash: Uint8Array): void {
    const edge = this.#edge(level);
    edge.hashes.set(hash, edge.width * hashBytes);
    edge.width += 1;
    if (edge.width < tileWidth) return;
    this.#give(level, edge.full, tileWidth, edge.hashes.slice());
    edge.full += 1;
    edge.width = 0;
    this.#push(level + 1, subtreeRoot(treeHash, edge.hashes));
  }

  #give(level: TileLevel, index: number, width: number, bytes: Uint8Array): void {
    this.#emit({ path: tilePathOf(level, index, width), bytes }, { level, index, width });
  }
}

export interface Tile {
  readonly level: TileLevel;
  readonly index: number;
  readonly width: number;
}
