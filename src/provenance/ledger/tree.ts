/**
 * Roots and proofs of a log, from its tiles alone: a few of them, whatever its size.
 *
 * RFC 6962 sections 2.1.1 and 2.1.2, c2sp.org/tlog-tiles
 */
import { subtreeRoot } from '../../engine/tree.ts';
import { hashBytes, isPowerOfTwo, nodeHash, splitOf, treeHash } from './merkle.ts';
import { tileWidth, widthIn } from './tiles.ts';

/** Reads a tile of hashes that is `width` wide. */
export type ReadTile = (level: number, index: number, width: number) => Uint8Array;

export class LogTree {
  readonly size: number;
  readonly #read: ReadTile;
  readonly #tiles = new Map<string, Uint8Array>();

  constructor(size: number, read: ReadTile) {
    this.size = size;
    this.#read = read;
  }

  /** The root over the first `size` leaves, of which there are one or more. */
  root(size: number = this.size): Uint8Array {
    return this.#range(0, size);
  }

  /** PATH(index, D[n]) of RFC 6962, for the whole log. */
  inclusionProof(index: number): Uint8Array[] {
    return this.#path(index, 0, this.size);
  }

  /** PROOF(before, D[n]) of RFC 6962; empty if `before` is 0 or the whole. */
  consistencyProof(before: number): Uint8Array[] {
    if (before === 0 || before === this.size) return [];
    return this.#subproof(before, 0, this.size, true);
  }

  #path(index: number, start: number, end: number): Uint8Array[] {
    if (end - start === 1) return [];
    const middle = start + splitOf(end - start);
    return index < middle
      ? [...this.#path(index, start, middle), this.#range(middle, end)]
      : [...this.#path(index, middle, end), this.#range(start, middle)];
  }

  #subproof(before: number, start: number, end: number, isWhole: boolean): Uint8Array[] {
    if (before === end) return isWhole ? [] : [this.#range(start, end)];
    const middle = start + splitOf(end - start);
    return before <= middle
      ? [...this.#subproof(before, start, middle, isWhole), this.#range(middle, end)]
      : [...this.#subproof(before, middle, end, false), this.#range(start, middle)];
  }

  /** MTH(D[start:end]), where the range is one that RFC 6962 splits a tree into. */
  #range(start: number, end: number): Uint8Array {
    const count = end - start;
    if (isPowerOfTwo(count)) return this.#subtree(start, count);
    const middle = start + splitOf(count);
    return nodeHash(this.#range(start, middle), this.#range(middle, end));
  }

  /** The root of a complete subtree, from the row of hashes in one tile that spans it. */
  #subtree(start: number, count: number): Uint8Array {
    let [level, leavesEach] = [0, 1];
    for (; leavesEach * tileWidth <= count; level++) leavesEach *= tileWidth;
    const first = start / leavesEach;
    const index = Math.floor(first / tileWidth);
    const at = (first % tileWidth) * hashBytes;
    const hashes = this.#tile(level, index).subarray(at, at + (count / leavesEach) * hashBytes);
    return subtreeRoot(treeHash, hashes);
  }

  #tile(level: number, index: number): Uint8Array {
    const key = `${level}/${index}`;
    const kept = this.#tiles.get(key);
    if (kept !== undefined) return kept;
    const tile = this.#read(level, index, widthIn(this.size, level, index));
    this.#tiles.set(key, tile);
    return tile;
  }
}
