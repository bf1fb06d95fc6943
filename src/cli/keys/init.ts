import type { Command } from 'commander';
import { assertFree, unlockIdentity } from '../access.ts';
import { report, tell } from '../messages.ts';
import { jsonOption, passphraseOptions } from '../options.ts';
import type { PassphraseOptions } from '../passphrase.ts';
import { usualDirectory } from './registry.ts';

interface Options extends PassphraseOptions {
  readonly name: string;
  readonly sign: string;
  readonly registry?: string;
  readonly json?: boolean;
}

export function addInit(keys: Command): void {
  const command = keys
    .command('init')
    .summary('make an empty registry')
    .description('Makes an empty registry, signed by its first administrator.')
    .addHelpText(
      'before',
      `Examples:
  strongroom keys init --name "Vault Lab keys" --sign admin.key
  strongroom keys init --name Lab --registry lab-keys --sign admin.key
`,
    )
    .requiredOption('-n, --name <NAME>', 'what it is a registry of')
    .requiredOption('--sign <IDENTITY>', 'the administrator who signs')
    .option('--registry <DIR>', `the directory to be, by default ${usualDirectory}`);
  jsonOption(passphraseOptions(command)).action(run);
}

async function run(options: Options): Promise<void> {
  const { name, registry = usualDirectory } = options;
  assertFree(registry, 'directories');
  const { createRegistry } = await import('../../index.ts');
  const signer = await unlockIdentity(options.sign, options);
  try {
    const { id } = createRegistry(registry, { name, signer });
    tell(`wrote ${registry}`, { hint: 'keep it in git, and add cards with "strongroom keys add"' });
    if (options.json) report(options, { registry, id, name }, []);
  } finally {
    signer.wipe();
  }
}
