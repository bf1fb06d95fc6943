/** What is sealed comes back: every kind of tree, from files and pipes, in both suites. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  cat,
  createIdentity,
  inspect,
  list,
  open,
  type SuiteName,
  seal,
  verify,
} from '#strongroom/index.js';
import {
  type Files,
  leftovers,
  makeArchive,
  noise,
  outcome,
  people,
  readFiles,
  segmentBytes,
  workspace,
  writeFiles,
} from '../support/archive.ts';
import { pipedProcess } from '../support/piped.ts';

const everyone = { hybrid: people('hybrid'), cnsa2: people('cnsa2') };
const who = everyone.hybrid;
const access = { identity: who.reader, trust: who.trust };
const sealing = { recipients: [who.reader.card], signer: who.author, segmentBytes };
const run = pipedProcess();
const slow = process.env.STRONGROOM_SLOW === '1';

const trees: Readonly<Record<string, Files>> = {
  'an empty file': { a: '' },
  'one byte': { a: 'x' },
  'a directory without entries': {},
  'empty directories': { 'a/b/c/': '', 'a/d/': '', 'e/': '' },
  'files of all lengths around a segment': Object.fromEntries(
    [511, 512, 513, 4095, 4096, 4097, 8192].map((length) => [`f${length}`, noise(length, length)]),
  ),
  'long names': {
    [`${'n'.repeat(255)}/${'é'.repeat(127)}`]: 'x',
    [`${'d'.repeat(90)}/${'f'.repeat(90)}`]: 'y',
  },
  'many scripts': { 'модель/权重': '1', 'モデル/नमूना': '2', 'نموذج/🦙.bin': '3', 'a b': '4' },
};

describe.each(['hybrid', 'cnsa2'] as SuiteName[])('%s', (suite) => {
  it.each(Object.entries(trees))('%s', async (_, files) => {
    const root = workspace();
    const { reader, author, trust } = everyone[suite];
    const path = await makeArchive(root, { who: everyone[suite], files });
    const output = join(root, 'out');
    await open(path, { identity: reader, trust, output });
    const expected = readFiles(join(root, 'archive-source'));
    expect(readFiles(output)).toEqual(expected);
    const piped = join(root, 'piped');
    const job = { operation: 'open', path: '-', identity: reader, trust: [author.card] } as const;
    expect(await run({ ...job, input: path, options: { output: piped } })).toBe('accepted');
    expect(readFiles(piped)).toEqual(expected);
    expect((await verify(path, { identity: reader, trust })).suite).toBe(suite);
  });
});

it('keeps who may execute, and times in seconds', async () => {
  const root = workspace();
  const source = writeFiles(join(root, 'source'), { 'run.sh': '#!', data: 'x', 'd/': '' });
  chmodSync(join(source, 'run.sh'), 0o4750);
  chmodSync(join(source, 'data'), 0o600);
  for (const [i, name] of ['run.sh', 'data', 'd'].entries()) {
    utimesSync(join(source, name), 1, 1_500_000_000.75 + i);
  }
  const output = join(root, 'archive');
  await seal(source, { ...sealing, output });
  const opened = join(root, 'out');
  await open(output, { ...access, output: opened });
  const umask = process.umask();
  const found = ['run.sh', 'data', 'd'].map((name) => {
    const { mode, mtimeMs } = statSync(join(opened, name));
    return [mode & 0o7777, mtimeMs];
  });
  expect(found).toEqual([
    [0o755 & ~umask, 1_500_000_000_000],
    [0o644 & ~umask, 1_500_000_001_000],
    [0o755 & ~umask, 1_500_000_002_000],
  ]);
});

it('seals a single file under its name', async () => {
  const root = workspace();
  writeFiles(root, { 'model.bin': noise(10_000) });
  const output = join(root, 'archive');
  await seal(join(root, 'model.bin'), { ...sealing, output });
  expect((await list(output, access)).map(({ path }) => path)).toEqual(['model.bin']);
});

it.each([
  ['GNU', ['--format=gnu', '.']],
  ['pax', ['--format=posix', '--pax-option=delete=atime,delete=ctime', 'a', 'd']],
])('keeps a tar byte for byte: %s', async (_, options) => {
  const root = workspace();
  const source = writeFiles(join(root, 'source'), {
    a: noise(9000),
    [`d/${'x'.repeat(120)}`]: 'b',
  });
  const tar = join(root, 'in.tar');
  execFileSync('tar', ['-cf', tar, '-C', source, ...options]);
  const fromFile = join(root, 'file.srm');
  const fromPipe = join(root, 'pipe.srm');
  await seal(tar, { ...sealing, output: fromFile });
  const job = { operation: 'seal', path: '-', input: tar, identity: who.author } as const;
  const options2 = { output: fromPipe, segmentBytes };
  const recipients = [who.reader.card];
  expect(await run({ ...job, recipients, options: options2 })).toBe('accepted');
  for (const path of [fromFile, fromPipe]) {
    const stdout = `${path}.tar`;
    const reading = {
      operation: 'open',
      path,
      identity: who.reader,
      trust: [who.author.card],
    } as const;
    expect(await run({ ...reading, output: stdout, options: { output: '-' } })).toBe('accepted');
    expect(readFileSync(stdout).equals(readFileSync(tar))).toBe(true);
    const output = `${path}.out`;
    await open(path, { ...access, output });
    expect(readFiles(output)).toEqual(readFiles(source));
  }
});

it('seals to standard output what it would write to a file', async () => {
  const root = workspace();
  const source = writeFiles(join(root, 'source'), { a: noise(20_000) });
  const output = join(root, 'archive');
  const job = { operation: 'seal', path: source, identity: who.author, output } as const;
  const options = { output: '-', segmentBytes };
  expect(await run({ ...job, recipients: [who.reader.card], options })).toBe('accepted');
  expect((await verify(output, access)).payloadBytes).toBeGreaterThan(20_000);
});

it('seals and opens with several threads', async () => {
  const root = workspace();
  const content = noise(30 * 2 ** 20);
  const path = await makeArchive(root, {
    who,
    files: { a: content },
    segmentBytes: 65536,
    threads: 3,
  });
  const output = join(root, 'out');
  await open(path, { ...access, output, threads: 3 });
  expect(readFileSync(join(output, 'a')).equals(content)).toBe(true);
});

it('opens only what is asked for', async () => {
  const root = workspace();
  const files = { 'a/x': noise(9000), 'a/y': 'y', 'b/x': 'z' };
  const path = await makeArchive(root, { who, files });
  const output = join(root, 'out');
  await open(path, { ...access, output, only: ['a/'] });
  expect(Object.keys(readFiles(output)).sort()).toEqual(['a/', 'a/x', 'a/y']);
  const nothing = { ...access, output: join(root, 'none'), only: ['c*'] };
  expect(await outcome(() => open(path, nothing))).toBe('NO_SUCH_ENTRY');
  expect(await outcome(() => cat(path, 'a', access, () => {}))).toBe('NO_SUCH_ENTRY');
});

it.each(['hybrid', 'cnsa2'] as SuiteName[])('hides who the recipients are: %s', async (suite) => {
  const root = workspace();
  const { author, reader, stranger, trust } = everyone[suite];
  const others = Array.from({ length: 4 }, (_, i) => createIdentity({ name: `${i}`, suite }).card);
  const recipients = [...others.slice(0, 2), reader.card, ...others.slice(2)];
  const made = { who: everyone[suite], files: { a: 'a' }, recipients, hideRecipients: true };
  const path = await makeArchive(root, made);
  expect((await inspect(path)).keyring.recipients).toEqual(Array(5).fill({}));
  expect(await list(path, { identity: reader, trust })).toHaveLength(1);
  expect(await outcome(() => list(path, { identity: stranger, trust }))).toBe('NO_KEY_FITS');
  expect(await outcome(() => list(path, { identity: author, trust }))).toBe('NO_KEY_FITS');
});

it('refuses an identity of another suite', async () => {
  const path = await makeArchive(workspace(), { who, files: { a: 'a' } });
  const { reader } = everyone.cnsa2;
  expect(await outcome(() => list(path, { ...access, identity: reader }))).toBe('SUITE_MISMATCH');
});

it(`seals ${slow ? 100_000 : 20_000} small files`, async () => {
  const root = workspace();
  const source = join(root, 'source');
  const count = slow ? 100_000 : 20_000;
  for (let i = 0; i < count; i++) {
    if (i % 1000 === 0) mkdirSync(join(source, `d${i / 1000}`), { recursive: true });
    writeFileSync(join(source, `d${Math.floor(i / 1000)}/f${i}`), `${i}`);
  }
  const output = join(root, 'archive');
  const report = await seal(source, { ...sealing, segmentBytes: 2 ** 20, output });
  expect(report.files).toBe(count);
  const parts: string[] = [];
  const last = `d${count / 1000 - 1}/f${count - 1}`;
  await cat(output, last, access, (chunk) => void parts.push(Buffer.from(chunk).toString()));
  expect(parts).toEqual([`${count - 1}`]);
});

it.runIf(slow)(
  'seals and opens 5 GiB',
  async () => {
    const root = workspace();
    const source = join(root, 'model');
    writeFileSync(source, 'begin');
    truncateSync(source, 5 * 2 ** 30);
    const output = join(root, 'archive');
    await seal(source, { ...sealing, segmentBytes: 2 ** 20, output });
    await open(output, { ...access, output: join(root, 'out') });
    execFileSync('cmp', [source, join(root, 'out/model')]);
  },
  900_000,
);

describe('symbolic links', () => {
  /** As in a cache of Hugging Face: names that point to blobs. */
  function cached() {
    const root = workspace();
    writeFiles(join(root, 'blobs'), { d34d: noise(5000), beef: '{}' });
    const snapshot = join(root, 'snapshots/1');
    mkdirSync(snapshot, { recursive: true });
    symlinkSync('../../blobs/d34d', join(snapshot, 'model.safetensors'));
    symlinkSync('../../blobs/beef', join(snapshot, 'config.json'));
    return { root, snapshot, output: join(root, 'archive') };
  }

  it('are refused', async () => {
    const { root, snapshot, output } = cached();
    expect(await outcome(() => seal(snapshot, { ...sealing, output }))).toBe('SYMLINK');
    expect(leftovers(root, 'blobs', 'snapshots')).toEqual([]);
  });

  it('are followed when asked', async () => {
    const { root, snapshot, output } = cached();
    await seal(snapshot, { ...sealing, output, followSymlinks: true });
    await open(output, { ...access, output: join(root, 'out') });
    expect(readFiles(join(root, 'out'))).toEqual({
      'model.safetensors': Buffer.from(noise(5000)).toString('latin1'),
      'config.json': '{}',
    });
  });

  it('that make more paths than anybody could seal are refused', async () => {
    const root = workspace();
    const levels = 60;
    for (let i = 0; i < levels; i++) {
      mkdirSync(join(root, 'chain', `${i}`), { recursive: true });
      for (const name of ['a', 'b']) symlinkSync(`../${i + 1}`, join(root, 'chain', `${i}`, name));
    }
    writeFiles(join(root, `chain/${levels}`), { file: 'x' });
    const output = join(root, 'archive');
    const sealed = seal(join(root, 'chain/0'), { ...sealing, output, followSymlinks: true });
    await expect(sealed).rejects.toMatchObject({
      code: 'SYMLINK',
      message: expect.stringMatching(/links repeat too much$/),
    });
  });

  it.each([
    ['to the root', '.', 'SYMLINK'],
    ['to a directory above', '../..', 'SYMLINK'],
    ['that dangles', 'nowhere', 'NOT_FOUND'],
    ['to itself', 'loop', /^(SYMLINK|IO)$/],
  ])('followed %s are refused', async (_, target, code) => {
    const { snapshot, output } = cached();
    symlinkSync(target, join(snapshot, 'loop'));
    const sealed = await outcome(() =>
      seal(snapshot, { ...sealing, output, followSymlinks: true }),
    );
    expect(sealed).toMatch(code);
  });

  it('are named by the way that leads through them', async () => {
    const { snapshot, output } = cached();
    symlinkSync('..', join(snapshot, 'loop'));
    await expect(
      seal(snapshot, { ...sealing, output, followSymlinks: true }),
    ).rejects.toMatchObject({
      message: expect.stringMatching(/\/loop\/.+: leads to a directory above it$/),
    });
  });
});
