import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxEntries } from '#strongroom/archive/entry.js';
import { layTar, type PlannedFile } from '#strongroom/archive/tar/layout.js';
import { readTarEntries } from '#strongroom/archive/tar/read.js';
import { readLayout } from '../../support/layout.ts';

const file = (path: string, size: number): PlannedFile => ({
  type: 'file',
  path,
  size,
  mode: 0o644,
  mtime: 1_700_000_000,
});
const entriesOf = async (files: readonly PlannedFile[]) => {
  const layout = await layTar(files);
  const walked = readTarEntries(readLayout(layout), layout.length);
  expect(walked).toEqual(layout.entries);
  return walked;
};

const tooMany = Array(maxEntries + 1).fill(file('a', 0)) as PlannedFile[];

const component = fc
  .oneof(
    fc.stringMatching(/^[a-z][a-z0-9_-]{0,11}$/),
    fc.stringMatching(/^[a-z]{240,255}$/),
    fc.constantFrom('é', '重み', '👍'.repeat(60), 'a b', '.hidden', 'x'.repeat(99)),
  )
  .filter((name) => !/^(?:con|prn|aux|nul|(?:com|lpt)[0-9])$/.test(name));
const sizes = fc.oneof(
  fc.constantFrom(0, 1, 511, 512, 513, 1024, 8 ** 11 - 1, 8 ** 11, 10 * 2 ** 40 + 3),
  fc.nat(100_000),
);
const times = fc.oneof(
  fc.constantFrom(0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 33 - 1, 2 ** 33),
  fc.nat(2_000_000_000),
);

const trees = fc
  .array(
    fc.record({
      type: fc.constantFrom('file' as const, 'directory' as const),
      parts: fc.array(component, { minLength: 1, maxLength: 6 }),
      size: sizes,
      mode: fc.integer({ min: 0, max: 0o777 }),
      mtime: times,
    }),
    { maxLength: 20 },
  )
  .map((members) =>
    // A number in front of the last component alone keeps paths apart and files from being parents
    members.map(({ parts, ...rest }, index): PlannedFile => {
      const name = `${index}${parts.at(-1)}`.slice(0, 60);
      return {
        ...rest,
        size: rest.type === 'file' ? rest.size : 0,
        path: [...parts.slice(0, -1), name.replace(/\p{Surrogate}/gu, '')].join('/'),
      };
    }),
  );

describe('layTar', () => {
  it('is what the walk reads back, for random trees', async () => {
    await fc.assert(
      fc.asyncProperty(trees, async (files) => {
        const entries = await entriesOf(files);
        expect(entries.map(({ path, type, mode, mtime }) => ({ path, type, mode, mtime }))).toEqual(
          files.map(({ path, type, mode, mtime }) => ({ path, type, mode, mtime })),
        );
      }),
      { numRuns: 150 },
    );
  });

  it('holds every length of name and path', async () => {
    const names = [1, 98, 99, 100, 101, 154, 155, 156, 254, 255].map((n) => 'n'.repeat(n));
    const deep = `${`${'d'.repeat(127)}/`.repeat(31)}${'e'.repeat(128)}`;
    expect(Buffer.byteLength(deep)).toBe(4096);
    const files = [...names.map((name) => file(name, 1)), file(deep, 1)];
    const directories = names.map(
      (name): PlannedFile => ({ ...file(`d${name.slice(1)}/x`, 0), type: 'directory' }),
    );
    const entries = await entriesOf([...files, ...directories]);
    expect(entries.map(({ path }) => path)).toEqual(
      [...files, ...directories].map(({ path }) => path),
    );
    // Every length of a pax record, its own digits included
    await entriesOf(
      Array.from({ length: 200 }, (_, n) =>
        file(`${n}/${'x'.repeat(99)}/${'é'.repeat(n + 1)}`.slice(0, 200), 0),
      ),
    );
  });

  it('writes pax for a name over 100 bytes, with the slash of a directory, or a time beyond 31 bits', async () => {
    const typeflag = async (planned: PlannedFile) =>
      String.fromCharCode((await layTar([planned])).literals.bytes[156] ?? 0);
    expect(await typeflag(file('n'.repeat(100), 0))).toBe('0');
    expect(await typeflag(file('n'.repeat(101), 0))).toBe('x');
    expect(await typeflag({ ...file('n'.repeat(99), 0), type: 'directory' })).toBe('5');
    expect(await typeflag({ ...file('n'.repeat(100), 0), type: 'directory' })).toBe('x');
    expect(await typeflag({ ...file('n', 0), mtime: 2 ** 31 - 1 })).toBe('0');
    expect(await typeflag({ ...file('n', 0), mtime: 2 ** 31 })).toBe('x');
  });

  it('says in pax what does not fit into the header, and no more', async () => {
    const records = async (planned: PlannedFile) =>
      Buffer.from((await layTar([planned])).literals.bytes.subarray(512, 1024))
        .toString('latin1')
        .replace(/\0+$/, '');
    const name = 'n'.repeat(101);
    expect(await records(file(name, 0))).toBe(`111 path=${name}\n`);
    expect(await records({ ...file('n', 0), mtime: 2 ** 31 })).toContain('mtime=2147483648\n');
  });

  it('is two zero blocks without files', async () => {
    const layout = await layTar([]);
    expect(layout).toMatchObject({ entries: [], length: 1024 });
    expect(layout.literals.bytes).toEqual(new Uint8Array(new SharedArrayBuffer(1024)));
    expect([...layout.literals.lengths]).toEqual([1024]);
  });

  it('joins literals where no file bytes lie between', async () => {
    const layout = await layTar([
      { ...file('d', 0), type: 'directory' },
      file('d/empty', 0),
      file('d/a', 10),
      file('d/b', 512),
    ]);
    expect(layout.length).toBe(4 * 512 + 512 + 512 + 1024);
    const { at, from, lengths, bytes } = layout.literals;
    expect([...at]).toEqual([0, 1536 + 10, 2560 + 512]);
    expect([...lengths]).toEqual([1536, 502 + 512, 1024]);
    expect([...from]).toEqual([0, 1536, 2550]);
    expect(bytes.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(bytes).toHaveLength(3574);
  });

  it('keeps permission bits alone, and times within those of an entry', async () => {
    const [first, second, third] = await entriesOf([
      { ...file('a', 0), mode: 0o104755, mtime: -5 },
      { ...file('b', 0), mode: 0o100000, mtime: 12.9 },
      { ...file('c', 0), mtime: 2 ** 40 },
    ]);
    expect(first).toMatchObject({ mode: 0o755, mtime: 0 });
    expect(second).toMatchObject({ mode: 0, mtime: 12 });
    expect(third).toMatchObject({ mtime: 2 ** 33 });
  });

  it.each([
    ['an unsafe path', [file('../a', 0)], 'ENTRY_UNSAFE'],
    ['a directory with a slash', [{ ...file('a/', 0), type: 'directory' }], 'ENTRY_UNSAFE'],
    ['a collision', [file('A', 0), file('a', 0)], 'ENTRY_UNSAFE'],
    ['more members than an archive holds', tooMany, 'SOURCE_UNSUPPORTED'],
    ['as many as it holds, if they collide', tooMany.slice(1), 'ENTRY_UNSAFE'],
    ['more than 2^53 bytes', [file('a', 2 ** 53 - 1), file('b', 2 ** 52)], 'SOURCE_UNSUPPORTED'],
  ] as [string, PlannedFile[], string][])('refuses %s', async (_, files, code) => {
    await expect(layTar(files)).rejects.toThrow(expect.objectContaining({ code }));
  });
});
