import type { Command } from 'commander';
import { StrongroomError } from '../errors.ts';
import type { KeyHolder } from '../index.ts';
import { assertFree, assertThere, recipientsOf, withAccess } from './access.ts';
import {
  type CustodyOptions,
  custodyOptions,
  tellRecorded,
  withLedger,
} from './custody/options.ts';
import { bytes, plural } from './format.ts';
import { report, tell } from './messages.ts';
import {
  type AccessOptions,
  accessOptions,
  collect,
  integer,
  jsonOption,
  runOptions,
} from './options.ts';
import { operate } from './progress.ts';
import {
  type ApprovalOptions,
  approvalOptions,
  byApprovals,
  withApprovals,
} from './quorum/access.ts';

interface Options extends AccessOptions, ApprovalOptions, CustodyOptions {
  readonly output: string;
  readonly recipient?: readonly string[];
  readonly recipientsFile?: string;
  readonly hideRecipients?: boolean;
  readonly reason?: string;
  readonly room?: number;
  readonly threads?: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function addRekey(program: Command): void {
  const command = program
    .command('rekey')
    .summary('seal the content anew, under a new key')
    .description(
      'Makes a new archive of what ARCHIVE holds, under a new key, and verifies it. Whoever opens it must trust the identity as an author.',
    )
    .argument('<ARCHIVE>', 'what to seal anew; it stays as it is')
    .addHelpText(
      'before',
      `Examples:
  strongroom rekey weights.srm -o new.srm -r a.card -r b.card \\
    -i me.key --trust policy.json --reason "Bob left"
  strongroom rekey weights.srm -o new.srm --recipients-file team.txt \\
    --room 1000 -i lab.key --signer lab.key.card
`,
    )
    .requiredOption('-o, --output <FILE>', 'the archive to be')
    .option('-r, --recipient <CARD>', 'who can open it; repeatable', collect)
    .option('--recipients-file <FILE>', 'a card path on each line, relative to FILE')
    .option('--hide-recipients', 'leave out whose keys open it')
    .option('--reason <TEXT>', 'recorded in the new key ring')
    .option('--room <N>', 'room for so many recipients', integer('--room', 1, 10_000));
  const withOptions = custodyOptions(approvalOptions(accessOptions(command)));
  jsonOption(runOptions(withOptions)).action(run);
}

async function run(archive: string, options: Options): Promise<void> {
  const { output, reason, room, hideRecipients, custody } = options;
  assertThere(archive);
  assertFree(output, 'file');
  const recipients = await recipientsOf(options);
  if (recipients.length === 0) throw new StrongroomError('NO_RECIPIENTS', 'nobody could open it');
  const { rekey } = await import('../index.ts');
  const done = await withAccess(options, false, (access) => {
    const named = { output, recipients, hideRecipients, reason, room, custody };
    const seal = (holder?: KeyHolder) =>
      withLedger(options, (ledger) =>
        operate('rekeying', options, (run) =>
          rekey(archive, { ...run, ...access, ...named, holder, ledger }),
        ),
      );
    return byApprovals(options) ? withApprovals(archive, options, access.trust, seal) : seal();
  });
  const who = plural(done.recipients, 'recipient');
  tell(`sealed ${bytes(done.archiveBytes)} anew into ${output}, for ${who}`, options);
  tell(`verified all of it; content ${done.contentRoot}`, {
    ...options,
    hint: `${archive} is as it was: remove it once everyone has the new one`,
  });
  tellRecorded(done.custody?.old, options);
  tellRecorded(done.custody?.new, options);
  if (options.json) report(options, done, []);
}
