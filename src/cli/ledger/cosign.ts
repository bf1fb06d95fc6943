import type { Command } from 'commander';
import { report, tell, warn } from '../messages.ts';
import { jsonOption } from '../options.ts';
import { type PolicyOptions, policyOption, readLedgerPolicy } from './shared.ts';

interface Options extends PolicyOptions {
  readonly json?: boolean;
}

export function addCosign(ledger: Command): void {
  const command = ledger
    .command('cosign')
    .summary('add what a witness sent to the checkpoint')
    .description(
      'Adds the cosignatures in FILE to the checkpoint of LOG, if they are of it and of witnesses of the policy.',
    )
    .argument('<LOG>', 'the directory of the log')
    .argument('<FILE>', 'what "strongroom ledger witness" or another witness gave')
    .addHelpText(
      'before',
      `Examples:
  strongroom ledger cosign log w1.sig --policy policy
`,
    );
  jsonOption(policyOption(command)).action(run);
}

const maxCosignatureBytes = 2 ** 20;

async function run(directory: string, path: string, options: Options): Promise<void> {
  const { addCosignatures, readSmallFile } = await import('../../index.ts');
  const { witnesses } = await readLedgerPolicy(options);
  const lines = Buffer.from(await readSmallFile(path, maxCosignatureBytes)).toString('utf8');
  const names = await addCosignatures(directory, lines, witnesses, { onWarning: warn });
  tell(`added the cosignature of ${names.join(', ')}`);
  if (options.json) report(options, { log: directory, witnesses: names }, []);
}
