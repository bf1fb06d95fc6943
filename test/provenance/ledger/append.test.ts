import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { takeLock } from '#strongroom/engine/lock.js';
import { appendEntries, createLedger } from '#strongroom/provenance/ledger/append.js';
import { auditLedger } from '#strongroom/provenance/ledger/audit.js';
import { createLedgerKey, encodeLedgerKey } from '#strongroom/provenance/ledger/keyfile.js';
import { readLogCheckpoint } from '#strongroom/provenance/ledger/log.js';
import { codeOf, refusal } from '../../keys/helpers.ts';
import { copyOf, entries, entryAt, filesOf, logKey, logOf, policy, scratch } from './helpers.ts';

describe('a log', () => {
  it('begins empty, and says so under its name', async () => {
    const { directory } = await logOf([]);
    expect(filesOf(directory)).toEqual(['checkpoint']);
    expect(auditLedger(directory, { policy })).toMatchObject({ origin: logKey.name, size: 0 });
  });

  it('has one tree, however its entries came', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom<number>(0, 1, 2, 3, 100, 255, 256, 257, 600), { maxLength: 6 }),
        async (batches) => {
          const total = batches.reduce((sum, count) => sum + count, 0);
          const [many, once] = [await logOf(batches), await logOf([total])];
          const found = auditLedger(many.directory, { policy });
          expect(found.size).toBe(total);
          expect(found.root).toEqual(auditLedger(once.directory, { policy }).root);
        },
      ),
      { numRuns: 15 },
    );
  });

  it('says where entries stand', async () => {
    const ledger = await logOf([3]);
    const more = await appendEntries(ledger, entries(2, 3));
    expect(more).toMatchObject({ origin: logKey.name, first: 3, size: 5 });
    const { checkpoint } = readLogCheckpoint(ledger.directory);
    expect(checkpoint).toEqual({ origin: logKey.name, size: 5, root: more.root });
  });

  it('removes many partial tiles a few at a time, and those that it has passed at once', async () => {
    const ledger = await logOf([196]);
    const left = () =>
      filesOf(ledger.directory).filter((path) => path.startsWith('tile/0/000.p/')).length;
    for (let size = 196; size < 255; size++) await appendEntries(ledger, [entryAt(size)]);
    expect(left()).toBe(60);
    const after: number[] = [];
    for (let size = 255; size < 265; size++) {
      await appendEntries(ledger, [entryAt(size)]);
      after.push(left());
      expect(auditLedger(ledger.directory, { policy }).size).toBe(size + 1);
    }
    expect(after).toEqual([52, 44, 36, 28, 20, 12, 4, 0, 0, 0]);
    expect(existsSync(join(ledger.directory, 'tile/0/000.p'))).toBe(false);
    expect(existsSync(join(ledger.directory, 'tile/entries/000.p'))).toBe(false);
    await appendEntries(ledger, entries(1000, 265));
    expect(existsSync(join(ledger.directory, 'tile/0/001.p'))).toBe(false);
    expect(auditLedger(ledger.directory, { policy }).size).toBe(1265);
  });

  it('stays as it is if nothing is appended', async () => {
    const ledger = await logOf([3]);
    const before = readFileSync(join(ledger.directory, 'checkpoint'));
    expect(await appendEntries(ledger, [])).toMatchObject({ first: 3, size: 3 });
    expect(readFileSync(join(ledger.directory, 'checkpoint'))).toEqual(before);
  });

  it('keeps partial tiles until the full one is there, and then has no more of them', async () => {
    const ledger = await logOf([100, 100]);
    const partial = (width: number) => join(ledger.directory, `tile/0/000.p/${width}`);
    expect([100, 200].map(partial).map(existsSync)).toEqual([true, true]);
    await appendEntries(ledger, entries(56, 200));
    expect(filesOf(ledger.directory)).toEqual([
      'checkpoint',
      'tile/0/000',
      'tile/1/000.p/1',
      'tile/entries/000',
    ]);
  });

  it('takes entries from none to 65,535 bytes, and no longer ones', async () => {
    const ledger = await logOf([1]);
    await appendEntries(ledger, [new Uint8Array(0), new Uint8Array(65_535).fill(1)]);
    const long = new Uint8Array(65_536);
    expect(await codeOf(() => appendEntries(ledger, [entryAt(0), long]))).toBe('USAGE');
    expect(auditLedger(ledger.directory, { policy }).size).toBe(3);
  });

  it.each(['.checkpoint.partial', 'tile/entries/000.p/2'])(
    'writes through no link that somebody left at %s',
    async (name) => {
      const ledger = await logOf([1]);
      const other = join(scratch(), 'other');
      writeFileSync(other, 'not of the log');
      symlinkSync(other, join(ledger.directory, name));
      const why = await refusal(() => appendEntries(ledger, entries(1, 1)));
      expect(why.message).toMatch(/it is a symbolic link/);
      expect(readFileSync(other, 'utf8')).toBe('not of the log');
      expect(auditLedger(ledger.directory, { policy }).size).toBe(1);
    },
  );

  it('is not made where something is', async () => {
    const ledger = await logOf([1]);
    expect(await codeOf(() => createLedger(ledger))).toBe('OUTPUT_EXISTS');
  });
});

