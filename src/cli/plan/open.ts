import type { Command } from 'commander';
import { assertThere, withAccess } from '../access.ts';
import { type AccessOptions, accessOptions, oneOf } from '../options.ts';
import { interruptible } from '../signals.ts';
import { type MakingOptions, makingOptions, newPlanOptions, tellPlanned } from './options.ts';

interface Options extends MakingOptions, AccessOptions {
  readonly output?: string;
  readonly by?: 'segments' | 'files';
}

export function addPlanOpen(plan: Command): void {
  const command = plan
    .command('open')
    .summary('plan to open into one directory, or onto many disks')
    .description(
      'Verifies all of ARCHIVE but its segments, which the workers open, and writes the plan.',
    )
    .argument('<ARCHIVE>', 'a path, s3://BUCKET/KEY or https://…, as every worker sees it')
    .addHelpText(
      'before',
      `Examples:
  strongroom plan open s3://models/w.srm -o /shared/weights --ranges 64 \\
    -i ops.key --signer lab.key.card --worker w0.card --worker w1.card -p open.plan
  strongroom plan open s3://models/w.srm --by files --ranges 8 -i ops.key \\
    --signer lab.key.card --worker rank.card -p ranks.plan
`,
    )
    .option('-o, --output <DIR>', 'the directory to be, on a file system that all workers share')
    .option(
      '--by <WHAT>',
      'a range is so many segments, or whole files; without -o it is files',
      oneOf('--by', ['segments', 'files']),
    );
  makingOptions(accessOptions(command)).action(run);
}

async function run(archive: string, options: Options): Promise<void> {
  assertThere(archive);
  const { planOpen } = await import('../../index.ts');
  const making = await newPlanOptions(options);
  const { output, by } = options;
  const planned = await withAccess(options, false, (access) =>
    interruptible((signal) => planOpen(archive, { ...making, ...access, output, by, signal })),
  );
  tellPlanned(planned, options);
}
