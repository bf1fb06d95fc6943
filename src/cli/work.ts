import type { Command } from 'commander';
import { StrongroomError } from '../errors.ts';
import type { QueueWorkOptions, RangeReport, WorkOptions } from '../index.ts';
import { trustOf, unlockIdentity } from './access.ts';
import { bytes, plural } from './format.ts';
import { report, tell, warn } from './messages.ts';
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
import { type QueueOptions, queueOf, queueOptions } from './plan/queue.ts';
import { operate } from './progress.ts';
import { interruptible } from './signals.ts';

interface Options extends PassphraseOptions, TrustOptions, QueueOptions {
  readonly plan: string;
  readonly index?: number;
  readonly drain?: boolean;
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
    .summary('do a range of a plan, or what its queue gives')
    .description(
      'Does one range of a plan, or one after the other as its queue says, and signs receipts. What is done already is left as it is.',
    )
    .addHelpText(
      'before',
      `Examples:
  strongroom work -p w.plan --index 7 -i worker.key --signer lab.key.card
  strongroom work -p s3://models/w.srm.plan --index "$JOB_COMPLETION_INDEX" \\
    -i worker.key --signer lab.key.card --json
  strongroom work -p ranks.plan --index 3 -i worker.key --signer ops.key.card \\
    -o /local/weights
  strongroom work -p w.plan --queue redis://queue.example:6379 --drain \
    -i worker.key --signer lab.key.card
`,
    )
    .option('--index <I>', 'which range, from 0', integer('--index', 0, 9799))
    .requiredOption('-i, --identity <FILE>', 'of a worker whom the plan names')
    .option('--drain', 'end when the queue has no range left')
    .option('-o, --output <DIR>', 'open onto this disk, where the plan names no output')
    .option('--source <DIR>', 'where the source of the plan is on this machine')
    .option('--archive <ARCHIVE>', 'where the archive of the plan is, seen from here')
    .option(
      '--part-memory <SIZE>',
      'what parts of an upload may take, by default 2GiB',
      size('--part-memory'),
    );
  jsonOption(
    queueOptions(
      runOptions(passphraseOptions(httpHeaderOption(trustOptions(planOption(command))))),
    ),
  ).action(run);
}

async function run(options: Options): Promise<void> {
  const queue = await queueOf(options);
  const { index, drain } = options;
  if ((index === undefined) === (queue === undefined)) {
    throw new StrongroomError('USAGE', 'name either a range or a queue', {
      hint: 'give --index I, or --queue redis://HOST:PORT',
    });
  }
  if (drain && queue === undefined) throw new StrongroomError('USAGE', '--drain is of a queue');
  const trust = await trustOf(options);
  const identity = await unlockIdentity(options.identity, options);
  const { output, source, archive, partMemory } = options;
  const how = { identity, trust, output, source, archive, partMemory };
  try {
    await (index === undefined
      ? workForQueue({ ...how, queue: queue as string, drain }, options)
      : workOnce(index, how, options));
  } finally {
    identity.wipe();
  }
}

async function workOnce(index: number, how: WorkOptions, options: Options): Promise<void> {
  const { workRange } = await import('../index.ts');
  const done = await operate('working', options, (run) =>
    workRange(options.plan, index, { ...run, ...how }),
  );
  tell(wordsOf(done), options);
  if (options.json) report(options, done, []);
}

/** Tells of each range as it is done: no bar, since there is no end in sight. */
async function workForQueue(how: QueueWorkOptions, options: Options): Promise<void> {
  const { workQueue } = await import('../index.ts');
  const found = await interruptible((signal) =>
    workQueue(options.plan, {
      ...how,
      signal,
      threads: options.threads,
      onRange: (done) => tell(wordsOf(done), options),
      onNotice: (message) => warn(message),
    }),
  );
  const { done, already, failed } = found;
  const rest = failed === 0 ? '' : `, ${plural(failed, 'attempt')} failed`;
  tell(`did ${plural(done, 'range')}, ${already} were done already${rest}`, options);
  if (options.json) report(options, found, []);
}

function wordsOf({ index, state, bytes: length, parts: count }: RangeReport): string {
  const parts = count === 0 ? '' : `, ${plural(count, 'part')}`;
  return `range ${index} ${state === 'already' ? 'was done already' : 'done'}: ${bytes(length)}${parts}`;
}