describe('appending is refused', () => {
  it('with another key, of the same name or another', async () => {
    const { directory } = await logOf([1]);
    for (const name of [logKey.name, 'example.com/other']) {
      const key = createLedgerKey(name, 'log');
      const { code, message } = await refusal(() => appendEntries({ directory, key }, entries(1)));
      expect(code).toBe('LEDGER_UNTRUSTED');
      expect(message).toContain(name);
    }
  });

  it('where there is no log', async () => {
    const ledger = { directory: join(scratch(), 'none'), key: logKey };
    expect(await codeOf(() => appendEntries(ledger, entries(1)))).toBe('NOT_FOUND');
  });

  it.each(['tile/0/001.p/44', 'tile/1/000.p/1', 'tile/entries/001.p/44'])(
    'when %s is altered',
    async (file) => {
      const ledger = await logOf([300]);
      const bytes = readFileSync(join(ledger.directory, file));
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      writeFileSync(join(ledger.directory, file), bytes);
      expect(await codeOf(() => appendEntries(ledger, entries(1)))).toBe('LEDGER_INVALID');
    },
  );

  it('while another writer is at work', async () => {
    const ledger = await logOf([1]);
    const { directory: path } = ledger;
    const other = { path, file: join(path, '.lock'), busy: 'LEDGER_BUSY', work: 'there' } as const;
    const lock = await takeLock(other);
    const refused = refusal(() => appendEntries(ledger, entries(1), { patienceMs: 0 }));
    expect((await refused).code).toBe('LEDGER_BUSY');
    lock.release();
    expect((await appendEntries(ledger, entries(1, 1))).size).toBe(2);
  });
});

describe('after a crash', () => {
  it('files that no checkpoint counts on are in nobody’s way', async () => {
    const ledger = await logOf([250]);
    const whole = copyOf(ledger);
    await appendEntries(whole, entries(300, 250));
    // What a writer of other entries may have left, torn files among them
    for (const file of ['tile/0/000', 'tile/entries/000', 'tile/0/000.p/251', 'tile/1/000.p/1']) {
      mkdirSync(join(ledger.directory, file, '..'), { recursive: true });
      writeFileSync(join(ledger.directory, file), 'torn');
    }
    expect(auditLedger(ledger.directory, { policy }).size).toBe(250);
    const { root } = await appendEntries(ledger, entries(300, 250));
    expect(root).toEqual(auditLedger(whole.directory, { policy }).root);
    expect(auditLedger(ledger.directory, { policy }).root).toEqual(root);
  });
});

it('four processes at once take turns, and make one history', async () => {
  const ledger = await logOf([1]);
  const keyFile = join(scratch(), 'key');
  writeFileSync(keyFile, encodeLedgerKey(logKey, 'none'));
  const script = resolve('test/support/appending.mjs');
  const told: { first: number; size: number }[] = [];
  const run = async () => {
    const child = spawn(process.execPath, [script, ledger.directory, keyFile, '40'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const closed = once(child, 'close');
    let appends = 0;
    for await (const line of createInterface(child.stdout)) {
      const { ready, ...append } = JSON.parse(line);
      if (ready) continue;
      told.push(append);
      appends += 1;
      if (appends === 12) child.kill('SIGKILL');
    }
    await closed;
  };
  await Promise.all(Array.from({ length: 4 }, run));
  expect(told.length).toBeGreaterThanOrEqual(48);
  // No two of them were given the same place
  const starts = told.map(({ first }) => first);
  expect(new Set(starts).size).toBe(starts.length);
  const { size } = auditLedger(ledger.directory, { policy });
  expect(size).toBeGreaterThanOrEqual(Math.max(...told.map((append) => append.size)));
});
