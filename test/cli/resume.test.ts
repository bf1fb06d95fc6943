/** Work that was killed and goes on: what is done counts, and nothing counts that was not checked. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { noise } from '../support/archive.ts';
import { expectRefusal, type Outcome, scratch, sealing, strongroom, world } from './helpers.ts';

const cwd = scratch();
const path = (name: string) => join(cwd, name);
const run = (args: readonly string[], during?: (child: ChildProcess) => unknown) =>
  strongroom(args, { cwd, input: '', ...(during === undefined ? {} : { during }) });

const opening = ['-i', 'partner.key', '--signer', 'lab.key.card', '--no-memory'] as const;
const seal = (...more: string[]) =>
  ['seal', 'model', '-o', 'm.srm', ...sealing, '--resume', ...more] as const;
const open = (...more: string[]) =>
  ['open', 'whole.srm', '-o', 'out', ...opening, '--resume', ...more] as const;

/** What a run for an output leaves beside it. */
const stageOf = (output: string) => path(`.${output}.resume`);
const journalOf = (output: string) => `${stageOf(output)}.journal`;
const left = () => readdirSync(cwd).filter((name) => name.includes('.resume'));

const linesOf = (output: string): string[] => {
  try {
    return readFileSync(journalOf(output), 'utf8').split('\n').slice(0, -1);
  } catch {
    return [];
  }
};

/** Sends a signal when the journal has so many lines; the head is one of them. */
const whenJournalled =
  (output: string, lines: number, signal: NodeJS.Signals = 'SIGKILL') =>
  (child: ChildProcess) => {
    const timer = setInterval(() => {
      if (linesOf(output).length < lines && child.exitCode === null) return;
      clearInterval(timer);
      child.kill(signal);
    }, 1);
    child.on('exit', () => clearInterval(timer));
  };

/** Kills a run at some runs, and again, until there is something to go on with. */
async function broken(args: readonly string[], output: string, lines = 6): Promise<void> {
  const { status, stderr } = await run(args, whenJournalled(output, lines));
  expect(status, stderr).toBe(137);
  expect(linesOf(output).length).toBeGreaterThanOrEqual(lines);
}

const runsChecked = ({ stderr }: Outcome) =>
  /goes on, with (\d+) of (\d+) runs to check/.exec(stderr)?.slice(1).map(Number);

const digestOf = (name: string): string =>
  createHash('sha256')
    .update(readFileSync(path(name)))
    .digest('hex');

/** Every file below a directory, by the digest of what it holds. */
function treeOf(name: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(path(name), { withFileTypes: true, recursive: true })) {
    const at = join(entry.parentPath, entry.name);
    found[relative(path(name), at)] = entry.isFile() ? digestOf(relative(cwd, at)) : '';
  }
  return found;
}

const expectSame = (output: string, model = 'model') =>
  expect(treeOf(output)).toEqual(treeOf(model));

beforeAll(async () => {
  await world(cwd);
  mkdirSync(path('model/sub'), { recursive: true });
  writeFileSync(path('model/a.bin'), noise(100 * 2 ** 20));
  writeFileSync(path('model/sub/b.bin'), noise(50 * 2 ** 20 + 17, 2));
  for (let i = 0; i < 300; i++) writeFileSync(path(`model/sub/${i}.txt`), `${i}\n`);
  writeFileSync(path('model/z.empty'), '');
  const { status, stderr } = await run(['seal', 'model', '-o', 'whole.srm', ...sealing]);
  expect(status, stderr).toBe(0);
}, 60_000);

const clear = () => {
  for (const name of [...left(), 'm.srm', 'out']) {
    rmSync(path(name), { recursive: true, force: true });
  }
};
beforeEach(clear);
afterEach(clear);

async function expectSealed(): Promise<Outcome> {
  const outcome = await run(seal());
  expect(outcome.status, outcome.stderr).toBe(0);
  expect(left()).toEqual([]);
  const opened = await run(['open', 'm.srm', '-o', 'out', ...opening]);
  expect(opened.status, opened.stderr).toBe(0);
  expectSame('out');
  return outcome;
}

async function expectOpened(...more: string[]): Promise<Outcome> {
  const outcome = await run(open(...more));
  expect(outcome.status, outcome.stderr).toBe(0);
  expect(left()).toEqual([]);
  return outcome;
}

