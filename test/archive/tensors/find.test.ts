/** Tensors of several files: which are looked at, what is read for one, and what an index says. */
import { describe, expect, it } from 'vitest';
import type { FileEntry } from '#strongroom/archive/entry.js';
import {
  findTensor,
  findTensors,
  holdsTensors,
  type ReadFile,
  tensorsOf,
} from '#strongroom/archive/tensors/find.js';
import { refusal } from '../../keys/helpers.ts';
import { gguf, ggufValue, safetensors } from '../../support/models.ts';

type Contents = Readonly<Record<string, Uint8Array | string>>;

/** Files in memory, and what of them was read. */
function filesOf(contents: Contents) {
  const files = Object.entries(contents).map(
    ([path, content]): FileEntry => ({
      type: 'file',
      path,
      size: Buffer.from(content).length,
      mode: 0o644,
      mtime: 0,
      offset: 0,
    }),
  );
  const reads: [string, number, number][] = [];
  const read: ReadFile = async ({ path }, offset, length) => {
    reads.push([path, offset, length]);
    return Buffer.from(contents[path] ?? '').subarray(offset, offset + length);
  };
  return { files, reads, read };
}

const index = (map: object) => JSON.stringify({ weight_map: map });
const q = gguf({
  tensors: [{ name: 'q', dimensions: [4], type: 0, offset: 0 }],
  data: Buffer.alloc(16),
});
const sharded: Contents = {
  'm/1.safetensors': safetensors({ a: [1, 2], b: [3] }),
  'm/2.safetensors': safetensors({ c: [4] }),
  'm/model.safetensors.index.json': index({
    a: '1.safetensors',
    b: '1.safetensors',
    c: '2.safetensors',
  }),
  'q.GGUF': q,
  'readme.md': 'q',
};

it.each([
  ['a.safetensors', true],
  ['d/a.SafeTensors', true],
  ['a.gguf', true],
  ['gguf', true],
  ['a.gguf.txt', false],
  ['a.constructor', false],
  ['a', false],
  ['', false],
])('a name tells whether tensors are looked for: %j %s', (path, holds) => {
  const file = { type: 'file', path, size: 0, mode: 0, mtime: 0, offset: 0 } as const;
  expect(holdsTensors(file)).toBe(holds);
});

describe('all tensors', () => {
  it('are those of the headers, in the order of the files and of their bytes', async () => {
    const { files, read, reads } = filesOf(sharded);
    const found = await findTensors(files, read);
    expect(found.map(({ file, name, dtype, bytes }) => [file, name, dtype, bytes])).toEqual([
      ['m/1.safetensors', 'a', 'F32', 8],
      ['m/1.safetensors', 'b', 'F32', 4],
      ['m/2.safetensors', 'c', 'F32', 4],
      ['q.GGUF', 'q', 'F32', 16],
    ]);
    // Of a safetensors file the length, then the header, and none of the data
    const [first, second] = reads;
    const header = Number(Buffer.from(sharded['m/1.safetensors'] as Uint8Array).readBigUInt64LE());
    expect([first, second]).toEqual([
      ['m/1.safetensors', 0, 8],
      ['m/1.safetensors', 8, header],
    ]);
    expect(reads.some(([path]) => path === 'readme.md')).toBe(false);
  });

  it.each([
    ['a shard that has it not', index({ a: '2.safetensors' })],
    ['a tensor that is nowhere', index({ z: '1.safetensors' })],
    ['a file that is not there', index({ a: '3.safetensors' })],
    ['a file in another directory', index({ a: '../m/1.safetensors' })],
  ])('must agree with an index: %s', async (_, text) => {
    const { files, read } = filesOf({ ...sharded, 'm/model.safetensors.index.json': text });
    const error = await refusal(() => findTensors(files, read));
    expect(error.code).toBe('MODEL_INVALID');
    expect(error.message).toContain('m/model.safetensors.index.json: names the tensor');
  });

  it('of an index beside its shards, at the top', async () => {
    const { files, read } = filesOf({
      '1.safetensors': safetensors({ a: [1] }),
      'x.safetensors.index.json': index({ a: '1.safetensors' }),
    });
    expect(await findTensors(files, read)).toHaveLength(1);
  });

  it('of an index longer than any are refused before it is read', async () => {
    const { files, read, reads } = filesOf(sharded);
    const long = files.map((file) =>
      file.path.endsWith('.json') ? { ...file, size: 100_000_001 } : file,
    );
    const error = await refusal(() => findTensors(long, read));
    expect(error.code).toBe('MODEL_INVALID');
    expect(error.message).toContain('longer than an index may be');
    expect(reads.some(([path]) => path.endsWith('.json'))).toBe(false);
  });
});

