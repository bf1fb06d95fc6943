/**
 * Makes what the second readers of logs check: `node make.ts DIR SIZE`, a log of SIZE entries,
 * cosigned, an earlier checkpoint of it, and a proof. Needs the build.
 */
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  addCosignatures,
  appendEntries,
  commitmentOf,
  createLedger,
  createLedgerKey,
  decodeLedgerPolicy,
  policyLines,
  proveEntry,
  witnessLedger,
} from '#strongroom/index.js';

const [at = '', count = ''] = process.argv.slice(2);
const size = Number(count);
const directory = join(at, 'log');
const key = createLedgerKey('example.com/log', 'log');
const witness = createLedgerKey('witness.example/w1', 'witness');
const policy = decodeLedgerPolicy(Buffer.from(`${policyLines(key)}quorum none\n`));
const entry = (index: number) => commitmentOf(Buffer.from(`document ${index}`));
const entries = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => entry(from + i));

createLedger({ directory, key });
const early = Math.ceil(size / 3);
await appendEntries({ directory, key }, entries(0, early));
copyFileSync(join(directory, 'checkpoint'), join(at, 'old'));
await appendEntries({ directory, key }, entries(early, size - 1));
await appendEntries({ directory, key }, entries(size - 1, size));
const { cosignatures } = await witnessLedger(directory, {
  key: witness,
  memory: join(at, 'seen'),
  policy,
});
await addCosignatures(directory, cosignatures, witness.verifiers);
const asked = entry(Math.floor(size / 2));
writeFileSync(join(at, 'entry'), asked);
writeFileSync(join(at, 'proof'), proveEntry(directory, { entry: asked }).proof);
const lines = `${policyLines(key)}${policyLines(witness)}`.trimEnd().split('\n');
writeFileSync(join(at, 'vkeys'), lines.map((line) => `${line.split(' ').at(-1)}\n`).join(''));