describe.skipIf(process.platform === 'win32')('seal --resume', () => {
  it('goes on after kills, and keeps what was done', async () => {
    await broken(seal(), 'm.srm', 6);
    expect(existsSync(path('m.srm'))).toBe(false);
    const before = linesOf('m.srm').length;
    await broken(seal(), 'm.srm', 20);
    const outcome = await expectSealed();
    const [checked = 0, runs = 0] = runsChecked(outcome) ?? [];
    expect(checked).toBeGreaterThanOrEqual(before - 1);
    expect(runs).toBeGreaterThanOrEqual(checked);
  }, 60_000);

  it('does not write again what is there', async () => {
    await broken(seal(), 'm.srm', 20);
    const journal = linesOf('m.srm');
    const [head = '', ...runs] = journal;
    const { front = '', runSegments = 0 } = JSON.parse(head).signed;
    const bytes = runSegments * (2 ** 20 + 32);
    const spanOf = (run: number) => {
      const at = inflateRawSync(Buffer.from(front, 'base64')).length + run * bytes;
      return readFileSync(stageOf('m.srm')).subarray(at, at + bytes);
    };
    const kept = runs.slice(0, 5).map((line) => JSON.parse(line).run as number);
    const before = kept.map((run) => Buffer.from(spanOf(run)));
    await broken(seal(), 'm.srm', journal.length + 8);
    // Another encryption of a segment has another IV
    kept.forEach((run, i) => {
      expect(spanOf(run).equals(before[i] as Buffer)).toBe(true);
    });
  }, 60_000);

  it('keeps what is done after Ctrl-C, and says how to go on', async () => {
    const outcome = await run(seal(), whenJournalled('m.srm', 6, 'SIGINT'));
    expect(outcome.status).toBe(130);
    expect(outcome.stderr).toMatch(/what was done is kept: run the same again with --resume/);
    expect(left().sort()).toEqual(['.m.srm.resume', '.m.srm.resume.journal']);
    await expectSealed();
  }, 60_000);

  it('holds no key and nothing of the plaintext in the journal', async () => {
    await broken(seal(), 'm.srm');
    expect(statSync(journalOf('m.srm')).mode & 0o777).toBe(0o600);
    expect(statSync(stageOf('m.srm')).mode & 0o777).toBe(0o600);
    const [head = '', ...runs] = linesOf('m.srm');
    const { signed } = JSON.parse(head);
    expect(Object.keys(signed).sort()).toEqual(
      'front inode options runSegments secret source type version work'.split(' '),
    );
    for (const line of runs) expect(Object.keys(JSON.parse(line))).toEqual(['mac', 'run']);
  }, 60_000);

  it('does anew what was damaged on the disk, and what the journal tells wrongly', async () => {
    await broken(seal(), 'm.srm', 20);
    const fd = openSync(stageOf('m.srm'), 'r+');
    // In a run that is journalled, and in many others
    for (let at = 2 ** 20; at < 2 ** 26; at += 5 * 2 ** 20) writeSync(fd, 'damage', at);
    closeSync(fd);
    const lines = linesOf('m.srm').map((line, i) => {
      if (i === 0) return line;
      const { run, mac } = JSON.parse(line);
      // Swapped, shifted, beyond the end, no JSON
      if (i === 3) return JSON.stringify({ run: run + 1, mac });
      if (i === 4) return JSON.stringify({ run: 2 ** 40, mac });
      return i === 5 ? '{' : line;
    });
    writeFileSync(journalOf('m.srm'), `${lines.join('\n')}\n{"run":`, { mode: 0o600 });
    await expectSealed();
  }, 60_000);

  it('takes no segment of someone who can write to the directory', async () => {
    await broken(seal(), 'm.srm', 10);
    // Whole segments of another archive, with the journal that goes with them
    renameSync(journalOf('m.srm'), path('first.journal'));
    copyFileSync(stageOf('m.srm'), path('first'));
    rmSync(stageOf('m.srm'));
    await broken(seal(), 'm.srm', 10);
    const [head] = linesOf('m.srm');
    const [, ...runs] = readFileSync(path('first.journal'), 'utf8').split('\n');
    // Into the same inode, as a writer would
    const fd = openSync(stageOf('m.srm'), 'r+');
    writeSync(fd, readFileSync(path('first')), 0, statSync(path('first')).size, 0);
    closeSync(fd);
    writeFileSync(journalOf('m.srm'), [head, ...runs].join('\n'), { mode: 0o600 });
    const outcome = await expectSealed();
    // They were looked at, and not one of them counted
    expect(runsChecked(outcome)?.[0]).toBeGreaterThan(5);
    for (const name of ['first', 'first.journal']) rmSync(path(name));
  }, 60_000);

  it.each<[string, RegExp, () => void]>([
    [
      'whose head is altered',
      /its journal is altered/,
      () => replaceInHead('"version":1', '"version":2'),
    ],
    [
      'whose inputs are altered',
      /its journal is altered/,
      () => replaceInHead('"inode":"', '"inode":"1'),
    ],
    ['that is empty', /its journal is altered/, () => truncateSync(journalOf('m.srm'), 0)],
    [
      'that others can write to',
      /others can write to it/,
      () => chmodSync(journalOf('m.srm'), 0o622),
    ],
    [
      'that is a link',
      /a symbolic link/,
      () => {
        renameSync(journalOf('m.srm'), `${journalOf('m.srm')}.away`);
        symlinkSync(`${journalOf('m.srm')}.away`, journalOf('m.srm'));
      },
    ],
    [
      'of which the data were exchanged',
      /is not what was written/,
      () => {
        // While the first is there, so that the second cannot have its inode
        copyFileSync(stageOf('m.srm'), path('m.copy.resume'));
        renameSync(path('m.copy.resume'), stageOf('m.srm'));
      },
    ],
    [
      'of which the data have another name',
      /is not what was written/,
      () => linkSync(stageOf('m.srm'), path('m.second.resume')),
    ],
    ['that is gone', /has no journal/, () => rmSync(journalOf('m.srm'))],
  ])(
    'refuses a journal %s, and says what to remove',
    async (_, words, alter) => {
      await broken(seal(), 'm.srm');
      const before = digestOf('.m.srm.resume');
      alter();
      const outcome = await run(seal());
      expectRefusal(outcome, words.source.includes('no journal') ? 1 : 3, words);
      expect(outcome.stderr).toMatch(/hint: to begin anew, remove /);
      expect(digestOf('.m.srm.resume')).toEqual(before);
      expect(existsSync(path('m.srm'))).toBe(false);
    },
    60_000,
  );

  it('refuses other recipients, another identity, other options and another output', async () => {
    await broken(seal(), 'm.srm');
    const others: [RegExp, string[]][] = [
      [/other recipients or options/, [...seal(), '-r', 'lab.key.card']],
      [/other recipients or options/, seal('--hide-recipients') as unknown as string[]],
      [/other recipients or options/, seal('--oms') as unknown as string[]],
      [
        /by another identity/,
        [
          'seal',
          'model',
          '-o',
          'm.srm',
          '-r',
          'partner.key.card',
          '--sign',
          'stranger.key',
          '--resume',
        ],
      ],
    ];
    for (const [words, args] of others) expectRefusal(await run(args), 1, words);
    await expectSealed();
  }, 60_000);

  it.each<[string, () => void]>([
    ['grew', () => appendFileSync(path('model/a.bin'), 'x')],
    [
      'has other content, and its old time',
      () => {
        const { atime, mtime } = statSync(path('model/a.bin'));
        const fd = openSync(path('model/a.bin'), 'r+');
        writeSync(fd, 'other', 4096);
        closeSync(fd);
        utimesSync(path('model/a.bin'), atime, mtime);
      },
    ],
    ['has one file more', () => writeFileSync(path('model/new'), '')],
  ])(
    'refuses a source that %s',
    async (_, change) => {
      cpSync(path('model'), path('model.kept'), { recursive: true });
      await broken(seal(), 'm.srm');
      change();
      const outcome = await run(seal());
      expectRefusal(outcome, 1, /what it is sealed from has changed since/);
      expect(outcome.stderr).toMatch(/remove .*\.m\.srm\.resume and .*\.m\.srm\.resume\.journal/);
      rmSync(path('model'), { recursive: true });
      renameSync(path('model.kept'), path('model'));
    },
    60_000,
  );

  it('leaves alone an output that is there by now', async () => {
    await broken(seal(), 'm.srm');
    writeFileSync(path('m.srm'), 'mine');
    expectRefusal(await run(seal()), 2, /exists already/);
    expect(readFileSync(path('m.srm'), 'utf8')).toBe('mine');
    rmSync(path('m.srm'));
    await expectSealed();
  }, 60_000);

  it('cleans up behind a run that was killed when its output just had its name', async () => {
    await broken(seal(), 'm.srm');
    linkSync(stageOf('m.srm'), path('m.srm'));
    expectRefusal(await run(seal()), 2, /exists already/);
    expect(left()).toEqual([]);
    expect(existsSync(path('m.srm'))).toBe(true);
  }, 60_000);

  it('lets one run at a time at it, and takes over from one that is gone', async () => {
    let second: Promise<Outcome> | undefined;
    const first = await run(seal(), (child) => {
      const timer = setInterval(() => {
        if (linesOf('m.srm').length < 3) return;
        clearInterval(timer);
        child.kill('SIGSTOP');
        second = run(seal());
        void second.then(() => child.kill('SIGCONT'));
      }, 1);
    });
    expectRefusal((await second) as Outcome, 1, /process \d+ is writing it/);
    expect(first.status, first.stderr).toBe(0);
    rmSync(path('m.srm'));
    await broken(seal(), 'm.srm');
    const lock = JSON.parse(readlinkSync(`${stageOf('m.srm')}.lock`));
    expect(lock).toMatchObject({
      pid: expect.any(Number),
      started: expect.stringMatching(/^\d+$/),
    });
    // The pid is another's by now
    unlinkSync(`${stageOf('m.srm')}.lock`);
    symlinkSync(JSON.stringify({ ...lock, pid: process.pid }), `${stageOf('m.srm')}.lock`);
    await expectSealed();
  }, 60_000);

  it('refuses a pipe and standard output', async () => {
    expectRefusal(
      await run(['seal', '-', '-o', 'm.srm', ...sealing, '--resume']),
      2,
      /comes through a pipe/,
    );
    expectRefusal(
      await run(['seal', 'model', '-o', '-', ...sealing, '--resume']),
      2,
      /on standard output already/,
    );
    expect(left()).toEqual([]);
  });
});

