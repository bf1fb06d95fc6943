import type { Command } from 'commander';
import { unlockIdentity } from '../access.ts';
import { passphraseOptions } from '../options.ts';
import { readSealing, type SealingOptions, sealingOptions } from '../sealing.ts';
import { interruptible } from '../signals.ts';
import { type MakingOptions, makingOptions, newPlanOptions, tellPlanned } from './options.ts';

interface Options extends MakingOptions, SealingOptions {
  readonly output: string;
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
    .requiredOption('-o, --output <ADDRESS>', 'the archive to be: s3://BUCKET/KEY');
  makingOptions(passphraseOptions(sealingOptions(command))).action(run);
}

async function run(source: string, options: Options): Promise<void> {
  const { planSeal } = await import('../../index.ts');
  const making = await newPlanOptions(options);
  const sealing = await readSealing(options);
  const signer = await unlockIdentity(options.sign, options);
  try {
    const planned = await interruptible((signal) =>
      planSeal(source, { ...making, ...sealing, output: options.output, signer, signal }),
    );
    tellPlanned(planned, options);
  } finally {
    signer.wipe();
  }
}
