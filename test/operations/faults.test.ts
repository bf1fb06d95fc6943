/** Sources that change, disks that are full, outputs that are taken: nothing is left behind. */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { open, seal } from '#strongroom/index.js';
import {
  leftovers,
  makeArchive,
  noise,
  outcome,
  people,
  segmentBytes,
  workspace,
  writeFiles,
} from '../support/archive.ts';

const who = people();
const access = { identity: who.reader, trust: who.trust };
const sealing = { recipients: [who.reader.card], signer: who.author };
const isRoot = process.getuid?.() === 0;

/** A file system of its own, small or read-only; `undefined` where mounting is not allowed. */
function mounted(options: string): string | undefined {
  const path = workspace();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  onTestFinished(() => void execFileSync('umount', [path]));
  return path;
}

describe('a file that changes while it is sealed', () => {
  // Two sparse files: the second is changed while the first is read, and read after it.
  const half = 2 ** 28;
  const replace = (path: string) => {
    writeFileSync(`${path}.new`, 'x');
    renameSync(`${path}.new`, path);
  };
  const changes: [string, (path: string) => void][] = [
    ['grows', (path) => appendFileSync(path, 'x')],
    ['shrinks', (path) => truncateSync(path, half / 2)],
    ['is replaced', replace],
    ['vanishes', (path) => rmSync(path)],
  ];
  it.each(changes)('%s', async (_, change) => {
    const root = workspace();
    const source = writeFiles(join(root, 'source'), { a: '', z: '' });
    const path = join(source, 'z');
    for (const name of ['a', 'z']) truncateSync(join(source, name), half);
    let changed = false;
    const onProgress = () => {
      if (!changed) change(path);
      changed = true;
    };
    const output = join(root, 'archive');
    const sealed = await outcome(() =>
      seal(source, { ...sealing, output, onProgress, threads: 1 }),
    );
    expect([changed, sealed]).toEqual([true, 'SOURCE_CHANGED']);
    expect(leftovers(root, 'source')).toEqual([]);
  });
});

describe('a directory that changes while it is sealed', () => {
  const changes: [string, (source: string) => void][] = [
    ['gets a file', (source) => writeFileSync(join(source, 'new'), '')],
    ['gets one further down', (source) => writeFileSync(join(source, 'd/e/new'), '')],
    ['loses an empty one', (source) => rmSync(join(source, 'd/empty'))],
    ['gives one another name', (source) => renameSync(join(source, 'd/x'), join(source, 'd/y'))],
  ];
  it.each(changes)('%s', async (_, change) => {
    const root = workspace();
    const source = writeFiles(join(root, 'source'), { 'd/empty': '', 'd/x': 'x', 'd/e/f': 'f' });
    let changed = false;
    const onProgress = () => {
      if (!changed) change(source);
      changed = true;
    };
    const output = join(root, 'archive');
    const sealed = await outcome(() => seal(source, { ...sealing, output, onProgress }));
    expect([changed, sealed]).toEqual([true, 'SOURCE_CHANGED']);
    expect(leftovers(root, 'source')).toEqual([]);
  });
});

describe('a source that cannot be sealed', () => {
  const sources: [string, (root: string) => void, string][] = [
    ['a FIFO', (root) => execFileSync('mkfifo', [join(root, 'pipe')]), 'SOURCE_UNSUPPORTED'],
    [
      'a name that is not UTF-8',
      (root) => writeFileSync(Buffer.from(`${root}/\xff`, 'latin1'), ''),
      'ENTRY_UNSAFE',
    ],
    [
      'names that differ in case',
      (root) => void writeFiles(root, { a: '', A: '' }),
      'ENTRY_UNSAFE',
    ],
  ];
  it.skipIf(process.platform !== 'linux').each(sources)('%s', async (_, make, code) => {
    const root = workspace();
    const source = writeFiles(join(root, 'source'), { file: 'x' });
    make(source);
    const output = join(root, 'archive');
    expect(await outcome(() => seal(source, { ...sealing, output }))).toBe(code);
    expect(leftovers(root, 'source')).toEqual([]);
  });

  it.skipIf(isRoot)('an unreadable file (not as root, who reads all)', async () => {
    const root = workspace();
    const source = writeFiles(join(root, 'source'), { file: 'x' });
    chmodSync(join(source, 'file'), 0);
    const output = join(root, 'archive');
    expect(await outcome(() => seal(source, { ...sealing, output }))).toBe('PERMISSION_DENIED');
    expect(leftovers(root, 'source')).toEqual([]);
  });

  it('one that is not there', async () => {
    const root = workspace();
    const sealed = await outcome(() =>
      seal(join(root, 'none'), { ...sealing, output: join(root, 'a') }),
    );
    expect(sealed).toBe('NOT_FOUND');
  });

  it.each([
    ['null', { a: null }],
    ['a fraction', { a: [1.5] }],
    ['below zero', { a: { b: -1 } }],
    ['too long', { a: 'x'.repeat(65536) }],
  ])('with claims: %s', async (_, claims) => {
    const root = workspace();
    const made = { who, files: { a: 'a' }, claims };
    expect(await outcome(() => makeArchive(root, made))).toBe('USAGE');
    expect(leftovers(root, 'archive-source')).toEqual([]);
  });
});

