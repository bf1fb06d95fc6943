import type { Command } from 'commander';
import { StrongroomError } from '../../errors.ts';
import type { AskOptions, Question } from '../../index.ts';
import { assertFree, assertThere, freshnessOf, trustOf, unlockIdentity } from '../access.ts';
import { newPassphrase } from '../keygen.ts';
import { report, tell } from '../messages.ts';
import {
  archiveOptions,
  expiry,
  type FreshnessOptions,
  freshnessOptions,
  jsonOption,
  passphraseOptions,
  type TrustOptions,
  trustOptions,
} from '../options.ts';
import type { PassphraseOptions } from '../passphrase.ts';
import { type KeyPassphraseOptions, keyPassphraseOptions, ofKey, warnPlain } from './access.ts';

interface Options extends PassphraseOptions, TrustOptions, FreshnessOptions {
  readonly output: string;
  readonly purpose: string;
  readonly expires: string;
  readonly sign: string;
  readonly split?: string;
  readonly keyring?: string;
  readonly json?: boolean;
}

interface RequestOptions extends Options, KeyPassphraseOptions {
  readonly plain?: boolean;
}

const askOptions = (command: Command): Command =>
  jsonOption(
    passphraseOptions(
      freshnessOptions(
        archiveOptions(
          trustOptions(
            command
              .argument('<ARCHIVE>', 'what it is about')
              .requiredOption('-o, --output <FILE>', 'where to write it; never overwrites')
              .requiredOption('--purpose <TEXT>', 'why, for the custodians to read')
              .requiredOption('--expires <TIME>', 'such as 24h, 7d or 2027-01-01', expiry)
              .requiredOption('--sign <IDENTITY>', 'who asks')
              .option('--split <ID>', 'which quorum, if there are several: how its id begins'),
          ),
        ),
      ),
    ),
  );

/**
 * Trust, if any is named: then nobody asks the holders of the past, or with a key that custodians
 * would not answer.
 */
async function askingOf(options: Options): Promise<Omit<AskOptions, 'signer'>> {
  const { purpose, expires, split, keyring } = options;
  const about = { purpose, expires, split, keyring };
  if (options.trust === undefined && options.signer === undefined) {
    if (options.minEpoch === undefined) return about;
    throw new StrongroomError('USAGE', '--min-epoch needs to know whose key rings count', {
      hint: 'name --trust or --signer',
    });
  }
  return { ...about, trust: await trustOf(options), ...(await freshnessOf(options)) };
}

export function addRequest(quorum: Command): void {
  const command = quorum
    .command('request')
    .summary('ask the custodians to open an archive')
    .description(
      'Writes a signed request, FILE, and a fresh key for the answers, FILE.key, which you keep.',
    )
    .addHelpText(
      'before',
      `Examples:
  strongroom quorum request w.srm -o eval.req --purpose "audit" --expires 24h \\
    --sign me.key
`,
    );
  keyPassphraseOptions(askOptions(command))
    .option('--plain', 'no passphrase for the key: whoever reads it has it')
    .action(request);
}

async function request(archive: string, options: RequestOptions): Promise<void> {
  const { output, plain = false } = options;
  const keyPassphrase = ofKey(options);
  if (plain && Object.keys(keyPassphrase).length > 0) {
    throw new StrongroomError('USAGE', '--plain and a passphrase do not go together', {
      hint: 'leave out one of them',
    });
  }
  assertThere(archive);
  for (const path of [output, `${output}.key`]) assertFree(path, 'file');
  const { encodeRequestKey, requestQuorum, writeNew } = await import('../../index.ts');
  const asking = await askingOf(options);
  const signer = await unlockIdentity(options.sign, options);
  let made: Awaited<ReturnType<typeof requestQuorum>>;
  try {
    made = await requestQuorum(archive, { ...asking, signer });
  } finally {
    signer.wipe();
  }
  let passphrase: Uint8Array | undefined;
  let secret: Uint8Array | undefined;
  try {
    if (!plain) passphrase = await newPassphrase(`${output}.key`, keyPassphrase)();
    secret = encodeRequestKey(made.key, passphrase === undefined ? 'none' : { passphrase });
    writeNew([
      { path: output, bytes: made.request.bytes, mode: 0o644 },
      { path: `${output}.key`, bytes: secret, mode: 0o600 },
    ]);
  } finally {
    made.key.wipe();
    passphrase?.fill(0);
    secret?.fill(0);
  }
  if (plain) warnPlain(`${output}.key`);
  tell(`wrote ${output} and ${output}.key, valid until ${options.expires}`, {
    hint: `send ${output} to the custodians, keep ${output}.key to yourself`,
  });
  if (options.json)
    report(options, { key: `${output}.key`, ...describe(made.request, output) }, []);
}

export function addChallenge(quorum: Command): void {
  const command = quorum
    .command('challenge')
    .summary('ask for proof that they still could')
    .description('Writes a signed challenge: custodians answer it with "prove", see "check".')
    .addHelpText(
      'before',
      `Examples:
  strongroom quorum challenge w.srm -o drill.req --purpose "yearly drill" \\
    --expires 7d --sign me.key
`,
    );
  askOptions(command).action(challenge);
}

async function challenge(archive: string, options: Options): Promise<void> {
  const { output } = options;
  assertThere(archive);
  assertFree(output, 'file');
  const { challengeQuorum, writeNew } = await import('../../index.ts');
  const asking = await askingOf(options);
  const signer = await unlockIdentity(options.sign, options);
  try {
    const made = await challengeQuorum(archive, { ...asking, signer });
    writeNew([{ path: output, bytes: made.bytes, mode: 0o644 }]);
    tell(`wrote ${output}, valid until ${options.expires}`, {
      hint: `send ${output} to the custodians, who answer with "strongroom quorum prove"`,
    });
    if (options.json) report(options, describe(made, output), []);
  } finally {
    signer.wipe();
  }
}

const describe = ({ kind, signed }: Question, path: string) => ({
  [kind]: path,
  archive: signed.archive,
  split: signed.split,
  purpose: signed.purpose,
  expires: signed.expires,
});
