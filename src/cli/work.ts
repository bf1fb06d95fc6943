import type { Command } from 'commander';
import { trustOf, unlockIdentity } from './access.ts';
import { bytes, plural } from './format.ts';
import { report, tell } from './messages.ts';
import {
  httpHeaderOption,
  integer,
  jsonOption,
  passphraseOptions,
  runOptions,
  size,
  type TrustOptions,
  trustOptions,
} from './options.ts';
import type { PassphraseOptions } from './passphrase.ts';
import { planOption } from './plan/options.ts';
import { operate } from './progress.ts';

interface Options extends PassphraseOptions, TrustOptions {
  readonly plan: string;
  readonly index: number;
  readonly identity: string;
  readonly output?: string;
  readonly source?: string;
  readonly archive?: string;
  readonly partMemory?: number;
  readonly threads?: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function addWork(program: Command): void {
  const command = program
    .command('work')
    .summary('do one range of a plan')
    .description('Does one range of a plan, and signs a receipt. Does nothing if it is done.')
    .addHelpText(
      'before',
      `Examples:
  strongroom work -p w.plan --index 7 -i worker.key --signer lab.key.card
  strongroom work -p s3://models/w.srm.plan --index "$JOB_COMPLETION_INDEX" \\
    -i worker.key --signer lab.key.card --json
  strongroom work -p ranks.plan --index 3 -i worker.key --signer ops.key.card \\
    -o /local/weights
`,
    )
    .requiredOption('--index <I>', 'which range, from 0', integer('--index', 0, 9799))
    .requiredOption('-i, --identity <FILE>', 'of a worker whom the plan names')
    .option('-o, --output <DIR>', 'open onto this disk, where the plan names no output')
    .option('--source <DIR>', 'where the source of the plan is on this machine')
    .option('--archive <ARCHIVE>', 'where the archive of the plan is, seen from here')
    .option(
      '--part-memory <SIZE>',
      'what parts of an upload may take, by default 2GiB',
      size('--part-memory'),
    );
  jsonOption(
    runOptions(passphraseOptions(httpHeaderOption(trustOptions(planOption(command))))),
  ).action(run);
}

async function run(options: Options): Promise<void> {
  const trust = await trustOf(options);
  const { workRange } = await import('../index.ts');
  const identity = await unlockIdentity(options.identity, options);
  try {
    const { plan, index, output, source, archive, partMemory } = options;
    const done = await operate('working', options, (run) =>
      workRange(plan, index, { ...run, identity, trust, output, source, archive, partMemory }),
    );
    const parts = done.parts === 0 ? '' : `, ${plural(done.parts, 'part')}`;
    const state = done.state === 'already' ? 'was done already' : 'done';
    tell(`range ${index} ${state}: ${bytes(done.bytes)}${parts}`, options);
    if (options.json) report(options, done, []);
  } finally {
    identity.wipe();
  }
}
