/** What is found to be sealed, in which order, and what is refused before a byte is read. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { assertUnchanged, findFiles, planSource } from '#strongroom/archive/plan.js';
import { refusal } from '../keys/helpers.ts';
import { workspace, writeFiles } from '../support/archive.ts';
import { file, tar } from '../support/tar.ts';

const kept = { followSymlinks: false };
const followed = { followSymlinks: true };
const isRoot = process.getuid?.() === 0;
const fifo = (path: string) => execFileSync('mkfifo', [path]);

describe('a directory', () => {
  it('is planned parents first, in the order of UTF-8 bytes', async () => {
    const root = writeFiles(join(workspace(), 'm'), {
      b: 'bb',
      'a/z': '',
      'a.txt': 'a',
      'Z/': '',
      // U+FF61 comes behind U+10000 in UTF-16, and before it in UTF-8
      '\u{ff61}': '1',
      '\u{10000}': '2',
    });
    chmodSync(join(root, 'b'), 0o640);
    utimesSync(join(root, 'b'), 1_700_000_000.9, 1_700_000_000.9);
    const { entries, pieces, unread } = await planSource(root, kept);
    expect(entries.map(({ path }) => path)).toEqual([
      'Z',
      'a',
      'a/z',
      'a.txt',
      'b',
      '\u{ff61}',
      '\u{10000}',
    ]);
    expect(entries.map(({ type }) => type[0]).join('')).toBe('ddfffff');
    expect(entries[4]).toMatchObject({ mode: 0o640, mtime: 1_700_000_000, size: 2 });
    expect(pieces.files.sizes).toHaveLength(4);
    // Itself, what has no bytes, and directories: nobody opens them
    expect(unread.map(({ path, isDirectory }) => [path.slice(root.length), isDirectory])).toEqual([
      ['', true],
      ['/Z', true],
      ['/a', true],
      ['/a/z', false],
    ]);
  });

  it('has its own name in messages, and that of a link is where it leads', async () => {
    const root = workspace();
    writeFiles(join(root, 'real'), { a: '' });
    symlinkSync('real', join(root, 'link'));
    const { unread } = await planSource(join(root, 'link'), kept);
    expect(unread.map(({ path }) => path)).toEqual([
      realpathSync(join(root, 'real')),
      realpathSync(join(root, 'real/a')),
    ]);
  });

  it.each<[string, (root: string) => void, string, string]>([
    ['a link', (root) => symlinkSync('a', join(root, 'l')), 'SYMLINK', 'a symbolic link'],
    [
      'a link to nothing',
      (root) => symlinkSync('no', join(root, 'l')),
      'SYMLINK',
      'a symbolic link',
    ],
    ['a FIFO', (root) => fifo(join(root, 'f')), 'SOURCE_UNSUPPORTED', 'neither a file nor'],
    [
      'a name that is not UTF-8',
      (root) => writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.of(0xff)]), ''),
      'ENTRY_UNSAFE',
      'not UTF-8',
    ],
  ])('with %s is refused', async (_, spoil, code, why) => {
    const root = writeFiles(join(workspace(), 'm'), { a: '' });
    spoil(root);
    const error = await refusal(() => planSource(root, kept));
    expect(error.code).toBe(code);
    expect(error.message).toContain(why);
  });

  it.skipIf(isRoot)('that cannot be read is refused', async () => {
    const root = writeFiles(join(workspace(), 'm'), { 'd/a': '' });
    chmodSync(join(root, 'd'), 0);
    expect((await refusal(() => planSource(root, kept))).code).toBe('PERMISSION');
    chmodSync(join(root, 'd'), 0o700);
  });
});

describe('links that are followed', () => {
  it('are what they lead to, under their own names', () => {
    const root = workspace();
    writeFiles(join(root, 'm'), { 'd/a': '12' });
    writeFiles(join(root, 'elsewhere'), { b: '345' });
    symlinkSync('../elsewhere', join(root, 'm/e'));
    symlinkSync('d/a', join(root, 'm/f'));
    const found = findFiles(join(root, 'm'), followed);
    expect(found.map(({ path, type, size }) => [path, type, size])).toEqual([
      ['d', 'directory', 0],
      ['d/a', 'file', 2],
      ['e', 'directory', 0],
      ['e/b', 'file', 3],
      ['f', 'file', 2],
    ]);
    expect(found[4]?.source).toBe(realpathSync(join(root, 'm/d/a')));
  });

  it.each<[string, (root: string) => void, string, string]>([
    [
      'to nothing',
      (root) => symlinkSync('no', join(root, 'l')),
      'NOT_FOUND',
      'a symbolic link to nothing',
    ],
    ['to themselves', (root) => symlinkSync('l', join(root, 'l')), 'IO', 'l'],
    ['to the root', (root) => symlinkSync('.', join(root, 'l')), 'SYMLINK', 'a directory above it'],
    [
      'to a directory above',
      (root) => symlinkSync('..', join(root, 'd/l')),
      'SYMLINK',
      'a directory above it',
    ],
    [
      'to a FIFO',
      (root) => {
        fifo(join(root, '..', 'f'));
        symlinkSync('../f', join(root, 'l'));
      },
      'SOURCE_UNSUPPORTED',
      'neither a file nor',
    ],
  ])('%s are refused', async (_, spoil, code, why) => {
    const root = writeFiles(join(workspace(), 'm'), { 'd/a': '' });
    spoil(root);
    const error = await refusal(() => planSource(root, followed));
    expect(error.message).toContain(why);
    if (code !== 'IO') expect(error.code).toBe(code);
  });

  it('may lead to one directory from two places', () => {
    const root = writeFiles(join(workspace(), 'm'), { 'd/a': '' });
    symlinkSync('d', join(root, 'e'));
    expect(findFiles(root, followed).map(({ path }) => path)).toEqual(['d', 'd/a', 'e', 'e/a']);
  });
});

describe('a file', () => {
  it('is sealed by its own name', async () => {
    const root = writeFiles(workspace(), { 'model.bin': 'x'.repeat(1000), empty: '' });
    const one = await planSource(join(root, 'model.bin'), kept);
    expect(one.entries).toMatchObject([{ type: 'file', path: 'model.bin', size: 1000 }]);
    expect(one.unread).toEqual([]);
    const empty = await planSource(join(root, 'empty'), kept);
    expect(empty.unread).toMatchObject([{ path: realpathSync(join(root, 'empty')) }]);
  });

  it('that is a tar is kept as it is, and one that only looks like none is a file', async () => {
    const bytes = tar(file('a', 'data'), file('b'));
    const root = writeFiles(workspace(), { 'm.tar': bytes, cut: bytes.subarray(0, 511) });
    const whole = await planSource(join(root, 'm.tar'), kept);
    expect(whole.entries.map(({ path }) => path)).toEqual(['a', 'b']);
    expect(whole.pieces.length).toBe(bytes.length);
    expect([...whole.pieces.files.sizes]).toEqual([bytes.length]);
    const cut = await planSource(join(root, 'cut'), kept);
    expect(cut.entries.map(({ path }) => path)).toEqual(['cut']);
  });

  it('that begins as a tar and is none is refused', async () => {
    const root = writeFiles(workspace(), { t: tar(file('a', 'data')).subarray(0, 600) });
    expect((await refusal(() => planSource(join(root, 't'), kept))).code).toBe('TAR_INVALID');
  });

  it('that is none, or not there, is refused', async () => {
    const root = workspace();
    fifo(join(root, 'f'));
    const { code, hint } = await refusal(() => planSource(join(root, 'f'), kept));
    expect(code).toBe('SOURCE_UNSUPPORTED');
    expect(hint).toBe('to seal a tar from a pipe, give - as the path');
    expect((await refusal(() => planSource(join(root, 'none'), kept))).code).toBe('NOT_FOUND');
  });
});

it('links may repeat 2^17 files and directories, and not one more', async () => {
  const root = join(workspace(), 'm');
  // With itself 2^10 of them
  mkdirSync(join(root, 'd'), { recursive: true });
  for (let i = 1; i < 2 ** 10; i++) writeFileSync(join(root, 'd', `${i}`), '');
  for (let i = 0; i < 2 ** 7; i++) symlinkSync('d', join(root, `link ${i}`));
  expect(findFiles(root, followed)).toHaveLength(2 ** 10 + 2 ** 17);
  symlinkSync('d', join(root, 'one more'));
  const { code, message } = await refusal(() => findFiles(root, followed));
  expect(code).toBe('SYMLINK');
  expect(message).toContain('its links repeat too much');
});

describe('what no thread opens', () => {
  it('is noticed to be gone, though no directory that is sealed has changed', async () => {
    const parent = workspace();
    writeFiles(parent, { elsewhere: '', 'm/a': 'x' });
    symlinkSync('../elsewhere', join(parent, 'm/link'));
    const plan = await planSource(join(parent, 'm'), followed);
    expect(() => assertUnchanged(plan)).not.toThrow();
    rmSync(join(parent, 'elsewhere'));
    const { code, file } = await refusal(() => assertUnchanged(plan));
    expect(code).toBe('SOURCE_CHANGED');
    expect(file).toBe(join(realpathSync(parent), 'elsewhere'));
  });

  it('is nothing of a tar', async () => {
    const path = join(workspace(), 'm.tar');
    writeFileSync(path, tar(file('a', 'x'), file('b', '')));
    const plan = await planSource(path, kept);
    expect(plan.unread).toEqual([]);
    expect(() => assertUnchanged(plan)).not.toThrow();
  });

  it.each<[string, (root: string) => void]>([
    ['a file more', (root) => writeFileSync(join(root, 'd/new'), '')],
    ['a file fewer', (root) => rmSync(join(root, 'd/empty'))],
    ['an empty file with bytes', (root) => writeFileSync(join(root, 'd/empty'), 'x')],
    ['another name', (root) => renameSync(join(root, 'd/a'), join(root, 'd/b'))],
    ['another mode', (root) => chmodSync(join(root, 'd'), 0o711)],
    ['no directory', (root) => rmSync(join(root, 'd'), { recursive: true })],
    [
      'another directory in its place',
      (root) => {
        renameSync(join(root, 'd'), join(root, '..', 'old'));
        mkdirSync(join(root, 'd'));
      },
    ],
  ])('is noticed to have changed: %s', async (_, change) => {
    const root = writeFiles(join(workspace(), 'm'), { 'd/a': 'x', 'd/empty': '' });
    const plan = await planSource(root, kept);
    expect(() => assertUnchanged(plan)).not.toThrow();
    change(root);
    expect((await refusal(() => assertUnchanged(plan))).code).toBe('SOURCE_CHANGED');
  });
});
