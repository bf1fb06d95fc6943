/**
 * Tars of other programs are read as those programs read them, and they read ours as we do.
 * What needs a program that is not there is skipped, and says so.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { extract, pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Entry } from '#strongroom/archive/entry.js';
import { layTar, type PlannedFile } from '#strongroom/archive/tar/layout.js';
import { readTarEntries } from '#strongroom/archive/tar/read.js';
import { readLayout } from '../../support/layout.ts';

const environment = { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' };

function run(command: string, args: readonly string[], input?: Uint8Array, cwd?: string): Buffer {
  const result = spawnSync(command, args, {
    cwd,
    env: environment,
    input: input ?? '',
    maxBuffer: 2 ** 28,
  });
  if (result.status !== 0) throw new Error(`${command}: ${result.stderr}`);
  return result.stdout;
}

function has(command: string, answer: RegExp): boolean {
  const { stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  const found = answer.test(stdout ?? '');
  if (!found)
    console.warn(
      `SKIPPED: tests against ${command}, which is not on this machine or is not ${answer.source}`,
    );
  return found;
}

const hasGnuTar = has('tar', /GNU tar/);
const hasPython = has('python3', /^Python 3/);

const pythonList = `
import json, sys, tarfile
with tarfile.open(sys.argv[1]) as tar:
    print(json.dumps([
        {'type': 'directory', 'path': m.name, 'mode': m.mode & 0o777, 'mtime': max(0, int(m.mtime // 1))}
        if m.isdir() else
        {'type': 'file', 'path': m.name, 'size': m.size, 'mode': m.mode & 0o777,
         'mtime': max(0, int(m.mtime // 1)), 'offset': m.offset_data}
        for m in tar if m.isdir() or m.isreg() or sys.exit(m.name)
    ]))
`;
const pythonMake = `
import sys, tarfile
def fit(member):
    # ustar has no place for a name of 255 bytes, nor for a time before 1970
    member.mtime = max(0, member.mtime)
    return None if 'nnn' in member.name and len(member.name) > 250 else member
with tarfile.open(sys.argv[1], 'w', format=getattr(tarfile, sys.argv[2] + '_FORMAT')) as tar:
    tar.add('.', filter=fit if sys.argv[2] == 'USTAR' else None)
`;

const strip = (path: string) => path.replace(/\/$/, '').replace(/^\.\//, '');

const listWithPython = (tarFile: string): Entry[] =>
  JSON.parse(run('python3', ['-c', pythonList, tarFile]).toString('utf8'))
    .filter((entry: Entry) => entry.path !== '.')
    .map((entry: Entry) => ({ ...entry, path: strip(entry.path) }));

type Listed = Pick<PlannedFile, 'type' | 'path' | 'size' | 'mode' | 'mtime'>;

/** An entry without its offset, which listings do not have. */
const listed = (entry: Entry): Listed => ({
  type: entry.type,
  path: entry.path,
  size: entry.type === 'file' ? entry.size : 0,
  mode: entry.mode,
  mtime: entry.mtime,
});

function listWithGnuTar(tarFile: string): Listed[] {
  const options = ['--list', '--verbose', '--full-time', '--quoting-style=literal', '--utc'];
  const lines = run('tar', [...options, '--file', tarFile])
    .toString('utf8')
    .split('\n');
  const line = /^([-d])([-rwx]{9}) \S+ +(\d+) (\S+) (\d\d:\d\d:\d\d)\S* +(.*)$/;
  return lines
    .filter((text) => text !== '')
    .map((text) => {
      const [, type, bits = '', size, date, time, path = ''] = line.exec(text) ?? [];
      if (type === undefined) throw new Error(`tar listed ${text}`);
      return {
        type: type === 'd' ? ('directory' as const) : ('file' as const),
        path: strip(path),
        size: Number(size),
        mode: Number.parseInt(bits.replace(/[rwx]/g, '1').replace(/-/g, '0'), 2),
        mtime: Math.max(0, Date.parse(`${date}T${time}Z`) / 1000),
      };
    })
    .filter(({ path }) => path !== '.');
}

