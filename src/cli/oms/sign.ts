import type { Command } from 'commander';
import { StrongroomError } from '../../errors.ts';
import { assertFree, assertThere, unlockIdentity } from '../access.ts';
import { plural } from '../format.ts';
import { report, table } from '../messages.ts';
import { integer, jsonOption, passphraseOptions, runOptions, shardSize } from '../options.ts';
import type { PassphraseOptions } from '../passphrase.ts';
import { operate } from '../progress.ts';
import { type PemOptions, unlockOmsPrivateKey } from './keys.ts';

interface Options extends PassphraseOptions, PemOptions {
  readonly key?: string;
  readonly sign?: string;
  readonly output?: string;
  readonly name?: string;
  readonly shardSize?: number;
  readonly followSymlinks?: boolean;
  readonly threads?: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function addOmsSign(oms: Command): void {
  const command = oms
    .command('sign')
    .summary('sign a model in a directory')
    .description(
      'Signs every file in DIR but .git, .gitattributes, .github, .gitignore and signatures. --key writes a bundle that every OMS tool verifies; --sign writes the same statement beside it, signed by an identity, safe from quantum computers.',
    )
    .argument('<DIR>', 'the model')
    .addHelpText(
      'before',
      `Examples:
  strongroom oms sign weights --key oms.pem --sign lab.key
  strongroom oms sign weights --key oms.pem -o weights.sig
  strongroom oms sign weights --sign lab.key --shard-size 1GB
  openssl ecparam -name secp384r1 -genkey -noout -out oms.pem
`,
    )
    .option('--key <PEM>', 'an ECDSA private key on P-256 or P-384')
    .option('--sign <IDENTITY>', 'whose word it is')
    .option('-o, --output <FILE>', 'the bundle to be, by default DIR/model.sig')
    .option('--name <NAME>', 'what the model is called, by default as DIR')
    .option(
      '--shard-size <SIZE>',
      'hash parts of files, such as 1GB, instead of whole ones',
      shardSize,
    )
    .option('--follow-symlinks', 'sign what symbolic links point to')
    .option('--key-passphrase-file <FILE>', 'read the passphrase of the PEM from a file')
    .option(
      '--key-passphrase-fd <N>',
      'read the passphrase of the PEM from a file descriptor',
      integer('--key-passphrase-fd', 0, 65535),
    );
  jsonOption(runOptions(passphraseOptions(command))).action(run);
}

async function run(directory: string, options: Options): Promise<void> {
  if (options.key === undefined && options.sign === undefined) {
    throw new StrongroomError('USAGE', 'nobody is named to sign', {
      hint: 'give --key PEM, --sign IDENTITY, or both',
    });
  }
  assertThere(directory);
  const { signaturePaths, signOms } = await import('../../index.ts');
  const paths = signaturePaths(directory, options.output);
  if (options.key !== undefined) assertFree(paths.bundle, 'file');
  if (options.sign !== undefined) assertFree(paths.envelope, 'file');
  const key =
    options.key === undefined ? undefined : await unlockOmsPrivateKey(options.key, options);
  const signer =
    options.sign === undefined ? undefined : await unlockIdentity(options.sign, options);
  try {
    const signed = await operate('hashing', options, (run) =>
      signOms(directory, { ...options, ...run, key, signer }),
    );
    const lines = table([
      ['signed', `${signed.name}, ${plural(signed.files, 'file')}`],
      ['root', signed.root],
      ['bundle', signed.bundle && `${signed.bundle}, ${key?.public.curve}`],
      ['envelope', signed.envelope && `${signed.envelope}, by ${signer?.card.name}`],
    ]);
    report(options, signed, options.quiet ? [] : lines);
  } finally {
    signer?.wipe();
  }
}
