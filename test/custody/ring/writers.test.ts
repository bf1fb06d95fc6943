/** Several writers, and readers beside them: epochs follow each other and never fork. */
import { execFile, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { slotFile } from '#strongroom/archive/ringwriter.js';
import { guarded } from '#strongroom/custody/ring/guard.js';
import { lockArchive } from '#strongroom/custody/ring/lock.js';
import { grant } from '#strongroom/index.js';
import { makeArchive, outcome, people, workspace } from '../../support/archive.ts';
import { keyFiles, opens, ringAt } from '../helpers.ts';

const run = promisify(execFile);
const script = resolve('test/support/granting.mjs');
const who = people();
const { author, reader, insider, stranger, trust } = who;
const by = { identity: author, trust };

const make = (root: string) =>
  makeArchive(root, { who, files: { a: 'weights' }, recipients: [author.card, reader.card] });
const lockOf = (archive: string) => join(dirname(archive), `.${basename(archive)}.lock`);

describe('writers at once', () => {
  it.skipIf(process.platform === 'win32')(
    'do not wait for a pipe in the place of a lock',
    async () => {
      const archive = join(workspace(), 'a.srm');
      writeFileSync(archive, '');
      await run('mkfifo', [lockOf(archive)]);
      const lock = `import { lockArchive } from ${JSON.stringify(resolve('dist/custody/ring/lock.js'))};
      await lockArchive(process.argv[1], { patienceMs: 0 }).catch(({ code, message }) => console.log(code, message));`;
      // Whoever waits for a pipe hears no signal but this one
      const { stdout } = await run(
        process.execPath,
        ['--input-type=module', '--eval', lock, archive],
        { timeout: 60_000, killSignal: 'SIGKILL' },
      );
      expect(stdout).toMatch(/^RING_BUSY .*is there and tells nothing/);
    },
  );

  it('in one process take turns', async () => {
    const archive = await make(workspace());
    const reports = await Promise.all(
      [insider, stranger].map(({ card }) => grant(archive, { ...by, add: [card] })),
    );
    expect(reports.map(({ epoch }) => epoch).sort()).toEqual([2, 3]);
    expect((await ringAt(archive)).recipients).toHaveLength(4);
    expect(existsSync(lockOf(archive))).toBe(false);
  });

  it('in several processes take turns', async () => {
    const root = workspace();
    const archive = await make(root);
    const { key } = keyFiles(root, 'author', author);
    const cards = people();
    const told = await Promise.all(
      [cards.author, cards.reader, cards.insider, cards.stranger].map(async (identity, i) => {
        const { card } = keyFiles(root, `one${i}`, identity);
        const { stdout } = await run(process.execPath, [script, archive, key, card, '3']);
        const lines = stdout.trim().split('\n').slice(1);
        return lines.map((line) => JSON.parse(line).epoch as number);
      }),
    );
    // Every epoch was made once, by one of them
    const epochs = told.flat().sort((a, b) => a - b);
    expect(epochs).toEqual(Array.from({ length: 24 }, (_, i) => i + 2));
    expect(await ringAt(archive)).toMatchObject({ epoch: 25 });
  });

  it('leave readers a ring to read at any time', async () => {
    const root = workspace();
    const archive = await make(root);
    const { key } = keyFiles(root, 'author', author);
    const { card } = keyFiles(root, 'stranger', stranger);
    const child = spawn(process.execPath, [script, archive, key, card, '15'], { stdio: 'ignore' });
    let running = true;
    const ended = new Promise<void>((done) => {
      child.on('close', () => {
        running = false;
        done();
      });
    });
    const seen = new Set<number>();
    while (running) {
      expect(await opens(archive, reader, trust)).toBe('accepted');
      seen.add((await ringAt(archive)).epoch);
      await new Promise(setImmediate);
    }
    await ended;
    expect(seen.size).toBeGreaterThan(2);
    expect((await ringAt(archive)).epoch).toBe(31);
  });
});

describe('the lock', () => {
  it('of a living process is waited for, and then refused', async () => {
    const archive = await make(workspace());
    const lock = await lockArchive(archive);
    const add = [stranger.card];
    expect(await outcome(() => grant(archive, { ...by, add, patienceMs: 0 }))).toBe('RING_BUSY');
    lock.release();
    expect(await grant(archive, { ...by, add, patienceMs: 0 })).toMatchObject({ epoch: 2 });
  });

  /** The lock that this process would take, with some of it changed, left behind. */
  const leave = async (archive: string, change: object) => {
    const lock = await lockArchive(archive);
    const content = JSON.parse(readlinkSync(lockOf(archive)));
    lock.release();
    const left = { ...content, ...change };
    symlinkSync(JSON.stringify(left), lockOf(archive));
  };
  /** No process has this id: the kernel's are below it. */
  const nobody = 2 ** 30;
  const taken = async (archive: string) => {
    const warnings: string[] = [];
    const options = { patienceMs: 100, onWarning: (message: string) => warnings.push(message) };
    const result = await outcome(async () => (await lockArchive(archive, options)).release());
    return { result, warnings };
  };

  it('of a process that is gone is taken over, and that is said', async () => {
    const archive = await make(workspace());
    await leave(archive, { pid: nobody });
    const { result, warnings } = await taken(archive);
    expect(result).toBe('accepted');
    expect(warnings).toEqual([expect.stringContaining(`took over the lock of process ${nobody}`)]);
    expect(lstatSync(lockOf(archive), { throwIfNoEntry: false })).toBeUndefined();
  });

  it('is taken over once its time is up', async () => {
    const archive = await make(workspace());
    await leave(archive, { expires: '2020-01-01T00:00:00Z' });
    expect((await taken(archive)).result).toBe('accepted');
  });

  it('of another machine is left alone until then', async () => {
    const archive = await make(workspace());
    await leave(archive, { pid: nobody, owner: '0'.repeat(64) });
    expect((await taken(archive)).result).toBe('RING_BUSY');
  });

  it('that tells nothing is left alone', async () => {
    const archive = await make(workspace());
    writeFileSync(lockOf(archive), 'x');
    expect((await taken(archive)).result).toBe('RING_BUSY');
  });

  it('may be a file, where there are no symbolic links', async () => {
    const archive = await make(workspace());
    await leave(archive, { pid: nobody });
    const content = readlinkSync(lockOf(archive));
    unlinkSync(lockOf(archive));
    writeFileSync(lockOf(archive), content);
    expect((await taken(archive)).result).toBe('accepted');
  });

  it('is taken over by one of many', async () => {
    const archive = await make(workspace());
    await leave(archive, { pid: nobody });
    const tries = Array.from({ length: 8 }, () => lockArchive(archive, { patienceMs: 200 }));
    const results = await Promise.allSettled(tries);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('that was taken over is not held any more', async () => {
    const archive = await make(workspace());
    const lock = await lockArchive(archive);
    lock.assertHeld();
    unlinkSync(lockOf(archive));
    const other = await lockArchive(archive);
    expect(await outcome(() => lock.assertHeld())).toBe('RING_BUSY');
    lock.release();
    other.assertHeld();
    other.release();
  });

  it('that was taken over ends the writing, between any two steps', async () => {
    const archive = await make(workspace());
    const lock = await lockArchive(archive);
    const fd = openSync(archive, 'r+');
    try {
      const file = guarded(slotFile(fd), lock);
      file.write(Uint8Array.of(1), 4096);
      unlinkSync(lockOf(archive));
      const other = await lockArchive(archive);
      const before = readFileSync(archive);
      expect(await outcome(() => file.write(Uint8Array.of(2), 4096))).toBe('RING_BUSY');
      expect(readFileSync(archive).equals(before)).toBe(true);
      other.release();
    } finally {
      closeSync(fd);
    }
  });
});
