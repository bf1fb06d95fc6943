/** The tree against RFC 9162 section 2.1.1, written down as it is there: by recursion. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha384Tree, type TreeHash } from '#strongroom/crypto/hash.js';
import { keptSource } from '#strongroom/engine/source.js';
import { buildTree, levelSizes, TreeReader, tilesBytes } from '#strongroom/engine/tree.js';
import { outcome } from '../support/archive.ts';

/** Short hashes, so that large trees are cheap; the shape is what counts. */
const short: TreeHash = {
  name: 'blake3',
  bytes: 4,
  digest: (data) => new Uint8Array(createHash('sha1').update(data).digest().subarray(0, 4)),
};

function recursiveRoot(hash: TreeHash, leaves: readonly Uint8Array[]): Uint8Array {
  const [only] = leaves;
  if (leaves.length === 1) return only as Uint8Array;
  let k = 1;
  while (2 * k < leaves.length) k *= 2;
  const left = recursiveRoot(hash, leaves.slice(0, k));
  const right = recursiveRoot(hash, leaves.slice(k));
  return hash.digest(Buffer.concat([Uint8Array.of(1), left, right]));
}

const leavesOf = (count: number, { bytes }: TreeHash) =>
  Array.from({ length: count }, (_, i) => {
    const leaf = new Uint8Array(bytes);
    new DataView(leaf.buffer).setUint32(0, Math.imul(i + 1, 2654435761));
    return leaf;
  });

function made(count: number, hash = short) {
  const leaves = leavesOf(count, hash);
  const { levels, root } = buildTree(hash, Buffer.concat(leaves));
  const tiles = Buffer.concat(levels);
  const front = 100;
  const source = keptSource('tree', front + tiles.length, [{ at: front, bytes: tiles }]);
  const read = () => TreeReader.open(source, hash, { at: front, leaves: count, root });
  return { leaves, levels, root, tiles, read };
}

describe('the content root', () => {
  it('is that of RFC 9162 for 1 to 600 leaves', () => {
    for (let count = 1; count <= 600; count++) {
      const { leaves, root } = made(count);
      expect(Buffer.from(root).equals(recursiveRoot(short, leaves)), `${count}`).toBe(true);
    }
  });

  it.each([65535, 65536, 65537, 65536 + 257])('is that of RFC 9162 for %d leaves', (count) => {
    const { leaves, root } = made(count);
    expect(Buffer.from(root).equals(recursiveRoot(short, leaves))).toBe(true);
  });

  it('is that of RFC 9162 with SHA-384', () => {
    const { leaves, root } = made(300, sha384Tree);
    expect(Buffer.from(root).equals(recursiveRoot(sha384Tree, leaves))).toBe(true);
  });
});

describe('the tiles', () => {
  it.each([
    [1, [1]],
    [255, [255]],
    [256, [256, 1]],
    [600, [600, 2]],
    [65536, [65536, 256, 1]],
    [65536 * 3 + 5, [196613, 768, 3]],
  ])('of %d leaves have the levels of the format', (count, sizes) => {
    expect(levelSizes(count)).toEqual(sizes);
    expect(tilesBytes(count, short)).toBe(4 * sizes.reduce((sum, size) => sum + size, 0));
  });

  it('hold at level 1 the roots of 256 leaves', () => {
    const { leaves, levels } = made(600);
    for (const group of [0, 1]) {
      const root = recursiveRoot(short, leaves.slice(256 * group, 256 * (group + 1)));
      expect(Buffer.from(levels[1]?.subarray(4 * group, 4 * group + 4) ?? []).equals(root)).toBe(
        true,
      );
    }
  });
});

describe('a reader', () => {
  it('gives every leaf, in any order', async () => {
    const trees = [1, 2, 255, 256, 257, 512, 600, 65536, 70000].map((count) => made(count));
    const property = fc.asyncProperty(
      fc.constantFrom(...trees),
      fc.array(fc.nat(), { minLength: 1, maxLength: 80 }),
      async ({ leaves, read }, numbers) => {
        const reader = await read();
        for (const number of numbers) {
          const index = number % leaves.length;
          expect(Buffer.from(await reader.leaf(index)).equals(leaves[index] as Uint8Array)).toBe(
            true,
          );
        }
      },
    );
    await fc.assert(property, { numRuns: 60 });
  });

  it('holds every leaf that it gives against the root', async () => {
    const { leaves, tiles, read } = made(66000);
    const property = fc.asyncProperty(fc.nat(tiles.length - 1), async (at) => {
      tiles[at] = (tiles[at] as number) ^ 0x80;
      // The leaf that was altered, or the first below the node that was
      const altered = Math.floor(at / 4);
      const index =
        altered < leaves.length ? altered : Math.min((altered - leaves.length) * 256, 65535);
      const code = await outcome(async () => (await read()).leaf(index));
      tiles[at] = (tiles[at] as number) ^ 0x80;
      expect(code).toBe('TREE_INVALID');
    });
    await fc.assert(property, { numRuns: 60 });
  });
});

describe('memory', () => {
  // Of digests that the module would hold until the event loop turns, these would take 300 MB
  it.each(['blake3', 'sha384'])('is not kept for any digest: %s', (name) => {
    const script = `
      import { treeHashes } from '#strongroom/crypto/hash.js';
      import { buildTree } from '#strongroom/engine/tree.js';
      const hash = treeHashes['${name}'];
      const leaves = new Uint8Array(1e6 * hash.bytes);
      const before = process.resourceUsage().maxRSS;
      buildTree(hash, leaves);
      console.log(process.resourceUsage().maxRSS - before);
    `;
    const grownKb = execFileSync(process.execPath, ['--input-type=module', '-e', script]);
    expect(Number(grownKb) / 1024).toBeLessThan(150);
  });
});
