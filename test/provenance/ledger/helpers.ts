/** Logs to keep, alter and fork. */
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { onTestFinished } from 'vitest';
import { concat, utf8 } from '#strongroom/bytes.js';
import { appendEntries, createLedger, type Ledger } from '#strongroom/provenance/ledger/append.js';
import {
  createLedgerKey,
  type LedgerKey,
  policyLines,
} from '#strongroom/provenance/ledger/keyfile.js';
import { decodeLedgerPolicy } from '#strongroom/provenance/ledger/policy.js';
import { encodeEntry } from '#strongroom/provenance/ledger/tiles.js';

export const logKey = createLedgerKey('example.com/log', 'log');
export const witnessKey = createLedgerKey('witness.example/w1', 'witness');
export const otherWitnessKey = createLedgerKey('witness.example/w2', 'witness');

export const policyOf = (text: string) => decodeLedgerPolicy(utf8(text));

/** Trusts the log, and asks for no witness. */
export const policy = policyOf(`${policyLines(logKey)}quorum none\n`);

/** Trusts the log only with a cosignature of the witness. */
export const witnessedPolicy = policyOf(
  `${policyLines(logKey)}${policyLines(witnessKey)}quorum ${witnessKey.name}\n`,
);

export const entryAt = (index: number): Uint8Array => utf8(`entry ${index}`);

export const entries = (count: number, from = 0): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => entryAt(from + i));

/** Entries as a bundle has them. */
export const bundleOf = (list: readonly Uint8Array[]): Uint8Array =>
  concat(...list.map(encodeEntry));

/** A directory that is gone after the test. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'strongroom-ledger-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A log of so many entries, appended in batches of the given sizes. */
export async function logOf(batches: readonly number[], key: LedgerKey = logKey): Promise<Ledger> {
  const ledger = { directory: join(scratch(), 'log'), key };
  createLedger(ledger);
  let size = 0;
  for (const count of batches) {
    await appendEntries(ledger, entries(count, size));
    size += count;
  }
  return ledger;
}

export function copyOf({ directory, key }: Ledger): Ledger {
  const copy = join(scratch(), 'log');
  cpSync(directory, copy, { recursive: true });
  return { directory: copy, key };
}

/** Every file of a directory, relative to it. */
export const filesOf = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((found) => found.isFile())
    .map(({ parentPath, name }) => relative(directory, join(parentPath, name)))
    .sort();
