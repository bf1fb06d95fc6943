import type { Command } from 'commander';
import { assertThere, withAccess } from '../access.ts';
import { type AccessOptions, accessOptions } from '../options.ts';
import { interruptible } from '../signals.ts';
import { type MakingOptions, makingOptions, newPlanOptions, tellPlanned } from './options.ts';

interface Options extends MakingOptions, AccessOptions {}

export function addPlanVerify(plan: Command): void {
  const command = plan
    .command('verify')
    .summary('plan to verify; no worker gets a key')
    .description('Checks who sealed ARCHIVE and who granted access; the workers check its bytes.')
    .argument('<ARCHIVE>', 'a path, s3://BUCKET/KEY or https://…, as every worker sees it')
    .addHelpText(
      'before',
      `Examples:
  strongroom plan verify s3://models/w.srm --ranges 64 -i ops.key \\
    --signer lab.key.card --worker w0.card --worker w1.card -p verify.plan
`,
    );
  makingOptions(accessOptions(command)).action(run);
}

async function run(archive: string, options: Options): Promise<void> {
  assertThere(archive);
  const { planVerify } = await import('../../index.ts');
  const making = await newPlanOptions(options);
  const planned = await withAccess(options, false, (access) =>
    interruptible((signal) => planVerify(archive, { ...making, ...access, signal })),
  );
  tellPlanned(planned, options);
}
