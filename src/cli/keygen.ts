import type { Command } from 'commander';
import { StrongroomError } from '../errors.ts';
import type { SuiteName } from '../index.ts';
import { assertFree } from './access.ts';
import { anchorOf } from './anchor.ts';
import { report, tell, warn } from './messages.ts';
import { expiry, jsonOption, passphraseOptions, suite } from './options.ts';
import { askPassphrase, type PassphraseOptions } from './passphrase.ts';
import { writeIdentity } from './write-identity.ts';

interface Options extends PassphraseOptions {
  readonly name: string;
  readonly suite?: SuiteName;
  readonly expires?: string;
  readonly plain?: boolean;
  readonly output: string;
  readonly json?: boolean;
}

export function addKeygen(program: Command): void {
  const command = program
    .command('keygen')
    .summary('make an identity and its card')
    .description(
      'Makes an identity, which you keep, and its card, which you share: FILE and FILE.card.',
    )
    .addHelpText(
      'before',
      `Examples:
  strongroom keygen --name "Vault Lab" -o lab.key
  strongroom keygen --name "Vault Lab" --expires 2y -o lab.key
  strongroom keygen --name ci --plain -o ci.key     for a machine, no passphrase
  strongroom keygen --name hsm -o hsm.key \\
    --anchor 'pkcs11:token=lab?module-path=/usr/lib/softhsm/libsofthsm2.so'
  strongroom keygen --name kms -o kms.key --anchor exec:./kms.sh
`,
    )
    .requiredOption('-n, --name <NAME>', 'whose it is, as others will see it')
    .requiredOption('-o, --output <FILE>', 'where to write it; never overwrites')
    .option('--suite <NAME>', 'hybrid (default) or cnsa2', suite)
    .option('--expires <TIME>', 'such as 2027-01-01, 90d, 26w or 2y', expiry)
    .option('--plain', 'no passphrase: whoever reads the file has the key');
  jsonOption(passphraseOptions(command)).action(run);
}

async function run(options: Options): Promise<void> {
  const { name, expires, output, plain = false } = options;
  assertOneProtection(options);
  for (const path of [output, `${output}.card`]) assertFree(path, 'file');
  const { createIdentity } = await import('../index.ts');
  // Before the prompt, so that an unfit name costs nobody a passphrase
  const identity = createIdentity({ name, suite: options.suite, expires });
  try {
    const anchor = await anchorOf(options);
    await writeIdentity(
      identity,
      output,
      anchor ?? (plain ? undefined : newPassphrase(output, options)),
    );
    const { fingerprint } = identity.card;
    if (plain) warn(`${output}: no passphrase protects it, whoever reads it has the key`);
    tell(`wrote ${output} and ${output}.card`);
    tell(`fingerprint ${fingerprint}`, {
      hint: `share ${output}.card, keep ${output}; compare the fingerprint by voice`,
    });
    const { suite, created } = identity.card;
    if (options.json) {
      const card = { name, suite: suite.name, fingerprint, created, ...(expires && { expires }) };
      report(options, { identity: output, card: `${output}.card`, ...card }, []);
    }
  } finally {
    identity.wipe();
  }
}

/** @throws StrongroomError `USAGE` for ways to keep the secret that exclude each other. */
function assertOneProtection(options: Options): void {
  const { plain, anchor, passphraseFile, passphraseFd } = options;
  const hasSource = passphraseFile !== undefined || passphraseFd !== undefined;
  const both = (one: string, other: string) =>
    new StrongroomError('USAGE', `${one} and ${other} do not go together`, {
      hint: 'leave out one of them',
    });
  if (plain && hasSource) throw both('--plain', 'a passphrase');
  if (plain && anchor !== undefined) throw both('--plain', '--anchor');
  // A token takes it as its PIN, a program could not
  if (anchor?.startsWith('exec:') && hasSource) throw both('--anchor exec:', 'a passphrase');
}

/** Asks for a passphrase twice, unless the options tell where it is. */
export const newPassphrase = (path: string, options: PassphraseOptions) => () =>
  askPassphrase({
    ...options,
    message: `New passphrase for ${path}`,
    again: 'The same passphrase again',
  });