/** Alters the first line of a journal. */
function replaceInHead(what: string | RegExp, by: string): void {
  const [head = '', ...rest] = readFileSync(journalOf('m.srm'), 'utf8').split('\n');
  const altered = head.replace(what, by);
  expect(altered).not.toBe(head);
  writeFileSync(journalOf('m.srm'), [altered, ...rest].join('\n'));
}

describe.skipIf(process.platform === 'win32')('open --resume', () => {
  it('goes on after kills, and keeps what was done', async () => {
    await broken(open(), 'out', 6);
    expect(existsSync(path('out'))).toBe(false);
    expect(statSync(stageOf('out')).mode & 0o777).toBe(0o700);
    await broken(open(), 'out', 20);
    const outcome = await expectOpened();
    expect(runsChecked(outcome)?.[0]).toBeGreaterThanOrEqual(19);
    expectSame('out');
  }, 60_000);

  it('goes on with some of the files, and with no others', async () => {
    await broken(open('--only', 'sub/*'), 'out', 4);
    expectRefusal(await run(open()), 1, /other choices of files/);
    await expectOpened('--only', 'sub/*');
    expectSame('out/sub', 'model/sub');
    expect(readdirSync(path('out'))).toEqual(['sub']);
  }, 60_000);

  it('keeps what is done after Ctrl-C', async () => {
    const outcome = await run(open(), whenJournalled('out', 6, 'SIGINT'));
    expect(outcome.status).toBe(130);
    expect(outcome.stderr).toMatch(/what was done is kept/);
    await expectOpened();
    expectSame('out');
  }, 60_000);

  it('does anew what was written over in its stage', async () => {
    await broken(open(), 'out', 20);
    const file = join(stageOf('out'), 'a.bin');
    const { size } = statSync(file);
    const fd = openSync(file, 'r+');
    for (let at = 0; at + 6 < size; at += 7 * 2 ** 20) writeSync(fd, 'forged', at);
    closeSync(fd);
    expect(statSync(file).size).toBe(size);
    await expectOpened();
    expectSame('out');
  }, 60_000);

  it('releases nothing that was put into its stage', async () => {
    await broken(open(), 'out', 20);
    const stage = stageOf('out');
    appendFileSync(join(stage, 'a.bin'), Buffer.alloc(2 ** 28));
    writeFileSync(join(stage, 'z.empty'), 'not empty');
    writeFileSync(join(stage, 'extra'), 'extra');
    mkdirSync(join(stage, 'more/of/it'), { recursive: true });
    writeFileSync(join(stage, 'more/of/it/all'), 'extra');
    writeFileSync(path('precious'), 'precious');
    rmSync(join(stage, 'sub/b.bin'), { force: true });
    linkSync(path('precious'), join(stage, 'sub/b.bin'));
    rmSync(join(stage, 'sub/7.txt'), { force: true });
    symlinkSync(path('precious'), join(stage, 'sub/7.txt'));
    await expectOpened();
    expectSame('out');
    expect(readFileSync(path('precious'), 'utf8')).toBe('precious');
  }, 60_000);

  it('refuses another stage, another archive and another identity', async () => {
    await broken(open(), 'out');
    const other = ['open', 'whole.srm', '-o', 'out', '-i', 'lab.key', ...opening.slice(2)];
    const both = await run(['seal', 'w', '-o', 'm.srm', ...sealing, '-r', 'lab.key.card']);
    expect(both.status, both.stderr).toBe(0);
    const another = ['open', 'm.srm', '-o', 'out', ...opening, '--resume'];
    expectRefusal(await run(another), 1, /another archive/);
    const byLab = ['open', 'm.srm', '-o', 'out', '-i', 'lab.key', ...opening.slice(2), '--resume'];
    expectRefusal(await run(byLab), 1, /another identity/);
    expect((await run(other)).status).toBe(4);
    renameSync(stageOf('out'), `${stageOf('out')}.away`);
    mkdirSync(stageOf('out'), { mode: 0o700 });
    writeFileSync(join(stageOf('out'), 'mine'), 'mine');
    expectRefusal(await run(open()), 3, /is not what was written/);
    expect(readFileSync(join(stageOf('out'), 'mine'), 'utf8')).toBe('mine');
  }, 60_000);

  it('takes what is left for granted only from a journal of its own', async () => {
    await broken(open(), 'out', 20);
    // Everyone else's lines: those of a recipient who has the file key, and began the same
    const [, ...lines] = linesOf('out');
    rmSync(journalOf('out'));
    rmSync(stageOf('out'), { recursive: true });
    await broken(open(), 'out', 2);
    const [head] = linesOf('out');
    writeFileSync(journalOf('out'), `${[head, ...lines].join('\n')}\n`, { mode: 0o600 });
    writeFileSync(join(stageOf('out'), 'a.bin'), 'forged');
    await expectOpened();
    expectSame('out');
  }, 60_000);

  it('refuses pipes', async () => {
    expectRefusal(
      await run(['open', '-', '-o', 'out', ...opening, '--resume']),
      2,
      /comes through a pipe/,
    );
    expectRefusal(
      await run(['open', 'whole.srm', '--stdout', ...opening, '--resume']),
      2,
      /on standard output already/,
    );
  });
});

