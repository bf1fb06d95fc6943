import type { Command } from 'commander';
import { assertFree } from '../access.ts';
import { report, tell } from '../messages.ts';
import { jsonOption } from '../options.ts';
import {
  assertOutside,
  type KeyOptions,
  keyOptions,
  memoryOf,
  memoryOption,
  withLedgerKey,
} from './shared.ts';

interface Options extends KeyOptions {
  /** False with `--no-memory`. */
  readonly memory?: boolean;
  readonly json?: boolean;
}

export function addInit(ledger: Command): void {
  const command = ledger
    .command('init')
    .summary('make an empty log')
    .description('Makes an empty log, whose name is that of its key.')
    .argument('<LOG>', 'the directory to be')
    .addHelpText(
      'before',
      `Examples:
  strongroom ledger init log --key log.key
`,
    );
  jsonOption(memoryOption(keyOptions(command, 'the log'))).action(run);
}

async function run(directory: string, options: Options): Promise<void> {
  assertFree(directory, 'directories');
  assertOutside(directory, options.key);
  const { createLedger } = await import('../../index.ts');
  await withLedgerKey(options, (key) => {
    createLedger({ directory, key, memory: memoryOf(options) });
    tell(`wrote ${directory}, the log ${key.name}`, {
      hint: 'append to it with "strongroom ledger append", and publish the directory as it is',
    });
    if (options.json) report(options, { log: directory, origin: key.name }, []);
  });
}
