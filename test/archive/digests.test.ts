/** SHA-256 of files and of their shards: over a tar as it passes, and as ranges of a stream. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  digestedBytes,
  digestRanges,
  digestsByFile,
  PassingDigests,
  type Sharding,
  shardCount,
} from '#strongroom/archive/digests.js';
import { TarFollower } from '#strongroom/archive/tar/follow.js';
import { noise } from '../support/archive.ts';
import { directory, member, tar } from '../support/tar.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
const hex = (bytes: Uint8Array) => sha256(bytes).toString('hex');
const contents = [0, 1, 999, 1000, 1001, 2000, 3500].map((size, i) => noise(size, i + 1));
const bytes = tar(directory('d/'), ...contents.map((each, i) => member(each, { name: `d/${i}` })));

/** What each file's digests are, by slicing. */
const expected = ({ shardSize }: Sharding): string[][] =>
  contents.map((content) => {
    if (shardSize === undefined) return [hex(content)];
    const shards: string[] = [];
    for (let at = 0; at < content.length; at += shardSize) {
      shards.push(hex(content.subarray(at, at + shardSize)));
    }
    return shards;
  });

describe.each<[string, Sharding]>([
  ['whole files', {}],
  ['shards of 1000 bytes', { shardSize: 1000 }],
  ['shards of one byte', { shardSize: 1 }],
  ['shards longer than any file', { shardSize: 2 ** 40 }],
])('digests of %s', (_, sharding) => {
  it.each([1, 7, 512, 100_000])('of a tar that passes in pieces of %i bytes', (piece) => {
    const digests = new PassingDigests(sharding);
    const follower = new TarFollower(digests);
    for (let at = 0; at < bytes.length; at += piece) follower.push(bytes.subarray(at, at + piece));
    follower.end();
    expect(digests.files).toEqual(expected(sharding));
  });

  it('of ranges of a stream, given back to their files', () => {
    let offset = 512;
    const files = contents.map(({ length }) => {
      const found = { offset, size: length };
      offset += length + 100;
      return found;
    });
    const stream = new Uint8Array(offset);
    for (const [i, { offset }] of files.entries()) stream.set(contents[i] as Uint8Array, offset);
    const ranges = digestRanges(files, sharding);
    expect(digestedBytes(ranges)).toBe(8501);
    const hashes = [...ranges.at].map((at, i) =>
      sha256(stream.subarray(at, at + (ranges.lengths[i] as number))),
    );
    expect(digestsByFile(files, sharding, Buffer.concat(hashes))).toEqual(expected(sharding));
  });
});

it.each([
  [0, undefined, 1],
  [5, undefined, 1],
  [0, 10, 0],
  [1, 10, 1],
  [10, 10, 1],
  [11, 10, 2],
])('a file of %i bytes has, in shards of %s, %i', (size, shardSize, count) => {
  expect(shardCount(size, { shardSize })).toBe(count);
});
