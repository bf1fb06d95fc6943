import type { Command } from 'commander';
import { addAppend } from './append.ts';
import { addAudit } from './audit.ts';
import { addCosign } from './cosign.ts';
import { addInit } from './init.ts';
import { addKeygen } from './keygen.ts';
import { addProve } from './prove.ts';
import { addVerify } from './verify.ts';
import { addWitness } from './witness.ts';

export function addLedger(program: Command): void {
  const ledger = program
    .command('ledger')
    .summary('keep a transparency log, prove what is in it')
    .description(
      'A log is a directory of plain files that only grows, and that anybody can check: what was sealed, granted and released, as digests.',
    )
    .addHelpText(
      'before',
      `Examples:
  strongroom ledger keygen --name example.com/log -o log.key
  strongroom ledger init log --key log.key
  strongroom ledger append log weights.srm.custody.jsonl --lines --key log.key
  strongroom ledger prove log release.json
  strongroom ledger verify release.json.tlog-proof release.json --policy policy
  strongroom ledger audit log weights.srm.custody.jsonl --policy policy
`,
    );
  for (const add of [
    addKeygen,
    addInit,
    addAppend,
    addProve,
    addVerify,
    addWitness,
    addCosign,
    addAudit,
  ]) {
    add(ledger);
  }
}