async function listWithTarStream(bytes: Uint8Array): Promise<Listed[]> {
  const found: Listed[] = [];
  const reader = extract();
  Readable.from([bytes]).pipe(reader);
  for await (const { header, ...entry } of reader as AsyncIterable<
    Readable & { header: { name: string; type: string; size: number; mode: number; mtime: Date } }
  >) {
    found.push({
      type: header.type === 'directory' ? 'directory' : 'file',
      path: strip(header.name),
      size: header.size,
      mode: header.mode & 0o777,
      mtime: header.mtime.getTime() / 1000,
    });
    void entry;
  }
  return found;
}

const read = (bytes: Uint8Array) =>
  readTarEntries((offset, length) => bytes.subarray(offset, offset + length), bytes.length);

let work: string;
let tree: string;

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'strongroom-tar-'));
  tree = join(work, 'tree');
  const deep = `${'deep/'.repeat(25)}${'er'.repeat(45)}`;
  for (const path of ['empty', 'weights/重み', deep])
    mkdirSync(join(tree, path), { recursive: true });
  const files: [path: string, size: number, mode: number, mtime: number][] = [
    ['0.bin', 0, 0o644, 0],
    ['1.bin', 1, 0o600, 1.25],
    ['weights/511', 511, 0o755, 1_700_000_000.999],
    ['weights/512', 512, 0o444, 1_700_000_000],
    ['weights/513', 513, 0o640, 2 ** 31],
    ['weights/重み/é à', 100_000, 0o644, 2 ** 32 + 0.5],
    [`${'n'.repeat(255)}`, 10, 0o644, 1_600_000_000],
    [`weights/${'n'.repeat(92)}`, 10, 0o644, 1_600_000_000],
    [`weights/${'m'.repeat(93)}`, 10, 0o644, 1_600_000_000],
    [`${deep}/file`, 3, 0o644, -86400.5],
  ];
  for (const [path, size, mode, mtime] of files) {
    writeFileSync(join(tree, path), Buffer.alloc(size, 'x'));
    // A number below zero would become the present
    const time = new Date(mtime * 1000);
    utimesSync(join(tree, path), time, time);
    chmodSync(join(tree, path), mode);
  }
  chmodSync(join(tree, 'empty'), 0o700);
});

afterAll(() => rmSync(work, { recursive: true, force: true }));

const longNames = [`--exclude=${'n'.repeat(255)}`];

describe.skipIf(!hasGnuTar || !hasPython)('tars of GNU tar, as it and Python list them', () => {
  it.each([
    ['as it comes', []],
    ['gnu', ['--format=gnu']],
    ['gnu, without padding to records', ['--format=gnu', '--blocking-factor=1']],
    ['oldgnu', ['--format=oldgnu']],
    ['posix', ['--format=posix']],
    ['pax', ['-H', 'pax']],
    ['pax without times', ['-H', 'pax', '--pax-option=delete=atime,delete=ctime,delete=mtime']],
    // ustar has no place for a name of 255 bytes, nor for a time before 1970
    ['ustar', ['--format=ustar', ...longNames, '--mtime=@1600000000.5']],
    ['owners by number', ['--format=gnu', '--owner=:3000000', '--group=:4000000']],
  ])('%s', (_, options) => {
    const tarFile = join(work, 'gnu.tar');
    run('tar', ['--create', '--file', tarFile, ...options, '.'], undefined, tree);
    const bytes = run('cat', [tarFile]);
    const entries = read(bytes);
    expect(entries.length).toBeGreaterThan(35);
    expect(entries).toEqual(listWithPython(tarFile));
    expect(entries.map(listed)).toEqual(listWithGnuTar(tarFile));
  });
});

describe.skipIf(!hasPython)('tars of Python, as it lists them', () => {
  it.each(['GNU', 'PAX', 'USTAR'])('%s', (format) => {
    const tarFile = join(work, 'python.tar');
    run('python3', ['-c', pythonMake, tarFile, format], undefined, tree);
    const entries = read(run('cat', [tarFile]));
    expect(entries.length).toBeGreaterThan(35);
    expect(entries).toEqual(listWithPython(tarFile));
    if (hasGnuTar) expect(entries.map(listed)).toEqual(listWithGnuTar(tarFile));
  });
});

