/** Headers of safetensors: what the format allows, and everything that it does not. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  parseSafetensors,
  parseShardIndex,
  safetensorsHeaderBytes,
} from '#strongroom/archive/tensors/safetensors.js';
import { isStrongroomError } from '#strongroom/index.js';
import { outcome } from '../../support/archive.ts';
import { safetensors } from '../../support/models.ts';

const parse = (header: string, dataBytes: number) => {
  const bytes = Buffer.from(header);
  return parseSafetensors(bytes, 'm.safetensors', 8 + bytes.length + dataBytes);
};
const refused = (header: string, dataBytes: number) => outcome(() => parse(header, dataBytes));

const row = (dtype: string, shape: number[], from: number, to: number) =>
  JSON.stringify({ dtype, shape, data_offsets: [from, to] });

describe('a header', () => {
  it('names tensors in the order of their bytes, with padding and metadata', () => {
    const header = `{"b":${row('BF16', [2, 3], 4, 16)},"__metadata__":{"format":"pt"},"a":${row('F32', [], 0, 4)}}   `;
    const at = 8 + header.length;
    expect(parse(header, 16)).toEqual([
      { name: 'a', dtype: 'F32', shape: [], offset: at, bytes: 4 },
      { name: 'b', dtype: 'BF16', shape: [2, 3], offset: at + 4, bytes: 12 },
    ]);
  });

  it('of brackets alone is refused before anything is made of them', () => {
    const header = `{"a":${'['.repeat(2 ** 22)}${']'.repeat(2 ** 22)}}`;
    expect(() => parse(header, 1)).toThrow(/more than 4194304 values/);
    expect(() => parseShardIndex(Buffer.from(header), 'index')).toThrow(/more than 4194304 values/);
  });

  it('may have a text that is nothing but escapes', () => {
    const metadata = `"__metadata__":{"a":"${'\\"'.repeat(2 ** 23)}"}`;
    expect(parse(`{${metadata},"t":${row('U8', [1], 0, 1)}}`, 1)).toHaveLength(1);
    expect(() => parse(`{${metadata},${metadata}}`, 0)).toThrow(/is there twice/);
  });

  it.each([
    ['BOOL', [3], 3],
    ['F4', [4], 2],
    ['F6_E2M3', [4], 3],
    ['F8_E4M3', [5], 5],
    ['F8_E5M2', [5], 5],
    ['F8_E8M0', [5], 5],
    ['F16', [2, 0, 7], 0],
    ['F64', [2], 16],
    ['C64', [2], 16],
  ])('%s %j takes %i bytes', (dtype, shape, bytes) => {
    expect(parse(`{"t":${row(dtype, shape, 0, bytes)}}`, bytes)[0]?.bytes).toBe(bytes);
  });

  it.each([
    ['no brace first', ` {"t":${row('U8', [1], 0, 1)}}`, 1],
    ['no JSON', '{"t":', 0],
    ['an array', '[]', 0],
    ['a name twice', `{"t":${row('U8', [1], 0, 1)},"t":${row('U8', [1], 0, 1)}}`, 1],
    ['a name twice, escaped', `{"t":${row('U8', [1], 0, 1)},"\\u0074":${row('U8', [1], 0, 1)}}`, 1],
    ['an overlap', `{"a":${row('U8', [4], 0, 4)},"b":${row('U8', [4], 2, 6)}}`, 6],
    ['a hole', `{"a":${row('U8', [4], 0, 4)},"b":${row('U8', [4], 5, 9)}}`, 9],
    ['a hole at the beginning', `{"a":${row('U8', [4], 1, 5)}}`, 5],
    ['bytes behind the last', `{"a":${row('U8', [4], 0, 4)}}`, 5],
    ['less data than stated', `{"a":${row('U8', [4], 0, 4)}}`, 3],
    ['an unknown dtype', `{"a":${row('F7', [4], 0, 4)}}`, 4],
    ['a dtype of the prototype', `{"a":${row('toString', [4], 0, 4)}}`, 4],
    ['another length than the shape', `{"a":${row('F32', [4], 0, 4)}}`, 4],
    ['half a byte', `{"a":${row('F4', [3], 0, 1)}}`, 1],
    ['a negative dimension', `{"a":${row('U8', [-1], 0, 0)}}`, 0],
    ['a fraction', `{"a":${row('U8', [1.5], 0, 1)}}`, 1],
    ['a product beyond 2^53', `{"a":${row('U8', [2 ** 40, 2 ** 40], 0, 4)}}`, 4],
    ['a product beyond 2^53, and 0', `{"a":${row('U8', [2 ** 40, 2 ** 40, 0], 0, 0)}}`, 0],
    ['a number for Infinity', '{"a":{"dtype":"U8","shape":[1e999],"data_offsets":[0,1]}}', 1],
    ['offsets the wrong way round', `{"a":${row('U8', [0], 4, 0)}}`, 0],
    ['a member that is not known', '{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1],"x":1}}', 1],
    ['a missing member', '{"a":{"dtype":"U8","shape":[]}}', 1],
    ['metadata of numbers', '{"__metadata__":{"a":1}}', 0],
    ['a name of 513 characters', `{"${'a'.repeat(513)}":${row('U8', [1], 0, 1)}}`, 1],
    ['65 dimensions', `{"a":${row('U8', Array(65).fill(1), 0, 1)}}`, 1],
  ])('with %s is refused', async (_, header, dataBytes) => {
    expect(await refused(header, dataBytes)).toBe('MODEL_INVALID');
  });

  it('that is no UTF-8 is refused', async () => {
    const bytes = Uint8Array.of(0x7b, 0xff, 0x7d);
    expect(await outcome(() => parseSafetensors(bytes, 'm', 11))).toBe('MODEL_INVALID');
  });

  it('is given back or refused, whatever the JSON', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(100), (json, dataBytes) => {
        try {
          parse(json, dataBytes);
        } catch (error) {
          if (!isStrongroomError(error, 'MODEL_INVALID')) throw error;
        }
      }),
    );
  });
});

describe('the length of a header', () => {
  const head = (length: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(length);
    return bytes;
  };

  it('is read', () => {
    expect(safetensorsHeaderBytes(safetensors({ a: [1, 2] }), 'm', 1000)).toBeGreaterThan(40);
  });

  it.each([
    ['above 100 MB', head(100_000_001n), 2 ** 40],
    ['of 2^64 - 1', head(2n ** 64n - 1n), 2 ** 40],
    ['beyond the file', head(100n), 107],
    ['cut off', Buffer.alloc(7), 7],
  ])('%s is refused', async (_, bytes, fileBytes) => {
    expect(await outcome(() => safetensorsHeaderBytes(bytes, 'm', fileBytes))).toBe(
      'MODEL_INVALID',
    );
  });
});

describe('an index of shards', () => {
  it('says which file holds what', () => {
    const index = Buffer.from('{"metadata":{"total_size":1},"weight_map":{"a":"1.safetensors"}}');
    expect([...parseShardIndex(index, 'i')]).toEqual([['a', '1.safetensors']]);
  });

  it.each(['', '{}', '{"weight_map":[]}', '{"weight_map":{"a":1}}'])(
    '%s is refused',
    async (text) => {
      expect(await outcome(() => parseShardIndex(Buffer.from(text), 'i'))).toBe('MODEL_INVALID');
    },
  );
});
