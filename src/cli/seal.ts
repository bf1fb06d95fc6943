import type { Command } from 'commander';
import { StrongroomError } from '../errors.ts';
import {
  assertFree,
  assertNoTerminal,
  assertOneOutput,
  assertThere,
  recipientsOf,
  trustOf,
  unlockIdentity,
} from './access.ts';
import { startAhead } from './ahead.ts';
import { readClaims } from './claims.ts';
import {
  type CustodyOptions,
  newCustodyOptions,
  tellRecorded,
  withLedger,
} from './custody/options.ts';
import { bytes, plural } from './format.ts';
import { report, tell } from './messages.ts';
import { readOmsPublicKey } from './oms/keys.ts';
import {
  collect,
  jsonOption,
  passphraseOptions,
  resumeOption,
  runOptions,
  segmentSize,
  shardSize,
} from './options.ts';
import type { PassphraseOptions } from './passphrase.ts';
import { operate } from './progress.ts';

interface Options extends PassphraseOptions, CustodyOptions {
  readonly output: string;
  readonly recipient?: readonly string[];
  readonly recipientsFile?: string;
  readonly quorum?: readonly string[];
  readonly sign: string;
  readonly claims?: string;
  readonly parent?: readonly string[];
  readonly oms?: boolean;
  readonly name?: string;
  readonly shardSize?: number;
  readonly verifyOms?: string;
  readonly trust?: string;
  readonly followSymlinks?: boolean;
  readonly hideRecipients?: boolean;
  readonly overwrite?: boolean;
  readonly resume?: boolean;
  readonly segmentSize?: number;
  readonly threads?: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function addSeal(program: Command): void {
  const command = program
    .command('seal')
    .summary('encrypt and sign a directory, a file or a tar')
    .description(
      'Seals PATH, a directory, a file or a tar ("-": a tar from standard input), for its recipients.',
    )
    .argument('<PATH>', 'what to seal')
    .addHelpText(
      'before',
      `Examples:
  strongroom seal weights -o weights.srm -r partner.key.card --sign lab.key
  strongroom seal weights -o weights.srm -r a.card -r b.card --sign lab.key
  tar c weights | strongroom seal - -o weights.srm -r a.card --sign lab.key
  strongroom seal weights -o s3://models/weights.srm -r a.card --sign lab.key
  strongroom seal weights -o w.srm -r a.card --sign lab.key --oms --parent ROOT
  strongroom seal weights -o w.srm -r a.card --sign lab.key --resume
  strongroom seal weights -o - -r a.card --sign lab.key | ssh host 'cat > w.srm'
`,
    )
    .requiredOption(
      '-o, --output <FILE>',
      'the archive to be, or s3://BUCKET/KEY; "-": standard output',
    )
    .requiredOption('--sign <IDENTITY>', 'whose work it is')
    .option('-r, --recipient <CARD>', 'who can open it; repeatable', collect)
    .option('--recipients-file <FILE>', 'a card path on each line, relative to FILE')
    .option('--quorum <SPEC>', 'who can open it together; repeatable', collect)
    .option('--claims <FILE>', 'statements to sign along, a JSON object')
    .option(
      '--parent <ROOT>',
      'what it was derived from: a content root, or oms:ROOT; repeatable',
      collect,
    )
    .option('--oms', 'seal the SHA-256 of every file along, as OpenSSF Model Signing')
    .option('--name <NAME>', 'with --oms, what the model is called; by default as PATH')
    .option('--shard-size <SIZE>', 'with --oms, hash parts of files, such as 1GB', shardSize)
    .option('--verify-oms <PEM>', 'hold PATH to what its model.sig says, signed by this key')
    .option('--trust <POLICY>', 'hold all keys to be active in its registry')
    .option('--follow-symlinks', 'seal what symbolic links point to')
    .option('--hide-recipients', 'leave out whose keys open it')
    .option('--overwrite', 'replace an object in a store that has the name')
    .option('--segment-size <SIZE>', '4KiB to 16MiB, by default 1MiB', segmentSize);
  resumeOption(command);
  jsonOption(runOptions(passphraseOptions(newCustodyOptions(command)))).action(run);
}

async function run(source: string, options: Options): Promise<void> {
  const { output } = options;
  assertThere(source);
  await startAhead(source, options);
  const specs = options.quorum ?? [];
  const recipients = await recipientsOf(options);
  if (recipients.length + specs.length === 0) {
    throw new StrongroomError('NO_RECIPIENTS', 'nobody could open it');
  }
  if (output === '-') {
    assertNoTerminal('an archive is binary');
    assertOneOutput(options);
  }
  const claims = options.claims === undefined ? undefined : await readClaims(options.claims);
  const trust = options.trust === undefined ? undefined : await trustOf({ trust: options.trust });
  if (!options.oms && (options.name !== undefined || options.shardSize !== undefined)) {
    throw new StrongroomError('USAGE', '--name and --shard-size go with --oms');
  }
  const verifyOms =
    options.verifyOms === undefined ? undefined : await readOmsPublicKey(options.verifyOms);
  const { parseParent, readQuorumSpec, seal } = await import('../index.ts');
  const parents = options.parent?.map(parseParent);
  const quorums = await Promise.all(specs.map((path) => readQuorumSpec(path)));
  if (output !== '-' && output !== source && !options.resume) assertFree(output, 'file');
  const signer = await unlockIdentity(options.sign, options, source === '-');
  try {
    const sealed = await withLedger(options, (ledger) =>
      operate('sealing', options, (run) =>
        seal(source, {
          ...run,
          output,
          recipients,
          quorums,
          signer,
          claims,
          parents,
          oms: options.oms ? { name: options.name, shardSize: options.shardSize } : undefined,
          verifyOms,
          trust,
          followSymlinks: options.followSymlinks,
          hideRecipients: options.hideRecipients,
          segmentBytes: options.segmentSize,
          overwrite: options.overwrite,
          resume: options.resume,
          onNotice: (message) => tell(message, options),
          custody: options.custody,
          ledger,
        }),
      ),
    );
    const what = `${plural(sealed.files, 'file')}, ${bytes(sealed.archiveBytes)}`;
    const who = [
      ...(sealed.recipients > 0 ? [plural(sealed.recipients, 'recipient')] : []),
      ...(sealed.quorums > 0 ? [plural(sealed.quorums, 'quorum')] : []),
    ].join(' and ');
    const where = output === '-' ? '' : ` into ${output}`;
    tell(`sealed ${what}${where}, for ${who}`, options);
    if (sealed.omsRoot !== undefined) tell(`root of model signing ${sealed.omsRoot}`, options);
    tellRecorded(sealed.custody, options);
    if (options.json) report(options, sealed, []);
  } finally {
    signer.wipe();
  }
}
