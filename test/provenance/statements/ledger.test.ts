/** Custody files and a transparency log: what is told is in both, and what is cut off shows. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  commitmentOf,
  createLedger,
  createLedgerKey,
  custodyPathOf,
  decodeLedgerPolicy,
  grant,
  type Ledger,
  open,
  proveEntry,
  recordCustody,
  revoke,
  seal,
  verify,
  verifyCustody,
} from '#strongroom/index.js';
import { encodeVkey } from '#strongroom/provenance/ledger/signatures.js';
import { outcome, sharedWorkspace, writeFiles } from '../../support/archive.ts';
import { cast, linesAt, trust, verdict, whom, writeLines } from './helpers.ts';

const root = sharedWorkspace();
const { lab, custodian, partner } = cast;
const quiet = { trust, epochMemory: 'off' } as const;
const archive = join(root, 'w.srm');
const directory = join(root, 'log');
const ledger: Ledger = { directory, key: createLedgerKey('log.example', 'log') };
const policy = (vkeys: readonly string[]) =>
  decodeLedgerPolicy(
    Buffer.from([...vkeys.map((vkey) => `log ${vkey}`), 'quorum none', ''].join('\n')),
  );
const vkeys = ledger.key.verifiers.map(encodeVkey);
const log = { directory, policy: policy(vkeys) };

beforeAll(async () => {
  createLedger(ledger);
  await seal(writeFiles(join(root, 'w'), { a: 'weights' }), {
    output: archive,
    recipients: [custodian.card, lab.card],
    signer: lab,
    custody: true,
    ledger,
  });
  await grant(archive, { ...quiet, add: [partner.card], identity: custodian, ledger });
}, 300_000);

describe('a log', () => {
  it('has two entries for each line, and nothing that leads to it', async () => {
    const { held } = await verifyCustody(archive, { ...whom, ledger: log });
    expect(held.ledger).toMatchObject({ origin: 'log.example', size: 4 });
    const entries = readFileSync(join(directory, 'tile/entries/000.p/4'));
    // Each is 32 bytes behind its length
    expect(entries).toHaveLength(4 * 34);
  });

  it('shows lines that were cut off after the last change of access', async () => {
    const whole = linesAt(archive);
    const { story } = await verifyCustody(archive, { ...whom, ledger: log });
    await recordOpened();
    const more = linesAt(archive);
    expect(more).toHaveLength(whole.length + 1);
    expect(await verdict(archive, { ledger: log })).toBe('accepted');
    writeLines(archive, whole);
    expect(await verdict(archive)).toBe('accepted');
    expect(await verdict(archive, { ledger: log })).toBe('CUSTODY_INCOMPLETE');
    writeLines(archive, more);
    expect(story).toHaveLength(whole.length);
  });

  it('shows lines that it was not given, which can be given later', async () => {
    await revoke(archive, { ...quiet, remove: [partner.card], identity: custodian });
    expect(await verdict(archive, { ledger: log })).toBe('CUSTODY_INCOMPLETE');
    const done = await recordCustody(archive, { trust, identity: custodian, ledger });
    expect(done).toMatchObject({ lines: [], ledger: { size: 8 } });
    expect(await verdict(archive, { ledger: log })).toBe('accepted');
    expect(await recordCustody(archive, { trust, identity: custodian, ledger })).toMatchObject({
      ledger: { size: 8 },
    });
  });

  it('shows that two files go on from one', async () => {
    const lines = linesAt(archive);
    await grant(archive, { ...quiet, add: [partner.card], identity: custodian, ledger });
    const entries = [...linesAt(archive)];
    writeLines(archive, lines);
    expect(entries).toHaveLength(lines.length + 1);
    // The same change told once more, in another file of the same archive
    const again = await recordCustody(archive, { trust, identity: custodian, ledger });
    expect(again.lines).toEqual([entries.length]);
    expect(await verdict(archive, { ledger: log })).toBe('CUSTODY_BROKEN');
  });

  it('is not believed without a policy that knows it', async () => {
    const strange = createLedgerKey('log.example', 'log');
    const ledgerOf = { directory, policy: policy(strange.verifiers.map(encodeVkey)) };
    expect(await verdict(archive, { ledger: ledgerOf })).toBe('LEDGER_UNTRUSTED');
  });
});

describe('verify', () => {
  const proof = `${custodyPathOf(archive)}.tlog-proof`;
  const demand = (keys: readonly string[], quantumSafeOnly = false) =>
    verify(archive, { ...quiet, quantumSafeOnly, ledger: { policy: policy(keys) } });

  it('demands a proof that the sealing is in the log, and tells what proves it', async () => {
    expect(await outcome(() => demand(vkeys))).toBe('LEDGER_INCOMPLETE');
    const entry = commitmentOf(Buffer.from(linesAt(archive)[0] ?? ''));
    writeFileSync(proof, proveEntry(directory, { entry }).proof);
    const { proofs } = await demand(vkeys);
    expect(proofs.map(({ by, quantumSafe }) => [by, quantumSafe])).toEqual([
      ['lab', true],
      ['custodian', true],
      ['log.example', true],
    ]);
  });

  it('names what is not there for the demand', async () => {
    const custody = join(root, 'gone.custody.jsonl');
    const gone = { policy: policy(vkeys), custody };
    const refused = await verify(archive, { ...quiet, ledger: gone }).catch((error) => error);
    expect(refused).toMatchObject({ code: 'LEDGER_INCOMPLETE', file: custody, exitStatus: 3 });
  });

  it('refuses with --require-pq what only Ed25519 proves', async () => {
    const classical = ledger.key.verifiers
      .map(({ type }, i) => ({ type, vkey: vkeys[i] ?? '' }))
      .filter(({ type }) => !type.isQuantumSafe)
      .map(({ vkey }) => vkey);
    expect(classical).toHaveLength(1);
    const { proofs } = await demand(classical);
    expect(proofs.at(-1)).toMatchObject({ by: 'log.example', quantumSafe: false });
    expect(await outcome(() => demand(classical, true))).toBe('CLASSICAL_ONLY');
    expect(await outcome(() => demand(vkeys, true))).toBe('accepted');
  });

  it('refuses a proof of something else', async () => {
    const { proof: bytes } = proveEntry(directory, { index: 1 });
    writeFileSync(proof, bytes);
    expect(await outcome(() => demand(vkeys))).toBe('PROOF_INVALID');
  });
});

async function recordOpened(): Promise<void> {
  await open(archive, {
    ...quiet,
    output: join(root, 'opened'),
    identity: partner,
    record: { signer: partner, ledger },
  });
}
