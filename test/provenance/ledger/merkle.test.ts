import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, hex } from '#strongroom/bytes.js';
import { TreeBuilder } from '#strongroom/provenance/ledger/builder.js';
import {
  emptyRoot,
  isConsistent,
  leafHash,
  nodeHash,
  rootOfInclusion,
} from '#strongroom/provenance/ledger/merkle.js';
import { widthIn } from '#strongroom/provenance/ledger/tiles.js';
import { LogTree } from '#strongroom/provenance/ledger/tree.js';
import { entryAt } from './helpers.ts';

/** The leaves and roots that implementations of RFC 6962 are tested with. */
const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657'];
const roots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
];

/** RFC 6962 section 2.1 to the letter, over a whole list of leaf hashes. */
const split = (n: number) => 2 ** Math.ceil(Math.log2(n) - 1);
function mth(hashes: readonly Uint8Array[]): Uint8Array {
  const [first, second] = hashes;
  if (first === undefined) return emptyRoot;
  if (second === undefined) return first;
  const k = split(hashes.length);
  return nodeHash(mth(hashes.slice(0, k)), mth(hashes.slice(k)));
}
function path(m: number, hashes: readonly Uint8Array[]): Uint8Array[] {
  if (hashes.length === 1) return [];
  const k = split(hashes.length);
  const [left, right] = [hashes.slice(0, k), hashes.slice(k)];
  return m < k ? [...path(m, left), mth(right)] : [...path(m - k, right), mth(left)];
}
function subproof(m: number, hashes: readonly Uint8Array[], isWhole: boolean): Uint8Array[] {
  if (m === hashes.length) return isWhole ? [] : [mth(hashes)];
  const k = split(hashes.length);
  const [left, right] = [hashes.slice(0, k), hashes.slice(k)];
  return m <= k
    ? [...subproof(m, left, isWhole), mth(right)]
    : [...subproof(m - k, right, false), mth(left)];
}

/** A log in memory, with the leaf hashes that it is made of. */
function logInMemory(size: number) {
  const tiles = new Map<string, Uint8Array>();
  const builder = new TreeBuilder(({ bytes }, { level, index }) => {
    tiles.set(`${level}/${index}`, bytes);
  });
  const hashes = Array.from({ length: size }, (_, i) => {
    builder.add(entryAt(i));
    return leafHash(entryAt(i));
  });
  builder.flush(0);
  const tree = new LogTree(size, (level, index, width) => {
    expect(width).toBe(widthIn(size, level, index));
    return tiles.get(`${level}/${index}`) as Uint8Array;
  });
  return { root: builder.root, hashes, tree };
}

/** Around every boundary of tiles, and one with a third level. */
const big = logInMemory(65_536 + 256 + 3);
const sizes = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc.constantFrom(255, 256, 257, 511, 512, 513, 700),
);

describe('roots', () => {
  it('are those of the known answers', () => {
    const builder = new TreeBuilder(() => {});
    expect(hex(builder.root)).toBe(roots[0]);
    for (const [i, leaf] of leaves.entries()) {
      builder.add(fromHex(leaf));
      expect(hex(builder.root)).toBe(roots[i + 1]);
    }
  });

  it('are those of the definition, at every level of tiles', () => {
    expect(big.root).toEqual(mth(big.hashes));
    expect(big.tree.root()).toEqual(big.root);
    for (const size of [1, 255, 256, 257, 65_535, 65_536, 65_537]) {
      expect(big.tree.root(size)).toEqual(mth(big.hashes.slice(0, size)));
    }
  });
});

