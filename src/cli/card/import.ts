import type { Command } from 'commander';
import type { SuiteName } from '../../index.ts';
import { assertFree } from '../access.ts';
import { anchorOf } from '../anchor.ts';
import { newPassphrase } from '../keygen.ts';
import { report, tell, warn } from '../messages.ts';
import { expiry, jsonOption, passphraseOptions, suite } from '../options.ts';
import type { PassphraseOptions } from '../passphrase.ts';
import { writeIdentity } from '../write-identity.ts';
import { describe } from './show.ts';

interface Options extends PassphraseOptions {
  readonly name: string;
  readonly output: string;
  readonly suite?: SuiteName;
  readonly expires?: string;
  readonly plain?: boolean;
  readonly json?: boolean;
}

export function addImport(card: Command): void {
  const command = card
    .command('import')
    .summary('make a card or an identity of keys in PEM')
    .description(
      'Private keys of a whole suite make an identity and its card (FILE and FILE.card); public keys make a card.',
    )
    .argument('<PEM...>', 'files with the keys, in any order')
    .addHelpText(
      'before',
      `Examples:
  strongroom card import partner.pem --name "Partner Lab" -o partner.card
  strongroom card import kem.pem dsa.pem --name "Vault Lab" -o lab.key
`,
    )
    .requiredOption('-n, --name <NAME>', 'whose it is, as others will see it')
    .requiredOption('-o, --output <FILE>', 'where to write it; never overwrites')
    .option('--suite <NAME>', 'take no keys but those of this suite', suite)
    .option('--expires <TIME>', 'such as 2027-01-01, 90d, 26w or 2y', expiry)
    .option('--plain', 'no passphrase for an identity');
  jsonOption(passphraseOptions(command)).action(run);
}

/** Of all files; private keys of a suite take a few hundred bytes. */
const maxPemBytes = 131072;

async function run(paths: readonly string[], options: Options): Promise<void> {
  const { name, output, expires } = options;
  assertFree(output, 'file');
  const { encodeCard, importPem, readSmallFile, writeNew } = await import('../../index.ts');
  const files: Uint8Array[] = [];
  const newline = Buffer.from('\n');
  try {
    for (const path of paths) files.push(await readSmallFile(path, maxPemBytes), newline);
    const pem = Buffer.concat(files);
    files.push(pem);
    const { card, identity } = importPem(pem, { name, expires, suite: options.suite });
    if (identity === undefined) {
      writeNew([{ path: output, bytes: encodeCard(card), mode: 0o644 }]);
      warn(`${output}: made from bare public keys, so nothing but you vouches for its name`);
      tell(`wrote ${output}`);
    } else {
      try {
        assertFree(`${output}.card`, 'file');
        const passphrase = options.plain ? undefined : newPassphrase(output, options);
        await writeIdentity(identity, output, (await anchorOf(options)) ?? passphrase);
      } finally {
        identity.wipe();
      }
      if (options.plain) warn(`${output}: no passphrase protects it, whoever reads it has the key`);
      tell(`wrote ${output} and ${output}.card`);
    }
    tell(`fingerprint ${card.fingerprint}`);
    if (options.json) {
      const written =
        identity === undefined ? { card: output } : { identity: output, card: `${output}.card` };
      report(options, { ...written, ...describe(card) }, []);
    }
  } finally {
    for (const bytes of files) if (bytes !== newline) bytes.fill(0);
  }
}