describe.skipIf(process.platform === 'win32')('rekey --resume', () => {
  const rekey = [
    ...['rekey', 'both.srm', '-o', 'm.srm', '-r', 'partner.key.card', '-i', 'lab.key'],
    ...['--signer', 'lab.key.card', '--no-memory', '--resume'],
  ];

  it.each([
    ['after a kill', []],
    ['with room for thousands of recipients', ['--room', '9000']],
  ])(
    'goes on %s',
    async (_, more) => {
      const made = ['seal', 'model', '-o', 'both.srm', ...sealing, '-r', 'lab.key.card'];
      expect((await run(made)).status).toBe(0);
      await broken([...rekey, ...more], 'm.srm', 10);
      const outcome = await run([...rekey, ...more]);
      expect(outcome.status, outcome.stderr).toBe(0);
      expect(runsChecked(outcome)?.[0]).toBeGreaterThanOrEqual(9);
      expect(left()).toEqual([]);
      const opened = await run(['open', 'm.srm', '-o', 'out', ...opening]);
      expect(opened.status, opened.stderr).toBe(0);
      expectSame('out');
      rmSync(path('both.srm'));
    },
    60_000,
  );
});

/** A file system that can grow; `undefined` where none can be mounted. */
function smallDisk(): string | undefined {
  const at = path('disk');
  mkdirSync(at);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=60m', 'none', at], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  afterAll(() => execFileSync('umount', [at]));
  return at;
}

const disk = smallDisk();

describe.skipIf(disk === undefined)('a full disk (skipped where none can be mounted)', () => {
  it.each([
    ['seal', ['seal', 'model', '-o', 'disk/x', ...sealing, '--resume']],
    ['open', ['open', 'whole.srm', '-o', 'disk/x', ...opening, '--resume']],
  ])(
    'stops a %s, which goes on when there is room',
    async (_, args) => {
      const full = await run(args);
      expect(full.status).toBe(1);
      expect(full.stderr).toMatch(/what was done is kept[^\n]*\nerror: [^\n]*no space left/);
      expect(readdirSync(disk as string).sort()).toEqual(['.x.resume', '.x.resume.journal']);
      execFileSync('mount', ['-o', 'remount,size=600m', disk as string]);
      const outcome = await run(args);
      expect(outcome.status, outcome.stderr).toBe(0);
      expect(runsChecked(outcome)?.[0]).toBeGreaterThan(3);
      expect(readdirSync(disk as string)).toEqual(['x']);
      rmSync(path('disk/x'), { recursive: true });
      execFileSync('mount', ['-o', 'remount,size=60m', disk as string]);
    },
    60_000,
  );
});