const planned: PlannedFile[] = [
  ['directory', 'd', 0, 0o755, 1_700_000_000],
  ['file', 'd/empty', 0, 0, 0],
  ['file', 'd/511', 511, 0o777, 2 ** 31 - 1],
  ['file', 'd/512', 512, 0o644, 2 ** 31],
  ['file', 'd/513', 513, 0o600, 2 ** 33],
  ['directory', 'd/é 重み', 0, 0o700, 1],
  ['file', 'd/é 重み/👍', 1, 0o444, 1],
  ['directory', 'x'.repeat(99), 0, 0o755, 1],
  ['directory', 'y'.repeat(100), 0, 0o755, 1],
  ['directory', 'z'.repeat(255), 0, 0o755, 1],
  ['file', 'X1'.repeat(50), 5, 0o644, 1],
  ['file', 'Y1'.repeat(50).concat('1'), 5, 0o644, 1],
  ['file', `implied/${'é'.repeat(127)}/${'w'.repeat(255)}`, 5, 0o644, 1],
  ['file', `${`${'d'.repeat(127)}/`.repeat(31)}${'e'.repeat(128)}`, 5, 0o644, 1],
].map(([type, path, size, mode, mtime]) => ({ type, path, size, mode, mtime }) as PlannedFile);

describe('our tars', () => {
  let bytes: Uint8Array;
  let entries: Entry[];
  let tarFile: string;

  beforeAll(async () => {
    const layout = await layTar(planned);
    bytes = readLayout(layout)(0, layout.length);
    entries = layout.entries;
    tarFile = join(work, 'ours.tar');
    writeFileSync(tarFile, bytes);
  });

  it('are listed alike by tar-stream', async () => {
    // It does not read pax times
    const withoutLate = (list: Listed[]) =>
      list.map((entry) => ({ ...entry, mtime: Math.min(entry.mtime, 2 ** 31 - 1) }));
    expect(await listWithTarStream(bytes)).toEqual(withoutLate(entries.map(listed)));
  });

  it.skipIf(!hasPython)('are listed alike by Python', () => {
    expect(listWithPython(tarFile)).toEqual(entries);
  });

  it.skipIf(!hasGnuTar)('are listed alike by GNU tar', () => {
    expect(listWithGnuTar(tarFile)).toEqual(planned);
  });

  it.skipIf(!hasPython || !hasGnuTar)('hold sizes that octal does not', async () => {
    const layout = await layTar([
      { type: 'file', path: 'big', size: 8 ** 11, mode: 0o644, mtime: 1 },
      { type: 'file', path: `${'é'.repeat(60)}`, size: 1, mode: 0o644, mtime: 1 },
    ]);
    const { literals } = layout;
    const sparse = join(work, 'big.tar');
    const fd = openSync(sparse, 'w');
    literals.at.forEach((at, index) => {
      const from = literals.from[index] ?? 0;
      writeSync(fd, literals.bytes, from, literals.lengths[index], at);
    });
    ftruncateSync(fd, layout.length);
    closeSync(fd);
    expect(listWithPython(sparse)).toEqual(layout.entries);
    expect(listWithGnuTar(sparse)).toEqual(layout.entries.map(listed));
    rmSync(sparse);
  });
});

describe('tars of tar-stream, as it lists them', () => {
  it('of every length of name', async () => {
    const stream = pack();
    for (let length = 1; length <= 255; length += 9) {
      const name = `${'p'.repeat(length)}/${'n'.repeat(length)}`;
      const mtime = new Date(1_600_000_000_000 + length * 1000);
      stream.entry({ name: `${'p'.repeat(length)}/`, type: 'directory', mtime });
      stream.entry({ name, mtime, mode: 0o640 }, Buffer.alloc(length, 'x'));
      stream.entry({ name: `é${name}`, mtime }, 'x');
    }
    stream.finalize();
    const parts: Buffer[] = [];
    for await (const part of stream as AsyncIterable<Buffer>) parts.push(part);
    const bytes = Buffer.concat(parts);
    const entries = read(bytes);
    expect(entries).toHaveLength(87);
    expect(entries.map(listed)).toEqual(await listWithTarStream(bytes));
  });
});
