import type { Command } from 'commander';
import { recipientsOf, trustOf, unlockIdentity } from '../access.ts';
import { readClaims } from '../claims.ts';
import { collect, passphraseOptions, segmentSize } from '../options.ts';
import type { PassphraseOptions } from '../passphrase.ts';
import { interruptible } from '../signals.ts';
import { type MakingOptions, makingOptions, newPlanOptions, tellPlanned } from './options.ts';

interface Options extends MakingOptions, PassphraseOptions {
  readonly output: string;
  readonly recipient?: readonly string[];
  readonly recipientsFile?: string;
  readonly quorum?: readonly string[];
  readonly sign: string;
  readonly claims?: string;
  readonly parent?: readonly string[];
  readonly trust?: string;
  readonly followSymlinks?: boolean;
  readonly hideRecipients?: boolean;
  readonly overwrite?: boolean;
  readonly segmentSize?: number;
}

export function addPlanSeal(plan: Command): void {
  const command = plan
    .command('seal')
    .summary('plan to seal into an object store')
    .description(
      'Fixes what is in SOURCE, begins the upload, and writes the plan. No byte of a file is read.',
    )
    .argument('<SOURCE>', 'a directory, a file or a tar, where every worker sees it too')
    .addHelpText(
      'before',
      `Examples:
  strongroom plan seal weights -o s3://models/w.srm --ranges 64 -r a.card \\
    --sign lab.key --worker w0.card --worker w1.card -p w.plan
  strongroom plan seal weights -o s3://models/w.srm --ranges 16 -r a.card \\
    --sign lab.key --worker w0.card --worker w1.card --assign \\
    -p s3://models/w.srm.plan
`,
    )
    .requiredOption('-o, --output <ADDRESS>', 'the archive to be: s3://BUCKET/KEY')
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
    .option('--trust <POLICY>', 'hold all keys to be active in its registry')
    .option('--follow-symlinks', 'seal what symbolic links point to')
    .option('--hide-recipients', 'leave out whose keys open it')
    .option('--overwrite', 'replace an object that has the name')
    .option('--segment-size <SIZE>', '4KiB to 16MiB, by default 1MiB', segmentSize);
  makingOptions(passphraseOptions(command)).action(run);
}

async function run(source: string, options: Options): Promise<void> {
  const { parseParent, planSeal, readQuorumSpec } = await import('../../index.ts');
  const making = await newPlanOptions(options);
  const recipients = await recipientsOf(options);
  const claims = options.claims === undefined ? undefined : await readClaims(options.claims);
  const trust = options.trust === undefined ? undefined : await trustOf({ trust: options.trust });
  const parents = options.parent?.map(parseParent);
  const specs = options.quorum ?? [];
  const quorums = await Promise.all(specs.map((path) => readQuorumSpec(path)));
  const signer = await unlockIdentity(options.sign, options);
  try {
    const planned = await interruptible((signal) =>
      planSeal(source, {
        ...making,
        output: options.output,
        recipients,
        quorums,
        signer,
        claims,
        parents,
        trust,
        followSymlinks: options.followSymlinks,
        hideRecipients: options.hideRecipients,
        segmentBytes: options.segmentSize,
        overwrite: options.overwrite,
        signal,
      }),
    );
    tellPlanned(planned, options);
  } finally {
    signer.wipe();
  }
}
