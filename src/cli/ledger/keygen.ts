import type { Command } from 'commander';
import { StrongroomError } from '../../errors.ts';
import { assertFree } from '../access.ts';
import { newPassphrase } from '../keygen.ts';
import { report, tell, warn } from '../messages.ts';
import { jsonOption, passphraseSource } from '../options.ts';
import type { PassphraseOptions } from '../passphrase.ts';

interface Options extends PassphraseOptions {
  readonly name: string;
  readonly output: string;
  readonly witness?: boolean;
  readonly plain?: boolean;
  readonly json?: boolean;
}

export function addKeygen(ledger: Command): void {
  const command = ledger
    .command('keygen')
    .summary('make the key of a log or a witness')
    .description(
      'Makes the key that signs checkpoints, which you keep, and the lines that make it known in a policy, which you share: FILE and FILE.policy.',
    )
    .addHelpText(
      'before',
      `Examples:
  strongroom ledger keygen --name example.com/log -o log.key
  strongroom ledger keygen --name witness.example/w1 --witness -o w1.key
  strongroom ledger keygen --name example.com/log --plain -o log.key
`,
    )
    .requiredOption('-n, --name <NAME>', 'its name, such as the address without https://')
    .requiredOption('-o, --output <FILE>', 'where to write it; never overwrites')
    .option('--witness', 'of a witness, not of a log')
    .option('--plain', 'no passphrase: whoever reads the file has the key');
  jsonOption(passphraseSource(command)).action(run);
}

async function run(options: Options): Promise<void> {
  const { name, output, witness = false, plain = false } = options;
  if (plain && (options.passphraseFile ?? options.passphraseFd) !== undefined) {
    throw new StrongroomError('USAGE', '--plain and a passphrase do not go together', {
      hint: 'leave out one of them',
    });
  }
  const policy = `${output}.policy`;
  for (const path of [output, policy]) assertFree(path, 'file');
  const { createLedgerKey, encodeLedgerKey, policyLines, writeNew } = await import(
    '../../index.ts'
  );
  const key = createLedgerKey(name, witness ? 'witness' : 'log');
  const secrets: Uint8Array[] = [];
  try {
    const passphrase = plain ? undefined : await newPassphrase(output, options)();
    if (passphrase !== undefined) secrets.push(passphrase);
    const bytes = encodeLedgerKey(key, passphrase === undefined ? 'none' : { passphrase });
    secrets.push(bytes);
    writeNew([
      { path: output, bytes, mode: 0o600 },
      { path: policy, bytes: Buffer.from(policyLines(key)), mode: 0o644 },
    ]);
    if (plain) warn(`${output}: no passphrase protects it, whoever reads it has the key`);
    tell(`wrote ${output} and ${policy}`, { hint: `share ${policy}, keep ${output}` });
    if (options.json) report(options, { key: output, policy, name }, []);
  } finally {
    for (const secret of secrets) secret.fill(0);
    key.wipe();
  }
}
