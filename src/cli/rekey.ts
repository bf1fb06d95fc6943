import type { Command } from 'commander';
import { shownName } from '../engine/remote/location.ts';
import { StrongroomError } from '../errors.ts';
import type { KeyHolder, QuorumChange } from '../index.ts';
import { assertFree, assertThere, recipientsOf, withAccess } from './access.ts';
import {
  type CustodyOptions,
  custodyOptions,
  tellRecorded,
  withLedger,
} from './custody/options.ts';
import { bytes, plural } from './format.ts';
import { report, tell, warn } from './messages.ts';
import {
  type AccessOptions,
  accessOptions,
  collect,
  integer,
  jsonOption,
  resumeOption,
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
  readonly quorum?: readonly string[];
  readonly withoutQuorums?: boolean;
  readonly hideRecipients?: boolean;
  readonly reason?: string;
  readonly room?: number;
  readonly overwrite?: boolean;
  readonly resume?: boolean;
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
  strongroom rekey s3://models/w.srm -o s3://models/new.srm -r a.card \\
    -i lab.key --signer lab.key.card
  strongroom rekey weights.srm -o new.srm --quorum board.json -i lab.key \\
    --trust policy.json --request new.req --request-key new.req.key \\
    --approvals ada.approval cleo.approval dan.approval
`,
    )
    .requiredOption('-o, --output <FILE>', 'the archive to be, or s3://BUCKET/KEY')
    .option('-r, --recipient <CARD>', 'who can open it; repeatable', collect)
    .option('--recipients-file <FILE>', 'a card path on each line, relative to FILE')
    .option('--quorum <SPEC>', 'who can open it together; repeatable', collect)
    .option('--without-quorums', 'drop the quorums that the old archive has')
    .option('--hide-recipients', 'leave out whose keys open it')
    .option('--reason <TEXT>', 'recorded in the new key ring')
    .option('--room <N>', 'room for so many recipients', integer('--room', 1, 10_000))
    .option('--overwrite', 'replace an object in a store that has the name');
  resumeOption(command);
  const withOptions = custodyOptions(approvalOptions(accessOptions(command)));
  jsonOption(runOptions(withOptions)).action(run);
}

async function run(archive: string, options: Options): Promise<void> {
  const { output, reason, room, hideRecipients, overwrite, resume, custody } = options;
  const { quorum: specs = [], withoutQuorums = false } = options;
  if (withoutQuorums && specs.length > 0) {
    throw new StrongroomError('USAGE', '--quorum and --without-quorums do not go together', {
      hint: 'leave out one of them',
    });
  }
  assertThere(archive);
  if (!resume) assertFree(output, 'file');
  const recipients = await recipientsOf(options);
  if (recipients.length + specs.length === 0) {
    throw new StrongroomError('NO_RECIPIENTS', 'nobody could open it');
  }
  const { readQuorumSpec, rekey } = await import('../index.ts');
  // Unless they are named, or dropped in so many words, an archive with quorums is refused
  const quorums =
    withoutQuorums || specs.length > 0
      ? await Promise.all(specs.map((path) => readQuorumSpec(path)))
      : undefined;
  const done = await withAccess(options, false, (access) => {
    const onNotice = (message: string) => tell(message, options);
    const named = {
      output,
      overwrite,
      resume,
      recipients,
      quorums,
      hideRecipients,
      reason,
      room,
      custody,
    };
    const seal = (holder?: KeyHolder) =>
      withLedger(options, (ledger) =>
        operate('rekeying', options, (run) =>
          rekey(archive, { ...run, ...access, ...named, onNotice, holder, ledger }),
        ),
      );
    return byApprovals(options) ? withApprovals(archive, options, access.trust, seal) : seal();
  });
  const who = [
    ...(done.recipients > 0 ? [plural(done.recipients, 'recipient')] : []),
    ...(done.quorums > 0 ? [plural(done.quorums, 'quorum')] : []),
  ].join(' and ');
  if (done.quorumChange !== undefined) warnOf(done.quorumChange);
  tell(`sealed ${bytes(done.archiveBytes)} anew into ${output}, for ${who}`, options);
  tell(`verified all of it; content ${done.contentRoot}`, {
    ...options,
    hint: `${shownName(archive)} is as it was: remove it once everyone has the new one`,
  });
  tellRecorded(done.custody?.old, options);
  tellRecorded(done.custody?.new, options);
  if (options.json) report(options, done, []);
}

function warnOf({ before, now, gone, added }: QuorumChange): void {
  const people = [
    ...(gone.length > 0 ? [`without ${gone.join(', ')}`] : []),
    ...(added.length > 0 ? [`with ${added.join(', ')} now`] : []),
  ];
  warn([`the quorum was ${before}, and is ${now}`, ...people].join('; '));
}
