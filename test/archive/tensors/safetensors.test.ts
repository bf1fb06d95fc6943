/** Headers of safetensors: what the format allows, and everything that it does not. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  parseSafetensors,
  parseShardIndex,
  safetensorsHeaderBytes,
} from '#strongroom/archive/tensors/safetensors.js';
import { isStrongroomError } from '#strongroom/index.js';
import { refusal } from '../../keys/helpers.ts';
import { outcome } from '../../support/archive.ts';
import { safetensors } from '../../support/models.ts';

const parse = (header: string, dataBytes: number) => {
  const bytes = Buffer.from(header);
  return parseSafetensors(bytes, 'm.safetensors', 8 + bytes.length + dataBytes);
};
const refused = (header: string, dataBytes: number) => refusal(() => parse(header, dataBytes));

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
    ['no brace first', ` {"t":${row('U8', [1], 0, 1)}}`, 1, 'brace'],
    ['no JSON', '{"t":', 0, 'not JSON'],
    ['an array', '[]', 0, 'brace'],
    ['a name twice', `{"t":${row('U8', [1], 0, 1)},"t":${row('U8', [1], 0, 1)}}`, 1, 'twice'],
    [
      'a name twice, escaped',
      `{"t":${row('U8', [1], 0, 1)},"\\u0074":${row('U8', [1], 0, 1)}}`,
      1,
      'twice',
    ],
    ['an overlap', `{"a":${row('U8', [4], 0, 4)},"b":${row('U8', [4], 2, 6)}}`, 6, 'overlaps'],
    ['a hole', `{"a":${row('U8', [4], 0, 4)},"b":${row('U8', [4], 5, 9)}}`, 9, 'hole'],
    ['a hole at the beginning', `{"a":${row('U8', [4], 1, 5)}}`, 5, 'hole'],
    ['bytes behind the last', `{"a":${row('U8', [4], 0, 4)}}`, 5, 'end where'],
    ['less data than stated', `{"a":${row('U8', [4], 0, 4)}}`, 3, 'end where'],
    ['an unknown dtype', `{"a":${row('F7', [4], 0, 4)}}`, 4, 'unknown dtype'],
    ['a dtype of the prototype', `{"a":${row('toString', [4], 0, 4)}}`, 4, 'unknown dtype'],
    ['another length than the shape', `{"a":${row('F32', [4], 0, 4)}}`, 4, 'as long as its shape'],
    ['half a byte', `{"a":${row('F4', [3], 0, 1)}}`, 1, 'impossible shape'],
    ['a negative dimension', `{"a":${row('U8', [-1], 0, 0)}}`, 0, 'one spelling'],
    ['a fraction', `{"a":${row('U8', [1.5], 0, 1)}}`, 1, 'one spelling'],
    [
      'a product beyond 2^53',
      `{"a":${row('U8', [2 ** 40, 2 ** 40], 0, 4)}}`,
      4,
      'impossible shape',
    ],
    [
      'a product beyond 2^53, and 0',
      `{"a":${row('U8', [2 ** 40, 2 ** 40, 0], 0, 0)}}`,
      0,
      'impossible shape',
    ],
    [
      'a number for Infinity',
      '{"a":{"dtype":"U8","shape":[1e999],"data_offsets":[0,1]}}',
      1,
      'one spelling',
    ],
    ['offsets the wrong way round', `{"a":${row('U8', [0], 4, 0)}}`, 0, 'as long as its shape'],
    [
      'a member that is not known',
      '{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1],"x":1}}',
      1,
      'described',
    ],
    ['a missing member', '{"a":{"dtype":"U8","shape":[]}}', 1, 'described'],
    ['metadata of numbers', '{"__metadata__":{"a":1}}', 0, 'map of strings'],
    [
      'a name of 513 characters',
      `{"${'a'.repeat(513)}":${row('U8', [1], 0, 1)}}`,
      1,
      'longer than 512',
    ],
    ['65 dimensions', `{"a":${row('U8', Array(65).fill(1), 0, 1)}}`, 1, 'described'],
    [
      'an overlap and a hole that make up for each other',
      `{"a":${row('U8', [4], 0, 4)},"b":${row('U8', [2], 2, 4)},"c":${row('U8', [2], 6, 8)}}`,
      8,
      'overlaps',
    ],
  ])('with %s is refused', async (_, header, dataBytes, why) => {
    const { code, message } = await refused(header, dataBytes);
    expect(code).toBe('MODEL_INVALID');
    expect(message).toContain(why);
  });

  it('may have a name of 512 characters', () => {
    expect(parse(`{"${'a'.repeat(512)}":${row('U8', [1], 0, 1)}}`, 1)).toHaveLength(1);
  });

  it('may name tensors without bytes before, between and behind others, in any order', () => {
    const names = (header: string) => parse(header, 4).map(({ name }) => name);
    const [a, none] = [row('U8', [4], 0, 4), row('U8', [0], 0, 0)];
    expect(names(`{"a":${a},"none":${none}}`)).toEqual(['none', 'a']);
    expect(names(`{"none":${none},"a":${a}}`)).toEqual(['none', 'a']);
    expect(names(`{"none":${row('F4', [2, 0], 4, 4)},"a":${a}}`)).toEqual(['a', 'none']);
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
    ['of all of a file', 100n, 108],
    ['of 100 MB', 100_000_000n, 2 ** 40],
    ['of none', 0n, 8],
  ])('%s is allowed', (_, length, fileBytes) => {
    expect(safetensorsHeaderBytes(head(length), 'm', fileBytes)).toBe(Number(length));
  });

  it.each([
    ['above 100 MB', head(100_000_001n), 2 ** 40, 'more than are allowed'],
    ['of 2^64 - 1', head(2n ** 64n - 1n), 2 ** 40, 'more than are allowed'],
    ['beyond the file', head(100n), 107, 'ends before'],
    ['cut off', Buffer.alloc(7), 7, 'too short'],
  ])('%s is refused', async (_, bytes, fileBytes, why) => {
    const { code, message } = await refusal(() => safetensorsHeaderBytes(bytes, 'm', fileBytes));
    expect(code).toBe('MODEL_INVALID');
    expect(message).toContain(why);
  });
});

describe('an index of shards', () => {
  it('says which file holds what', () => {
    const index = Buffer.from('{"metadata":{"total_size":1},"weight_map":{"a":"1.safetensors"}}');
    expect([...parseShardIndex(index, 'i')]).toEqual([['a', '1.safetensors']]);
  });

  it.each([
    ['', 'not JSON'],
    ['{}', 'weight_map'],
    ['{"weight_map":[]}', 'weight_map'],
    ['{"weight_map":{"a":1}}', 'weight_map'],
  ])('%s is refused', async (text, why) => {
    const { code, message } = await refusal(() => parseShardIndex(Buffer.from(text), 'i'));
    expect(code).toBe('MODEL_INVALID');
    expect(message).toContain(why);
  });
});
