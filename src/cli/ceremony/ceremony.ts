import type { Command } from 'commander';
import { addRun } from './run.ts';
import { addVerify } from './verify.ts';

export function addCeremony(program: Command): void {
  const ceremony = program
    .command('ceremony')
    .summary('make the keys of a quorum together, on record')
    .description(
      'Guides several people at one offline machine through making keys, and proves it later.',
    )
    .addHelpText(
      'before',
      `Examples:
  strongroom ceremony run plan.json -o vault --rehearsal
  strongroom ceremony run plan.json -o vault
  strongroom ceremony verify vault/transcript.json --signer wim.key.card
`,
    );
  for (const add of [addRun, addVerify]) add(ceremony);
}
