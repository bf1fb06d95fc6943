/** Headers of GGUF: versions 2 and 3, and everything that neither allows. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseGguf } from '#strongroom/archive/tensors/gguf.js';
import { isStrongroomError } from '#strongroom/index.js';
import { outcome } from '../../support/archive.ts';
import { type GgufParts, gguf, ggufValue } from '../../support/models.ts';

const { u32, u64, string } = ggufValue;
const parse = (bytes: Buffer, fileBytes = bytes.length) => parseGguf(bytes, 'm.gguf', fileBytes);
const [typeU32, typeString, typeArray] = [4, 8, 9];

const tensors = [
  { name: 'blk.0.w', dimensions: [256, 2], type: 12, offset: 64 },
  { name: 'norm', dimensions: [3], type: 0, offset: 0 },
];
const sound: GgufParts = {
  pairs: [
    ['general.architecture', typeString, string('llama')],
    ['general.alignment', typeU32, u32(64)],
    ['tokens', typeArray, Buffer.concat([u32(typeString), u64(2), string('a'), string('ü')])],
    ['scores', typeArray, Buffer.concat([u32(6), u64(2), Buffer.alloc(8)])],
    ['nested', typeArray, Buffer.concat([u32(typeArray), u64(1), u32(0), u64(3), Buffer.alloc(3)])],
  ],
  tensors,
  alignment: 64,
  data: Buffer.alloc(64 + 288),
};

describe('a header', () => {
  it.each([2, 3])('of version %i names tensors in the order of their bytes', (version) => {
    const bytes = gguf({ ...sound, version });
    const at = bytes.length - 64 - 288;
    expect(parse(bytes)).toEqual([
      { name: 'norm', dtype: 'F32', shape: [3], offset: at, bytes: 12 },
      { name: 'blk.0.w', dtype: 'Q4_K', shape: [2, 256], offset: at + 64, bytes: 288 },
    ]);
  });

  it('asks for more as long as it is not whole, and then for nothing', () => {
    const bytes = gguf(sound);
    const headerEnd = bytes.length - 64 - 288;
    for (let length = 0; length <= bytes.length; length++) {
      const found = parse(bytes.subarray(0, length), bytes.length);
      if (length >= headerEnd) expect(found).toHaveLength(2);
      else if (found !== undefined) expect(headerEnd - length).toBeLessThan(64);
    }
  });

  const one = (tensor: Partial<(typeof tensors)[0]>): GgufParts => ({
    tensors: [{ name: 't', dimensions: [4], type: 0, offset: 0, ...tensor }],
    data: Buffer.alloc(64),
  });
  it.each<[string, GgufParts]>([
    ['another magic', { magic: 'GGML' }],
    ['a name of 513 characters', one({ name: 'a'.repeat(513) })],
    ['version 1', { version: 1 }],
    ['version 4', { version: 4 }],
    ['a version of another byte order', { version: 3 << 24 }],
    ['2^64 - 1 tensors', { tensorCount: 2n ** 64n - 1n }],
    ['2^21 tensors', { tensorCount: 2n ** 21n }],
    ['2^63 pairs', { pairCount: 2n ** 63n }],
    ['more pairs than there are', { pairCount: 3n }],
    [
      'a key twice',
      {
        pairs: [
          ['a', typeU32, u32(1)],
          ['a', typeU32, u32(1)],
        ],
      },
    ],
    ['a key that is too long', { pairs: [['a'.repeat(65536), typeU32, u32(1)]] }],
    ['a string beyond the file', { pairs: [['a', typeString, u64(2n ** 40n)]] }],
    ['a string of 2^64 - 1', { pairs: [['a', typeString, u64(2n ** 64n - 1n)]] }],
    ['an unknown type', { pairs: [['a', 13, u32(1)]] }],
    ['an array of 2^63', { pairs: [['a', typeArray, Buffer.concat([u32(0), u64(2n ** 63n)])]] }],
    [
      'an array beyond the file',
      { pairs: [['a', typeArray, Buffer.concat([u32(typeArray), u64(90_000_000)])]] },
    ],
    [
      'arrays that nest deeper',
      {
        pairs: [
          ['a', typeArray, Buffer.concat(Array(8).fill(Buffer.concat([u32(typeArray), u64(1)])))],
        ],
      },
    ],
    ['an alignment of 0', { pairs: [['general.alignment', typeU32, u32(0)]] }],
    ['an alignment of 24', { pairs: [['general.alignment', typeU32, u32(24)]] }],
    ['an alignment of 2^31', { pairs: [['general.alignment', typeU32, u32(2 ** 31)]] }],
    ['an alignment that is a string', { pairs: [['general.alignment', typeString, string('32')]] }],
    ['an unknown tensor type', one({ type: 4 })],
    ['a tensor type beyond all', one({ type: 2 ** 32 - 1 })],
    ['nine dimensions', one({ dimensions: Array(9).fill(1) })],
    ['2^32 - 1 dimensions', { ...one({}), tensorCount: 2n }],
    ['a product beyond 2^53', one({ dimensions: [2 ** 40, 2 ** 40] })],
    ['half a block', one({ dimensions: [100], type: 12 })],
    ['an offset that is not aligned', one({ offset: 8 })],
    ['an offset beyond the file', one({ offset: 2 ** 40 })],
    ['a tensor that ends behind the file', one({ dimensions: [17] })],
    [
      'an overlap',
      { ...one({}), tensors: [...tensors, { name: 'x', dimensions: [3], type: 0, offset: 0 }] },
    ],
    ['a name twice', { ...sound, tensors: [...tensors, ...tensors] }],
  ])('with %s is refused', async (_, parts) => {
    expect(await outcome(() => parse(gguf(parts)))).toBe('MODEL_INVALID');
  });

  it('with a name that is no UTF-8 is refused', async () => {
    const bytes = gguf(one({ name: 'tt' }));
    bytes.fill(0xff, bytes.indexOf('tt'), bytes.indexOf('tt') + 2);
    expect(await outcome(() => parse(bytes))).toBe('MODEL_INVALID');
  });

  it('is read or refused, whatever byte of it is another', () => {
    const bytes = gguf(sound);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
        const altered = Buffer.from(bytes);
        altered[at] = value;
        try {
          for (const tensor of parse(altered) ?? []) {
            expect(tensor.offset + tensor.bytes).toBeLessThanOrEqual(altered.length);
          }
        } catch (error) {
          if (!isStrongroomError(error, 'MODEL_INVALID')) throw error;
        }
      }),
      { numRuns: 1000 },
    );
  });
});