describe('the header of a GGUF file', () => {
  const { u64, u32, string } = ggufValue;
  const words = (count: number) =>
    Buffer.concat([u32(8), u64(count), ...Array(count).fill(string('x'.repeat(100)))]);
  const long = gguf({
    pairs: [['tokens', 9, words(50_000)]],
    tensors: [{ name: 't', dimensions: [4], type: 0, offset: 0 }],
    data: Buffer.alloc(16),
  });

  it('is read in longer and longer parts until it is whole', async () => {
    const { files, read, reads } = filesOf({ 'm.gguf': long });
    const [file] = files as [FileEntry];
    expect(await tensorsOf(file, read)).toMatchObject([{ file: 'm.gguf', name: 't' }]);
    expect(reads.map(([, , length]) => length)).toEqual([2 ** 20, 2 ** 22, long.length]);
  });

  it('that gives fewer bytes than its file has is refused', async () => {
    const { files, read } = filesOf({ 'm.gguf': long });
    const [file] = files as [FileEntry];
    const short: ReadFile = async (...given) => (await read(...given)).subarray(0, 100);
    const error = await refusal(() => tensorsOf(file, short));
    expect(error.code).toBe('MODEL_INVALID');
    expect(error.message).toContain('header too long');
  });
});

describe('one tensor', () => {
  it('is found by its name, by an index in its file alone', async () => {
    const { files, read, reads } = filesOf(sharded);
    expect(await findTensor(files, read, 'c')).toMatchObject({
      file: 'm/2.safetensors',
      name: 'c',
    });
    expect(reads.map(([path]) => path)).toEqual([
      'm/model.safetensors.index.json',
      'm/2.safetensors',
      'm/2.safetensors',
    ]);
  });

  it('that the index does not name is looked for everywhere', async () => {
    const { files, read } = filesOf(sharded);
    expect(await findTensor(files, read, 'q')).toMatchObject({ file: 'q.GGUF' });
  });

  it('in a file is looked for there alone', async () => {
    const { files, read, reads } = filesOf(sharded);
    expect(await findTensor(files, read, 'c', 'm/2.safetensors')).toMatchObject({ name: 'c' });
    expect(new Set(reads.map(([path]) => path))).toEqual(new Set(['m/2.safetensors']));
    const elsewhere = await refusal(() => findTensor(files, read, 'c', 'm/1.safetensors'));
    expect(elsewhere.code).toBe('NO_SUCH_TENSOR');
    expect(elsewhere.message).toBe('there is no tensor c in m/1.safetensors');
    const none = await refusal(() => findTensor(files, read, 'zz'));
    expect(none.message).toBe('there is no tensor zz in the archive');
    expect(none.hint).not.toBe('name the file as well');
  });

  it('that is in two files is not chosen', async () => {
    const two = {
      'a.safetensors': safetensors({ t: [1] }),
      'b.safetensors': safetensors({ t: [2] }),
    };
    const { files, read } = filesOf(two);
    const error = await refusal(() => findTensor(files, read, 't'));
    expect(error).toMatchObject({ code: 'NO_SUCH_TENSOR', hint: 'name the file as well' });
    expect(error.message).toBe('t is in a.safetensors and b.safetensors');
    expect(await findTensor(files, read, 't', 'b.safetensors')).toMatchObject({
      file: 'b.safetensors',
    });
  });

  it('is not chosen by one of two indexes', async () => {
    const { files, read } = filesOf({
      'a/1.safetensors': safetensors({ t: [1] }),
      'a/m.safetensors.index.json': index({ t: '1.safetensors' }),
      'b/1.safetensors': safetensors({ t: [2] }),
      'b/m.safetensors.index.json': index({}),
    });
    expect((await refusal(() => findTensor(files, read, 't'))).message).toContain('and b/1');
  });
});