describe('a disk that is full', () => {
  it('stops sealing and opening', async (context) => {
    const small = mounted('size=1m');
    context.skip(small === undefined, 'mounting is not allowed here');
    const root = workspace();
    const files = { 'a.bin': noise(3 * 2 ** 20), 'b.bin': noise(2 ** 20) };
    const path = await makeArchive(root, { who, files, segmentBytes });
    const source = join(root, 'archive-source');
    const output = join(small as string, 'out');
    expect(await outcome(() => seal(source, { ...sealing, output }))).toBe('DISK_FULL');
    expect(await outcome(() => open(path, { ...access, output }))).toBe('DISK_FULL');
    expect(leftovers(small as string)).toEqual([]);
  });

  it('or read-only is told as such', async (context) => {
    const locked = mounted('ro');
    context.skip(locked === undefined, 'mounting is not allowed here');
    const root = workspace();
    const path = await makeArchive(root, { who, files: { a: 'a' } });
    const output = join(locked as string, 'out');
    expect(await outcome(() => open(path, { ...access, output }))).toBe('PERMISSION_DENIED');
    expect(await outcome(() => seal(path, { ...sealing, output }))).toBe('PERMISSION_DENIED');
  });
});

describe('an output', () => {
  const write = (path: string) => writeFileSync(path, 'mine');
  const fill = (path: string) => void writeFiles(path, { mine: '' });

  it.each([
    ['a file', write],
    ['a directory with something in it', fill],
  ])('that exists is left alone: %s', async (_, make) => {
    const root = workspace();
    const path = await makeArchive(root, { who, files: { a: 'a' } });
    const output = join(root, 'out');
    make(output);
    const source = join(root, 'archive-source');
    expect(await outcome(() => open(path, { ...access, output }))).toBe('OUTPUT_EXISTS');
    expect(await outcome(() => seal(source, { ...sealing, output }))).toBe('OUTPUT_EXISTS');
    expect(leftovers(root, 'archive.srm', 'archive-source')).toEqual(['out']);
  });

  it.each([
    ['a file', write],
    ['a directory with something in it', fill],
  ])('that appears meanwhile is left alone: %s', async (_, make) => {
    const root = workspace();
    const path = await makeArchive(root, { who, files: { a: 'a' } });
    const source = join(root, 'archive-source');
    for (const run of [
      (output: string, onProgress: () => void) => open(path, { ...access, output, onProgress }),
      (output: string, onProgress: () => void) => seal(source, { ...sealing, output, onProgress }),
    ]) {
      const output = join(root, 'out');
      let made = false;
      const appear = () => {
        if (!made) make(output);
        made = true;
      };
      expect(await outcome(() => run(output, appear))).toBe('OUTPUT_EXISTS');
      expect(leftovers(root, 'archive.srm', 'archive-source')).toEqual(['out']);
      rmSync(output, { recursive: true });
    }
  });

  it('that is an empty directory is filled', async () => {
    const root = workspace();
    const path = await makeArchive(root, { who, files: { a: 'a' } });
    const output = join(root, 'out');
    mkdirSync(output);
    await open(path, { ...access, output });
    expect(leftovers(output)).toEqual(['a']);
  });

  it('that is a link to an empty directory is refused before anything is read', async () => {
    const root = workspace();
    const path = await makeArchive(root, { who, files: { a: 'a' } });
    const output = join(root, 'link');
    mkdirSync(join(root, 'empty'));
    symlinkSync('empty', output);
    const onProgress = () => expect.unreachable();
    await expect(open(path, { ...access, output, onProgress })).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      message: `${output}: a symbolic link`,
    });
    expect(leftovers(root, 'archive.srm', 'archive-source', 'empty')).toEqual(['link']);
  });

  it('that is a mount point is refused, and one in it is not', async (context) => {
    const disk = mounted('size=1m');
    context.skip(disk === undefined, 'mounting is not allowed here');
    const path = await makeArchive(workspace(), { who, files: { a: 'a', b: 'b' } });
    const output = disk as string;
    await expect(open(path, { ...access, output })).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      hint: 'name a new directory in it',
    });
    expect(leftovers(output)).toEqual([]);
    await open(path, { ...access, output: join(output, 'new') });
    expect(leftovers(join(output, 'new'))).toEqual(['a', 'b']);
  });

  it('in a directory that links lead to is refused', async () => {
    const root = workspace();
    const source = writeFiles(join(root, 'source'), { a: 'a' });
    mkdirSync(join(root, 'elsewhere'));
    symlinkSync('../elsewhere', join(source, 'link'));
    const output = join(root, 'elsewhere/archive');
    const options = { ...sealing, output, followSymlinks: true };
    expect(await outcome(() => seal(source, options))).toBe('SAME_FILE');
  });

  it('within the source is refused', async () => {
    const root = workspace();
    const source = writeFiles(join(root, 'source'), { a: 'a' });
    const output = join(source, 'archive');
    expect(await outcome(() => seal(source, { ...sealing, output }))).toBe('SAME_FILE');
  });

  it('in no directory is refused', async () => {
    const root = workspace();
    const source = writeFiles(join(root, 'source'), { a: 'a' });
    const output = join(root, 'none/archive');
    expect(await outcome(() => seal(source, { ...sealing, output }))).toBe('NOT_FOUND');
  });
});
