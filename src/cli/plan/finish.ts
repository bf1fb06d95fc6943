import type { Command } from 'commander';
import type { Check } from '../../index.ts';
import { unlockIdentity } from '../access.ts';
import { bytes, plural } from '../format.ts';
import { report, tell, warn } from '../messages.ts';
import { archiveOptions, jsonOption, oneOf, passphraseOptions, runOptions } from '../options.ts';
import type { PassphraseOptions } from '../passphrase.ts';
import { operate } from '../progress.ts';
import { planOption } from './options.ts';
import { type QueueOptions, queueOf, queueOptions } from './queue.ts';

interface Options extends PassphraseOptions, QueueOptions {
  readonly plan: string;
  readonly identity: string;
  readonly check?: Check;
  readonly source?: string | true;
  readonly archive?: string;
  readonly keyring?: string;
  readonly threads?: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function addPlanFinish(plan: Command): void {
  const command = plan
    .command('finish')
    .summary('put together what the workers did')
    .description(
      'Collects the receipts, refuses what is missing or doubtful, and ends the work: signs and names the archive, names the directory, or gives the word.',
    )
    .addHelpText(
      'before',
      `Examples:
  strongroom plan finish -p w.plan -i lab.key
  strongroom plan finish -p w.plan -i lab.key --check full --source --json
  strongroom plan finish -p w.plan -i lab.key --queue redis://queue.example:6379
`,
    )
    .requiredOption('-i, --identity <FILE>', 'of whoever made the plan')
    .option(
      '--check <HOW>',
      'look at what workers did: sampled (some of every range), full or none',
      oneOf('--check', ['sampled', 'full', 'none']),
    )
    .option(
      '--source [DIR]',
      'of a plan to seal, hold what is looked at against the source, there or in DIR',
    )
    .option('--archive <ARCHIVE>', 'of a plan to open, where it is seen from here');
  jsonOption(
    queueOptions(runOptions(passphraseOptions(archiveOptions(planOption(command))))),
  ).action(run);
}

async function run(options: Options): Promise<void> {
  const queue = await queueOf(options);
  const { finishPlan, finishQueued } = await import('../../index.ts');
  const identity = await unlockIdentity(options.identity, options);
  try {
    const { check, source, archive, keyring } = options;
    const found = await operate('checking', options, (run) => {
      const how = { ...run, identity, check, source, archive, keyring };
      return queue === undefined
        ? finishPlan(options.plan, how)
        : finishQueued(options.plan, { ...how, queue });
    });
    for (const { why } of found.refused) warn(why);
    tell(`${wordsOf(found)}${checkedWords(found.checked)}`, options);
    if (options.json) report(options, found, []);
  } finally {
    identity.wipe();
  }
}

type Finished = Awaited<ReturnType<typeof import('../../index.ts').finishPlan>>;

function wordsOf({ kind, state, output, archiveBytes = 0, files = 0, ranges }: Finished): string {
  const again = state === 'already' ? 'was done before: ' : '';
  const of = plural(ranges, 'range');
  switch (kind) {
    case 'seal':
      return `${again}sealed ${plural(files, 'file')}, ${bytes(archiveBytes)} into ${output}, ${of}`;
    case 'open':
      return `${again}opened ${plural(files, 'file')}${output === '' ? '' : ` into ${output}`}, ${of}`;
    case 'verify':
      return `verified ${output}, ${of}`;
  }
}

const checkedWords = (checked: number): string =>
  checked === 0 ? '' : `, ${plural(checked, 'segment')} checked`;
