/** A key goes on with one log alone, where it remembers what it signed. */
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { appendEntries, createLedger } from '#strongroom/provenance/ledger/append.js';
import { createLedgerKey } from '#strongroom/provenance/ledger/keyfile.js';
import { readLogCheckpoint } from '#strongroom/provenance/ledger/log.js';
import { codeOf } from '../../keys/helpers.ts';
import { copyOf, entries, filesOf, logKey, scratch } from './helpers.ts';

/** A log of three entries whose key remembers it. */
async function remembered() {
  const warnings: string[] = [];
  const directory = join(scratch(), 'memory');
  const memory = { directory, onWarning: (message: string) => void warnings.push(message) };
  const ledger = { directory: join(scratch(), 'log'), key: logKey, memory };
  createLedger(ledger);
  await appendEntries(ledger, entries(3));
  const [file = ''] = filesOf(directory);
  return { ledger, memory, warnings, file: join(directory, file) };
}

const fork = async (ledger: Awaited<ReturnType<typeof remembered>>['ledger']) => ({
  ...copyOf(ledger),
  memory: ledger.memory,
});

describe('the memory of a log key', () => {
  it('is the checkpoint that it signed last', async () => {
    const { ledger, file, warnings } = await remembered();
    for (const count of [1, 0, 300]) {
      await appendEntries(ledger, entries(count, 500));
      expect(readFileSync(file)).toEqual(readFileSync(join(ledger.directory, 'checkpoint')));
    }
    expect(warnings).toEqual([]);
  });

  it('keeps it from appending to two copies', async () => {
    const { ledger } = await remembered();
    const other = await fork(ledger);
    await appendEntries(ledger, entries(2, 10));
    const before = readLogCheckpoint(other.directory);
    const shorter = () => appendEntries(other, entries(1, 20));
    expect(await codeOf(shorter)).toBe('LEDGER_ROLLED_BACK');
    expect(readLogCheckpoint(other.directory)).toEqual(before);
    // As long as the other, and longer
    const { memory: _, ...forgetful } = other;
    for (const count of [2, 4]) {
      await appendEntries(forgetful, entries(count, 30));
      expect(await codeOf(shorter)).toBe('LEDGER_FORKED');
    }
    expect((await appendEntries(ledger, entries(1, 40))).size).toBe(6);
  });

  it('keeps it from beginning a second log', async () => {
    const { ledger, memory } = await remembered();
    const directory = join(scratch(), 'log');
    const second = { directory, key: ledger.key, memory };
    expect(await codeOf(() => createLedger(second))).toBe('LEDGER_FORKED');
    expect(filesOf(join(directory, '..'))).toEqual([]);
    createLedger({ ...second, key: createLedgerKey(logKey.name, 'log') });
  });

  it('lags behind after a crash, and lets it go on', async () => {
    const { ledger, file } = await remembered();
    const old = readFileSync(file);
    await appendEntries(ledger, entries(300, 10));
    writeFileSync(file, old);
    expect((await appendEntries(ledger, entries(1, 400))).size).toBe(304);
  });

  it('is gone without where it cannot be, with a warning', async () => {
    const { ledger, file, memory, warnings } = await remembered();
    writeFileSync(file, 'torn');
    await appendEntries(ledger, entries(1, 10));
    expect(warnings).toEqual([expect.stringMatching(/is no checkpoint: a fork .* not noticed$/)]);
    rmSync(memory.directory, { recursive: true });
    writeFileSync(memory.directory, 'in the way');
    expect((await appendEntries(ledger, entries(1, 20))).size).toBe(5);
    expect(warnings).toHaveLength(2);
  });

  it.runIf(process.getuid?.() !== 0 && process.platform !== 'win32')(
    'is gone without where it must not be written',
    async () => {
      const { memory, warnings } = await remembered();
      chmodSync(memory.directory, 0o500);
      const key = createLedgerKey('example.com/two', 'log');
      const directory = join(scratch(), 'log');
      createLedger({ directory, key, memory });
      await appendEntries({ directory, key, memory }, entries(1));
      expect(warnings).toHaveLength(1);
      chmodSync(memory.directory, 0o700);
    },
  );
});
