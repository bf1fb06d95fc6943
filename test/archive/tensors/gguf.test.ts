/** Headers of GGUF: versions 2 and 3, and everything that neither allows. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseGguf } from '#strongroom/archive/tensors/gguf.js';
import { isStrongroomError } from '#strongroom/index.js';
import { refusal } from '../../keys/helpers.ts';
import { outcome } from '../../support/archive.ts';
import { type GgufParts, gguf, ggufValue } from '../../support/models.ts';

const { u32, u64, string } = ggufValue;
const [typeU32, typeString, typeArray] = [4, 8, 9];

/** Arrays of arrays, the innermost of one byte. */
const nested = (depth: number): Buffer =>
  depth === 1
    ? Buffer.concat([u32(0), u64(1), Buffer.alloc(1)])
    : Buffer.concat([u32(typeArray), u64(1), nested(depth - 1)]);
const parse = (bytes: Buffer, fileBytes = bytes.length) => parseGguf(bytes, 'm.gguf', fileBytes);

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
  it.each<[string, string, GgufParts]>([
    ['another magic', 'does not begin', { magic: 'GGML' }],
    ['a name of 513 characters', 'longer than 512', one({ name: 'a'.repeat(513) })],
    ['version 1', 'version 1,', { version: 1 }],
    ['version 4', 'version 4,', { version: 4 }],
    ['a version of another byte order', 'GGUF version', { version: 3 << 24 }],
    ['2^64 - 1 tensors', 'too large', { tensorCount: 2n ** 64n - 1n }],
    ['2^21 tensors', '2097152 tensors', { tensorCount: 2n ** 21n }],
    ['2^63 pairs', 'too large', { pairCount: 2n ** 63n }],
    ['more pairs than there are', 'ends before', { pairCount: 3n }],
    [
      'a key twice',
      'the key a twice',
      {
        pairs: [
          ['a', typeU32, u32(1)],
          ['a', typeU32, u32(1)],
        ],
      },
    ],
    [
      'a key that is too long',
      'bytes of a name',
      { pairs: [['a'.repeat(65536), typeU32, u32(1)]] },
    ],
    ['a string beyond the file', 'ends before', { pairs: [['a', typeString, u64(2n ** 40n)]] }],
    ['a string of 2^64 - 1', 'too large', { pairs: [['a', typeString, u64(2n ** 64n - 1n)]] }],
    ['an unknown type', 'unknown type', { pairs: [['a', 13, u32(1)]] }],
    [
      'an array of 2^63',
      'too large',
      { pairs: [['a', typeArray, Buffer.concat([u32(0), u64(2n ** 63n)])]] },
    ],
    [
      'an array beyond the file',
      'ends before',
      { pairs: [['a', typeArray, Buffer.concat([u32(typeArray), u64(90_000_000)])]] },
    ],
    [
      'arrays that nest deeper',
      'unknown type',
      {
        pairs: [
          ['a', typeArray, Buffer.concat(Array(8).fill(Buffer.concat([u32(typeArray), u64(1)])))],
        ],
      },
    ],
    ['an alignment of 0', 'alignment', { pairs: [['general.alignment', typeU32, u32(0)]] }],
    ['an alignment of 24', 'alignment', { pairs: [['general.alignment', typeU32, u32(24)]] }],
    [
      'an alignment of 2^31',
      'alignment',
      { pairs: [['general.alignment', typeU32, u32(2 ** 31)]] },
    ],
    [
      'an alignment that is a string',
      'alignment',
      { pairs: [['general.alignment', typeString, string('32')]] },
    ],
    ['an unknown tensor type', 'unknown type, 4', one({ type: 4 })],
    ['a tensor type beyond all', 'unknown type', one({ type: 2 ** 32 - 1 })],
    ['nine dimensions', 'too many dimensions', one({ dimensions: Array(9).fill(1) })],
    ['a product beyond 2^53', 'impossible shape', one({ dimensions: [2 ** 40, 2 ** 40] })],
    ['half a block', 'impossible shape', one({ dimensions: [100], type: 12 })],
    ['an offset that is not aligned', 'not aligned', one({ offset: 8 })],
    ['an offset beyond the file', 'behind the file', one({ offset: 2 ** 40 })],
    ['a tensor that ends behind the file', 'behind the file', one({ dimensions: [17] })],
    [
      'an overlap',
      'overlaps',
      { ...one({}), tensors: [...tensors, { name: 'x', dimensions: [3], type: 0, offset: 0 }] },
    ],
    ['a name twice', 'the tensor blk.0.w twice', { ...sound, tensors: [...tensors, ...tensors] }],
    ['an alignment of 4', 'alignment', { pairs: [['general.alignment', typeU32, u32(4)]] }],
    [
      'an alignment of 2^21',
      'alignment',
      { pairs: [['general.alignment', typeU32, u32(2 ** 21)]] },
    ],
    ['an alignment of another type', 'alignment', { pairs: [['general.alignment', 5, u32(32)]] }],
    [
      'a name twice, in places of their own',
      'the tensor t twice',
      {
        tensors: [0, 32].map((offset) => ({ name: 't', dimensions: [8], type: 0, offset })),
        data: Buffer.alloc(64),
      },
    ],
    ['a key of 65536 bytes', 'bytes of a name', { pairs: [['a'.repeat(65536), typeU32, u32(1)]] }],
    ['arrays that are five deep', 'unknown type', { pairs: [['a', typeArray, nested(5)]] }],
  ])('with %s is refused', async (_, why, parts) => {
    const { code, message } = await refusal(() => parse(gguf(parts)));
    expect(code).toBe('MODEL_INVALID');
    expect(message).toContain(why);
  });

  it('longer than 100 MB is refused, whatever its file holds', async () => {
    const bytes = gguf({ pairs: [['a', typeString, u64(2n ** 40n)]] });
    const { code, message } = await refusal(() => parse(bytes, 2 ** 42));
    expect(code).toBe('MODEL_INVALID');
    expect(message).toContain('header too long');
  });

  it('may be all of its file', () => {
    const bytes = gguf({}).subarray(0, 24);
    expect(parse(bytes)).toEqual([]);
  });

  it.each<[string, GgufParts]>([
    ['eight dimensions', one({ dimensions: [4, 1, 1, 1, 1, 1, 1, 1] })],
    ['no dimension', one({ dimensions: [] })],
    ['a key of 65535 bytes', { ...one({}), pairs: [['a'.repeat(65535), typeU32, u32(1)]] }],
    ['arrays that are four deep', { ...one({}), pairs: [['a', typeArray, nested(4)]] }],
    [
      'an alignment of 2^20',
      { ...one({}), pairs: [['general.alignment', typeU32, u32(2 ** 20)]], alignment: 2 ** 20 },
    ],
  ])('may have %s', (_, parts) => {
    expect(parse(gguf(parts))?.map(({ name }) => name)).toEqual(['t']);
  });

  it('may name tensors without bytes before, between and behind others, in any order', () => {
    const names = (...offsets: number[]) => {
      const parts = offsets.map((offset, i) => ({
        name: i === 0 ? 'a' : `none${offset}`,
        dimensions: [i === 0 ? 8 : 0],
        type: 0,
        offset,
      }));
      const given = (all: typeof parts) =>
        parse(gguf({ tensors: all, data: Buffer.alloc(32) }))?.map(({ name }) => name);
      return [given(parts), given(parts.toReversed())];
    };
    expect(names(0, 0)).toEqual([
      ['none0', 'a'],
      ['none0', 'a'],
    ]);
    expect(names(0, 32)).toEqual([
      ['a', 'none32'],
      ['a', 'none32'],
    ]);
  });

  it.each([
    ['u8', 0, 1],
    ['i8', 1, 1],
    ['u16', 2, 2],
    ['i16', 3, 2],
    ['u32', 4, 4],
    ['i32', 5, 4],
    ['f32', 6, 4],
    ['bool', 7, 1],
    ['u64', 10, 8],
    ['i64', 11, 8],
    ['f64', 12, 8],
  ])('may have metadata of %s, alone and in arrays', (_, type, length) => {
    const pairs: GgufParts['pairs'] = [
      ['one', type, Buffer.alloc(length, 1)],
      ['many', typeArray, Buffer.concat([u32(type), u64(3), Buffer.alloc(3 * length, 1)])],
    ];
    expect(parse(gguf({ ...one({}), pairs }))).toMatchObject([{ name: 't', bytes: 16 }]);
  });

  it('with 2^32 - 1 dimensions is refused', async () => {
    const bytes = gguf(one({}));
    bytes.writeUInt32LE(2 ** 32 - 1, 24 + 8 + 1);
    const { code, message } = await refusal(() => parse(bytes));
    expect(code).toBe('MODEL_INVALID');
    expect(message).toContain('too many dimensions');
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

// Bytes of a block as its parts: scales, minima, then the elements' own bits
describe.each<[name: string, type: number, elements: number, bytes: number]>([
  ['F32', 0, 1, 4],
  ['F16', 1, 1, 2],
  ['Q4_0', 2, 32, 2 + 16],
  ['Q4_1', 3, 32, 2 + 2 + 16],
  ['Q5_0', 6, 32, 2 + 4 + 16],
  ['Q5_1', 7, 32, 2 + 2 + 4 + 16],
  ['Q8_0', 8, 32, 2 + 32],
  ['Q8_1', 9, 32, 2 + 2 + 32],
  ['Q2_K', 10, 256, 2 + 2 + 256 / 16 + 256 / 4],
  ['Q3_K', 11, 256, 2 + 256 / 4 + 256 / 8 + 12],
  ['Q4_K', 12, 256, 2 + 2 + 256 / 2 + 12],
  ['Q5_K', 13, 256, 2 + 2 + 256 / 2 + 256 / 8 + 12],
  ['Q6_K', 14, 256, 2 + 256 / 2 + 256 / 4 + 256 / 16],
  ['Q8_K', 15, 256, 4 + 256 + 256 / 8],
  ['IQ2_XXS', 16, 256, 2 + 256 / 4],
  ['IQ2_XS', 17, 256, 2 + 256 / 4 + 256 / 32],
  ['IQ3_XXS', 18, 256, 2 + 256 / 4 + 256 / 8],
  ['IQ1_S', 19, 256, 2 + 256 / 8 + 256 / 16],
  ['IQ4_NL', 20, 32, 2 + 16],
  ['IQ3_S', 21, 256, 2 + 256 / 4 + 256 / 8 + 256 / 32 + 4],
  ['IQ2_S', 22, 256, 2 + 256 / 4 + 256 / 16],
  ['IQ4_XS', 23, 256, 2 + 2 + 256 / 2 + 256 / 64],
  ['I8', 24, 1, 1],
  ['I16', 25, 1, 2],
  ['I32', 26, 1, 4],
  ['I64', 27, 1, 8],
  ['F64', 28, 1, 8],
  ['IQ1_M', 29, 256, 256 / 8 + 256 / 16 + 256 / 32],
  ['BF16', 30, 1, 2],
  ['TQ1_0', 34, 256, 2 + 4 * 13],
  ['TQ2_0', 35, 256, 2 + 64],
  ['MXFP4', 39, 32, 1 + 16],
  ['NVFP4', 40, 64, 4 + 32],
  ['Q1_0', 41, 128, 2 + 16],
  ['Q2_0', 42, 64, 2 + 64 / 4],
])('%s', (dtype, type, elements, bytes) => {
  it('takes the bytes of its blocks, the innermost dimension in whole ones', async () => {
    const data = Buffer.alloc(6 * bytes);
    const of = (dimensions: readonly number[]) =>
      parse(gguf({ tensors: [{ name: 't', dimensions, type, offset: 0 }], data }));
    expect(of([2 * elements, 3])).toMatchObject([{ dtype, bytes: 6 * bytes }]);
    expect(of([elements])).toMatchObject([{ dtype, bytes }]);
    if (elements > 1) {
      expect(await outcome(() => of([elements / 2, 2]))).toBe('MODEL_INVALID');
    }
  });
});
