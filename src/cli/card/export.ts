import type { Command } from 'commander';
import { assertFree, assertNoTerminal, unlockIdentity } from '../access.ts';
import { tell, warn } from '../messages.ts';
import { passphraseOptions } from '../options.ts';
import type { PassphraseOptions } from '../passphrase.ts';

interface Options extends PassphraseOptions {
  readonly output?: string;
  readonly private?: boolean;
}

export function addExport(card: Command): void {
  const command = card
    .command('export')
    .summary('keys as PEM, for other tools')
    .description('Writes the public keys of a card, or the private ones of an identity, as PEM.')
    .argument('<FILE>', 'a card or an identity')
    .addHelpText(
      'before',
      `Examples:
  strongroom card export partner.key.card
  strongroom card export lab.key --private -o lab.pem
`,
    )
    .option('-o, --output <FILE>', 'where to write it, instead of standard output')
    .option('--private', 'the private keys of an identity, unprotected');
  passphraseOptions(command).action(run);
}

async function run(path: string, options: Options): Promise<void> {
  const { output } = options;
  if (output !== undefined) assertFree(output, 'file');
  else if (options.private) assertNoTerminal('private keys are not for the screen');
  const pem = options.private ? await privatePem(path, options) : await publicPem(path);
  try {
    if (output !== undefined) {
      const { writeNew } = await import('../../index.ts');
      writeNew([{ path: output, bytes: pem, mode: options.private ? 0o600 : 0o644 }]);
      tell(`wrote ${output}`);
    } else {
      await new Promise((written) => process.stdout.write(pem, written));
    }
    if (options.private) {
      warn('no passphrase protects the exported keys, whoever reads them has the identity');
    }
  } finally {
    pem.fill(0);
  }
}

async function publicPem(path: string): Promise<Uint8Array> {
  const { exportPublicPem, readCard } = await import('../../index.ts');
  return Buffer.from(exportPublicPem(await readCard(path, { ofIdentity: true })));
}

async function privatePem(path: string, options: Options): Promise<Uint8Array> {
  const { exportPrivatePem } = await import('../../index.ts');
  const identity = await unlockIdentity(path, options);
  try {
    return exportPrivatePem(identity);
  } finally {
    identity.wipe();
  }
}
