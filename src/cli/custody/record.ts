import type { Command } from 'commander';
import { assertThere, withAccess } from '../access.ts';
import { report, tell, warn } from '../messages.ts';
import {
  archiveOptions,
  jsonOption,
  passphraseOptions,
  type TrustOptions,
  trustOptions,
} from '../options.ts';
import type { PassphraseOptions } from '../passphrase.ts';
import { type LedgerOptions, ledgerOptions, tellRecorded, withLedger } from './options.ts';

interface Options extends TrustOptions, PassphraseOptions, LedgerOptions {
  readonly sign: string;
  readonly custody?: string;
  readonly keyring?: string;
  readonly gap?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function addRecord(custody: Command): void {
  const command = custody
    .command('record')
    .summary('begin a custody file, or tell what is missing')
    .description(
      'Begins the custody file of ARCHIVE, or adds the one change of access that it does not tell, and to a log every line that it does not have.',
    )
    .argument('<ARCHIVE>', 'what to tell of')
    .addHelpText(
      'before',
      `Examples:
  strongroom custody record weights.srm --sign lab.key --signer lab.key.card
  strongroom custody record weights.srm --sign lab.key --trust policy.json \\
    --ledger log --ledger-key log.key
  strongroom custody record weights.srm --sign lab.key --trust policy.json --gap
`,
    )
    .requiredOption('--sign <IDENTITY>', 'whose word it is; the author begins a file')
    .option('--custody <FILE>', 'a custody file that is not beside the archive')
    .option('--gap', 'say that several changes are not known, and who has access now')
    .option('-q, --quiet', 'no message on success');
  jsonOption(ledgerOptions(passphraseOptions(archiveOptions(trustOptions(command))))).action(run);
}

async function run(archive: string, options: Options): Promise<void> {
  const { custody, gap, sign } = options;
  assertThere(archive);
  const { recordCustody } = await import('../../index.ts');
  const done = await withAccess({ ...options, identity: sign }, false, (access) =>
    withLedger(options, (ledger) =>
      recordCustody(archive, { ...access, custody, ledger, gap, onWarning: warn }),
    ),
  );
  if (done.lines.length === 0) tell(`${done.file} tells all of it already`, options);
  const logged = done.ledger?.lines ?? [];
  if (logged.length > done.lines.length) {
    tell(`the log ${done.ledger?.origin} has line ${logged.join(', ')} of it now`, options);
  }
  tellRecorded(done, options);
  if (options.json) report(options, done, []);
}
