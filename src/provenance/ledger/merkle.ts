/**
 * The Merkle tree of a transparency log: RFC 6962 section 2.1 with SHA-256, and its proofs as
 * RFC 9162 sections 2.1.3.2 and 2.1.4.2 verify them. Hashes are 32 bytes; sizes and indexes
 * are whole numbers up to 2^53 − 1, so that no operator here is one of 32 bits.
 */
import { concat, equal } from '../../bytes.ts';
import { sha256 } from '../../crypto/hash.ts';

export const hashBytes = 32;

/** For `engine/tree.ts`, whose nodes are hashed alike. */
export const treeHash = { bytes: hashBytes, digest: sha256 };

/** The root of a tree without leaves. */
export const emptyRoot: Uint8Array = sha256(new Uint8Array(0));

const leafPrefix = Uint8Array.of(0x00);
const nodePrefix = Uint8Array.of(0x01);

export const leafHash = (entry: Uint8Array): Uint8Array => sha256(concat(leafPrefix, entry));

export const nodeHash = (left: Uint8Array, right: Uint8Array): Uint8Array =>
  sha256(concat(nodePrefix, left, right));

const half = (value: number): number => Math.floor(value / 2);
const isOdd = (value: number): boolean => value % 2 === 1;

/** The largest power of two below `size`, which is 2 or more: where RFC 6962 splits a tree. */
export function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

export function isPowerOfTwo(size: number): boolean {
  let odd = size;
  while (odd > 1 && !isOdd(odd)) odd /= 2;
  return odd === 1;
}

/**
 * The root that an inclusion proof leads to from a leaf hash.
 * @returns `undefined` for a proof of the wrong length, or an index that is not below `size`.
 */
export function rootOfInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
): Uint8Array | undefined {
  if (index >= size) return undefined;
  let [at, last] = [index, size - 1];
  let root = leaf;
  for (const hash of proof) {
    if (last === 0) return undefined;
    if (isOdd(at) || at === last) {
      root = nodeHash(hash, root);
      while (!isOdd(at) && at !== 0) [at, last] = [half(at), half(last)];
    } else {
      root = nodeHash(root, hash);
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 ? root : undefined;
}

/** A tree as a checkpoint states it. */
export interface Head {
  readonly size: number;
  readonly root: Uint8Array;
}

/** Whether the proof shows that `after` has all leaves of `before`, in place, and maybe more. */
export function isConsistent(before: Head, after: Head, proof: readonly Uint8Array[]): boolean {
  if (before.size > after.size) return false;
  if (before.size === 0) return proof.length === 0 && equal(before.root, emptyRoot);
  if (before.size === after.size) return proof.length === 0 && equal(before.root, after.root);
  const [first, ...rest] = isPowerOfTwo(before.size) ? [before.root, ...proof] : proof;
  if (first === undefined) return false;
  let [at, last] = [before.size - 1, after.size - 1];
  while (isOdd(at)) [at, last] = [half(at), half(last)];
  let [old, root] = [first, first];
  for (const hash of rest) {
    if (last === 0) return false;
    if (isOdd(at) || at === last) {
      [old, root] = [nodeHash(hash, old), nodeHash(hash, root)];
      while (!isOdd(at) && at !== 0) [at, last] = [half(at), half(last)];
    } else {
      root = nodeHash(root, hash);
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && equal(old, before.root) && equal(root, after.root);
}
