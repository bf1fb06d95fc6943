import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { text, utf8 } from '#strongroom/bytes.js';
import { appendEntries } from '#strongroom/provenance/ledger/append.js';
import { auditLedger } from '#strongroom/provenance/ledger/audit.js';
import { createLedgerKey } from '#strongroom/provenance/ledger/keyfile.js';
import { readLogCheckpoint } from '#strongroom/provenance/ledger/log.js';
import { addCosignatures, witnessLedger } from '#strongroom/provenance/ledger/witness.js';
import { codeOf } from '../../keys/helpers.ts';
import {
  copyOf,
  entries,
  filesOf,
  witnessKey as key,
  logOf,
  otherWitnessKey,
  policy,
  policyOf,
  scratch,
  witnessedPolicy,
} from './helpers.ts';

const world = async (batches: readonly number[] = [3]) => {
  const ledger = await logOf(batches);
  const memory = join(scratch(), 'seen');
  return { ledger, memory, witness: { key, memory, policy } };
};

describe('a witness', () => {
  it('cosigns what it sees first, and what continues it', async () => {
    const { ledger, witness } = await world([0]);
    const { directory } = ledger;
    let size = 0;
    for (const count of [0, 1, 254, 2, 0, 300]) {
      await appendEntries(ledger, entries(count, size));
      const before = await witnessLedger(directory, witness);
      size += count;
      expect(before.size).toBe(size);
      const again = await witnessLedger(directory, witness);
      expect(again).toMatchObject({ before: size, size });
      // A new checkpoint has no cosignature yet; an old one keeps its own
      const audit = () => auditLedger(directory, { policy: witnessedPolicy });
      if (count > 0) expect(await codeOf(audit)).toBe('LEDGER_UNTRUSTED');
      expect(await addCosignatures(directory, again.cosignatures, key.verifiers)).toEqual([
        key.name,
      ]);
      expect(auditLedger(directory, { policy: witnessedPolicy }).size).toBe(size);
    }
  });

  it('remembers what it cosigned, as others may fetch it', async () => {
    const { ledger, memory, witness } = await world();
    const { cosignatures } = await witnessLedger(ledger.directory, witness);
    const [file = ''] = filesOf(memory);
    expect(file).toMatch(/^[0-9a-f]{64}\/checkpoint$/);
    const kept = text(readFileSync(join(memory, file)));
    expect(kept).toContain(cosignatures);
    expect(kept).toContain(text(readFileSync(join(ledger.directory, 'checkpoint'))));
  });

  it('refuses a log that went back, or continues otherwise', async () => {
    const { ledger, witness } = await world([300]);
    const old = copyOf(ledger);
    await appendEntries(ledger, entries(10, 300));
    await witnessLedger(ledger.directory, witness);
    expect(await codeOf(() => witnessLedger(old.directory, witness))).toBe('LEDGER_ROLLED_BACK');
    for (const count of [10, 1]) {
      await appendEntries(old, entries(count, 900));
      expect(await codeOf(() => witnessLedger(old.directory, witness))).toBe('LEDGER_FORKED');
    }
    await appendEntries(ledger, entries(1, 310));
    expect((await witnessLedger(ledger.directory, witness)).size).toBe(311);
  });

  it('refuses a log that its policy does not know, or whose signature is altered', async () => {
    const { ledger, witness } = await world();
    const none = policyOf('quorum none\n');
    const asked = witnessLedger(ledger.directory, { ...witness, policy: none });
    expect(await codeOf(() => asked)).toBe('LEDGER_UNTRUSTED');
    const file = join(ledger.directory, 'checkpoint');
    writeFileSync(file, text(readFileSync(file)).replace('\n3\n', '\n4\n'));
    expect(await codeOf(() => witnessLedger(ledger.directory, witness))).toBe('LEDGER_UNTRUSTED');
  });

  it('does not cosign when its memory is damaged, or tiles that it needs are gone', async () => {
    const { ledger, memory, witness } = await world([300]);
    await witnessLedger(ledger.directory, witness);
    await appendEntries(ledger, entries(300, 300));
    const tile = join(ledger.directory, 'tile/0/001');
    const kept = readFileSync(tile);
    rmSync(tile);
    expect(await codeOf(() => witnessLedger(ledger.directory, witness))).toBe('LEDGER_INVALID');
    writeFileSync(tile, kept);
    writeFileSync(join(memory, filesOf(memory)[0] ?? ''), '');
    expect(await codeOf(() => witnessLedger(ledger.directory, witness))).toBe('LEDGER_INVALID');
  });
});

describe('cosignatures', () => {
  it('are kept beside those of others, and take the place of their own', async () => {
    const { ledger, witness } = await world();
    const { directory } = ledger;
    for (const each of [key, otherWitnessKey, key]) {
      const memory = join(scratch(), 'seen');
      const { cosignatures } = await witnessLedger(directory, { ...witness, memory, key: each });
      await addCosignatures(directory, cosignatures, each.verifiers);
    }
    const { note } = readLogCheckpoint(directory);
    const names = note.signatures.map(({ name }) => name);
    expect(names.slice(2).sort()).toEqual([key.name, otherWitnessKey.name]);
  });

  it('are refused if they are of another checkpoint, of nobody known, or none', async () => {
    const { ledger, witness } = await world();
    const { directory } = ledger;
    const before = readFileSync(join(directory, 'checkpoint'));
    const { cosignatures } = await witnessLedger(directory, witness);
    const add = (lines: string, from = directory, { verifiers } = key) =>
      codeOf(() => addCosignatures(from, lines, verifiers));
    expect(await add(cosignatures, directory, otherWitnessKey)).toBe('LEDGER_UNTRUSTED');
    const namesake = createLedgerKey(key.name, 'witness');
    expect(await add(cosignatures, directory, namesake)).toBe('LEDGER_UNTRUSTED');
    expect(await add('')).toBe('LEDGER_UNTRUSTED');
    expect(await add(cosignatures.trimEnd())).toBe('LEDGER_UNTRUSTED');
    expect(readFileSync(join(directory, 'checkpoint'))).toEqual(before);
    await appendEntries(ledger, [utf8('more')]);
    expect(await add(cosignatures)).toBe('LEDGER_UNTRUSTED');
  });
});