describe('inclusion', () => {
  it('is proved as the definition says, and verified', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), (size, seed) => {
        const { root, hashes, tree } = logInMemory(size);
        const index = seed % size;
        const proof = tree.inclusionProof(index);
        expect(proof).toEqual(path(index, hashes));
        expect(rootOfInclusion(hashes[index] as Uint8Array, index, size, proof)).toEqual(root);
      }),
      { numRuns: 60 },
    );
    for (const index of [0, 255, 256, 65_535, 65_536, 65_791, 65_792, 65_794]) {
      const proof = big.tree.inclusionProof(index);
      expect(proof).toEqual(path(index, big.hashes));
      const leaf = big.hashes[index] as Uint8Array;
      expect(rootOfInclusion(leaf, index, big.hashes.length, proof)).toEqual(big.root);
    }
  });

  it('does not hold for another leaf, index or size, nor for an altered proof', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat(), (size, seed, other) => {
        const { root, hashes, tree } = logInMemory(size);
        const index = seed % size;
        const leaf = hashes[index] as Uint8Array;
        const proof = tree.inclusionProof(index);
        const isProved = (...args: Parameters<typeof rootOfInclusion>) =>
          Buffer.from(rootOfInclusion(...args) ?? []).equals(root);
        expect(isProved(leafHash(entryAt(size)), index, size, proof)).toBe(false);
        if (other % size !== index) expect(isProved(leaf, other % size, size, proof)).toBe(false);
        expect(isProved(leaf, index + size, size, proof)).toBe(false);
        expect(isProved(leaf, index, size, [...proof, root])).toBe(false);
        if (proof.length === 0) return;
        expect(isProved(leaf, index, size, proof.slice(1))).toBe(false);
        expect(isProved(leaf, index, size, proof.slice(0, -1))).toBe(false);
        const at = other % proof.length;
        const altered = proof.map((hash, i) => (i === at ? nodeHash(hash, hash) : hash));
        expect(isProved(leaf, index, size, altered)).toBe(false);
      }),
      { numRuns: 60 },
    );
  });
});

describe('consistency', () => {
  const heads = (size: number, before: number) => {
    const { root, hashes, tree } = logInMemory(size);
    const old = { size: before, root: mth(hashes.slice(0, before)) };
    return { old, now: { size, root }, hashes, proof: tree.consistencyProof(before) };
  };

  it('is proved as the definition says, and verified', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), (size, seed) => {
        const before = seed % (size + 1);
        const { old, now, hashes, proof } = heads(size, before);
        if (before > 0) expect(proof).toEqual(subproof(before, hashes, true));
        expect(isConsistent(old, now, proof)).toBe(true);
      }),
      { numRuns: 60 },
    );
    for (const before of [1, 256, 257, 65_535, 65_536, 65_537, 65_792, 65_795]) {
      const proof = big.tree.consistencyProof(before);
      const old = { size: before, root: mth(big.hashes.slice(0, before)) };
      expect(isConsistent(old, { size: big.hashes.length, root: big.root }, proof)).toBe(true);
    }
  });

  it('does not hold for another past, nor for an altered proof', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat(), (size, seed, other) => {
        const before = 1 + (seed % size);
        const { old, now, proof } = heads(size, before);
        const foreign = nodeHash(old.root, old.root);
        expect(isConsistent({ ...old, root: foreign }, now, proof)).toBe(false);
        expect(isConsistent(old, { ...now, root: foreign }, proof)).toBe(false);
        expect(isConsistent({ ...old, size: size + 1 }, now, proof)).toBe(false);
        expect(isConsistent(old, now, [...proof, foreign])).toBe(false);
        if (proof.length === 0) return;
        expect(isConsistent(old, now, proof.slice(1))).toBe(false);
        expect(isConsistent(old, now, proof.slice(0, -1))).toBe(false);
        const at = other % proof.length;
        const altered = proof.map((hash, i) => (i === at ? foreign : hash));
        expect(isConsistent(old, now, altered)).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  it('needs no proof from nothing, but the right nothing', () => {
    const now = { size: 5, root: logInMemory(5).root };
    expect(isConsistent({ size: 0, root: emptyRoot }, now, [])).toBe(true);
    expect(isConsistent({ size: 0, root: emptyRoot }, now, [emptyRoot])).toBe(false);
    expect(isConsistent({ size: 0, root: now.root }, now, [])).toBe(false);
  });
});
