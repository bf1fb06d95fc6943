/** SIGKILL at any moment of an append: the log is whole, has what was told, and continues. */
import { spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { appendEntries } from '#strongroom/provenance/ledger/append.js';
import { auditLedger } from '#strongroom/provenance/ledger/audit.js';
import { encodeLedgerKey } from '#strongroom/provenance/ledger/keyfile.js';
import { readLogCheckpoint } from '#strongroom/provenance/ledger/log.js';
import { entries, logKey, logOf, policy, scratch } from './helpers.ts';

const script = resolve('test/support/appending.mjs');
const lanes = 4;
const killsEach = 30;

/** Appends in a process of its own, killed within `ms` of its start; the sizes that it told. */
async function killedAfter(directory: string, keyFile: string, ms: number): Promise<number[]> {
  const child = spawn(process.execPath, [script, directory, keyFile, '400'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const told: number[] = [];
  let killed = false;
  for await (const line of createInterface(child.stdout)) {
    const { ready, size } = JSON.parse(line);
    if (size !== undefined) told.push(size);
    if (ready !== undefined) {
      void sleep(ms).then(() => {
        killed = child.kill('SIGKILL');
      });
    }
  }
  expect(killed).toBe(true);
  return told;
}

it(`${lanes * killsEach} kills`, { timeout: 0 }, async () => {
  const keyFile = join(scratch(), 'key');
  writeFileSync(keyFile, encodeLedgerKey(logKey, 'none'));
  let appends = 0;
  const lane = async () => {
    const ledger = await logOf([200]);
    const { directory } = ledger;
    let seen = readLogCheckpoint(directory);
    for (let i = 0; i < killsEach; i++) {
      // Appends take about ten milliseconds each, so that the kill falls anywhere in one
      const told = await killedAfter(directory, keyFile, Math.random() * 60);
      appends += told.length;
      // Every entry and hash, and that it continues what was there before
      const { size } = auditLedger(directory, { policy, seen });
      expect(size).toBeGreaterThanOrEqual(told.at(-1) ?? seen.checkpoint.size);
      expect((await appendEntries(ledger, entries(1))).size).toBe(size + 1);
      seen = readLogCheckpoint(directory);
    }
    expect(readdirSync(directory).sort()).toEqual(['checkpoint', 'tile']);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  expect(appends).toBeGreaterThan(0);
});
