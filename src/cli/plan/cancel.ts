import type { Command } from 'commander';
import { unlockIdentity } from '../access.ts';
import { report, tell } from '../messages.ts';
import { httpHeaderOption, jsonOption, passphraseOptions } from '../options.ts';
import type { PassphraseOptions } from '../passphrase.ts';
import { interruptible } from '../signals.ts';
import { planOption } from './options.ts';

interface Options extends PassphraseOptions {
  readonly plan: string;
  readonly identity: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function addPlanCancel(plan: Command): void {
  const command = plan
    .command('cancel')
    .summary('give up what a plan has begun')
    .description(
      'Gives up the upload of a plan to seal, or removes what a plan to open has opened.',
    )
    .addHelpText(
      'before',
      `Examples:
  strongroom plan cancel -p w.plan -i lab.key
`,
    )
    .requiredOption('-i, --identity <FILE>', 'of whoever made the plan')
    .option('-q, --quiet', 'no message on success');
  jsonOption(passphraseOptions(httpHeaderOption(planOption(command)))).action(run);
}

async function run(options: Options): Promise<void> {
  const { cancelPlan } = await import('../../index.ts');
  const identity = await unlockIdentity(options.identity, options);
  try {
    const found = await interruptible((signal) => cancelPlan(options.plan, { identity, signal }));
    const words = { cancelled: 'gave up', nothing: 'nothing to give up of' };
    tell(`${words[found.state]} the plan ${options.plan}`, options);
    if (options.json) report(options, found, []);
  } finally {
    identity.wipe();
  }
}
