import type { Command } from 'commander';
import { StrongroomError } from '../errors.ts';
import {
  assertFree,
  assertNoTerminal,
  assertOneOutput,
  assertThere,
  unlockIdentity,
} from './access.ts';
import { startAhead } from './ahead.ts';
import {
  type CustodyOptions,
  newCustodyOptions,
  tellRecorded,
  withLedger,
} from './custody/options.ts';
import { bytes, plural } from './format.ts';
import { report, tell } from './messages.ts';
import { readOmsPublicKey } from './oms/keys.ts';
import { jsonOption, passphraseOptions, resumeOption, runOptions, shardSize } from './options.ts';
import { operate } from './progress.ts';
import { readSealing, type SealingOptions, sealingOptions } from './sealing.ts';

interface Options extends SealingOptions, CustodyOptions {
  readonly output: string;
  readonly oms?: boolean;
  readonly name?: string;
  readonly shardSize?: number;
  readonly verifyOms?: string;
  readonly resume?: boolean;
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
    );
  sealingOptions(command)
    .option('--oms', 'seal the SHA-256 of every file along, as OpenSSF Model Signing')
    .option('--name <NAME>', 'with --oms, what the model is called; by default as PATH')
    .option('--shard-size <SIZE>', 'with --oms, hash parts of files, such as 1GB', shardSize)
    .option('--verify-oms <PEM>', 'hold PATH to what its model.sig says, signed by this key');
  resumeOption(command);
  jsonOption(runOptions(passphraseOptions(newCustodyOptions(command)))).action(run);
}

async function run(source: string, options: Options): Promise<void> {
  const { output } = options;
  assertThere(source);
  await startAhead(source, options);
  if (output === '-') {
    assertNoTerminal('an archive is binary');
    assertOneOutput(options);
  }
  const sealing = await readSealing(options);
  if (!options.oms && (options.name !== undefined || options.shardSize !== undefined)) {
    throw new StrongroomError('USAGE', '--name and --shard-size go with --oms');
  }
  const verifyOms =
    options.verifyOms === undefined ? undefined : await readOmsPublicKey(options.verifyOms);
  const { seal } = await import('../index.ts');
  if (output !== '-' && output !== source && !options.resume) assertFree(output, 'file');
  const signer = await unlockIdentity(options.sign, options, source === '-');
  try {
    const sealed = await withLedger(options, (ledger) =>
      operate('sealing', options, (run) =>
        seal(source, {
          ...run,
          ...sealing,
          output,
          signer,
          oms: options.oms ? { name: options.name, shardSize: options.shardSize } : undefined,
          verifyOms,
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
