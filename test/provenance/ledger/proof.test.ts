import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64, concat, text, utf8 } from '#strongroom/bytes.js';
import { appendEntries } from '#strongroom/provenance/ledger/append.js';
import { createLedgerKey } from '#strongroom/provenance/ledger/keyfile.js';
import { decodeProof } from '#strongroom/provenance/ledger/proof.js';
import { proveEntry } from '#strongroom/provenance/ledger/prove.js';
import { verifyLedgerProof } from '#strongroom/provenance/ledger/verify.js';
import { addCosignatures, witnessLedger } from '#strongroom/provenance/ledger/witness.js';
import { codeOf } from '../../keys/helpers.ts';
import {
  entryAt,
  logOf,
  policy,
  policyOf,
  scratch,
  witnessedPolicy,
  witnessKey,
} from './helpers.ts';

describe('a proof', () => {
  it('is made for any entry, by index or by search, and verified', async () => {
    const { directory } = await logOf([1, 255, 300]);
    for (const index of [0, 1, 254, 255, 256, 555]) {
      const made = proveEntry(directory, { index });
      expect(made).toMatchObject({ index, size: 556 });
      expect(proveEntry(directory, { entry: entryAt(index) })).toEqual(made);
      const found = verifyLedgerProof(made.proof, entryAt(index), policy);
      expect(found).toMatchObject({ origin: 'example.com/log', index, size: 556 });
      const other = () => verifyLedgerProof(made.proof, entryAt(index + 1), policy);
      expect(await codeOf(other)).toBe('PROOF_INVALID');
    }
  });

  it('is of the latest of equal entries', async () => {
    const ledger = await logOf([5]);
    await appendEntries(ledger, [entryAt(2), entryAt(9)]);
    expect(proveEntry(ledger.directory, { entry: entryAt(2) }).index).toBe(5);
  });

  it('needs the witnesses that the policy asks for', async () => {
    const { directory } = await logOf([7]);
    const alone = proveEntry(directory, { index: 3 }).proof;
    const verify = (proof: Uint8Array) => verifyLedgerProof(proof, entryAt(3), witnessedPolicy);
    expect(await codeOf(() => verify(alone))).toBe('LEDGER_UNTRUSTED');
    const witness = { key: witnessKey, memory: scratch(), policy };
    const { cosignatures } = await witnessLedger(directory, witness);
    await addCosignatures(directory, cosignatures, witnessKey.verifiers);
    const { signatures } = verify(proveEntry(directory, { index: 3 }).proof);
    expect(signatures.map(({ role }) => role)).toEqual(['log', 'witness']);
  });

  it('is not made for what is not there', async () => {
    const { directory } = await logOf([3]);
    expect(await codeOf(() => proveEntry(directory, { index: 3 }))).toBe('NOT_LOGGED');
    expect(await codeOf(() => proveEntry(directory, { entry: entryAt(3) }))).toBe('NOT_LOGGED');
  });

  it('of a log by the same name and another key is refused', async () => {
    const { directory } = await logOf([3], createLedgerKey('example.com/log', 'log'));
    const { proof } = proveEntry(directory, { index: 0 });
    expect(await codeOf(() => verifyLedgerProof(proof, entryAt(0), policy))).toBe(
      'LEDGER_UNTRUSTED',
    );
    const nobody = policyOf('quorum none\n');
    expect(await codeOf(() => verifyLedgerProof(proof, entryAt(0), nobody))).toBe(
      'LEDGER_UNTRUSTED',
    );
  });

  it('may carry extra data, which proves nothing', async () => {
    const { directory } = await logOf([3]);
    const { proof } = proveEntry(directory, { index: 1 });
    const extra = utf8('anything');
    const more = utf8(text(proof).replace('\nindex', `\nextra ${base64(extra)}\nindex`));
    expect(decodeProof(more).extra).toEqual(extra);
    expect(verifyLedgerProof(more, entryAt(1), policy).index).toBe(1);
  });

  it('holds in no other spelling', async () => {
    const { directory } = await logOf([300]);
    const proof = text(proveEntry(directory, { index: 17 }).proof);
    const hash = proof.split('\n')[2] ?? '';
    const spellings = [
      ['another version', proof.replace('@v1', '@v2')],
      ['no index', proof.replace('index 17\n', '')],
      ['an index with a zero before it', proof.replace('index 17', 'index 017')],
      ['an index of another spelling', proof.replace('index 17', 'index +17')],
      ['another index', proof.replace('index 17', 'index 16')],
      ['an index beyond the log', proof.replace('index 17', 'index 300')],
      ['a hash too few', proof.replace(`${hash}\n`, '')],
      ['a hash too many', proof.replace(`${hash}\n`, `${hash}\n${hash}\n`)],
      ['more hashes than any tree has', proof.replace(hash, Array(70).fill(hash).join('\n'))],
      ['a hash without padding', proof.replace(hash, hash.slice(0, -1))],
      ['extra data that is no base64', proof.replace('\nindex', '\nextra ?\nindex')],
      ['no checkpoint', proof.slice(0, proof.indexOf('\n\n') + 2)],
      ['line ends of another system', proof.replaceAll('\n', '\r\n')],
    ] as const;
    for (const [what, other] of spellings) {
      expect(other, what).not.toBe(proof);
      const verify = () => verifyLedgerProof(utf8(other), entryAt(17), policy);
      expect(await codeOf(verify), what).toBe('PROOF_INVALID');
    }
  });

  it('is refused with any byte changed, but of signatures that the policy does not know', async () => {
    const { directory } = await logOf([300]);
    const { proof } = proveEntry(directory, { index: 255 });
    const lines = text(proof).split('\n');
    const foreign = lines.findIndex((line) => line.startsWith('\u2014'));
    const start = utf8(`${lines.slice(0, foreign).join('\n')}\n`).length;
    const end = start + utf8(lines[foreign] ?? '').length;
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: proof.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, mask) => {
          if (at >= start && at < end) return;
          const altered = concat(proof);
          altered[at] = (altered[at] ?? 0) ^ mask;
          const verify = () => verifyLedgerProof(altered, entryAt(255), policy);
          expect(['PROOF_INVALID', 'LEDGER_UNTRUSTED']).toContain(await codeOf(verify));
        },
      ),
      { numRuns: 300 },
    );
  });
});
