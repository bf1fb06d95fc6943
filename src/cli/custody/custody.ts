import type { Command } from 'commander';
import { addRecord } from './record.ts';
import { addRepair } from './repair.ts';
import { addShow } from './show.ts';
import { addVerify } from './verify.ts';

export function addCustody(program: Command): void {
  const custody = program
    .command('custody')
    .summary('who made it, who touched it')
    .description(
      'A custody file tells in signed lines what happened to an archive: ARCHIVE.custody.jsonl.',
    )
    .addHelpText(
      'before',
      `Examples:
  strongroom seal weights -o weights.srm -r a.card --sign lab.key --custody
  strongroom custody show weights.srm --trust policy.json
  strongroom custody verify weights.srm --trust policy.json
`,
    );
  for (const add of [addShow, addVerify, addRecord, addRepair]) add(custody);
}
