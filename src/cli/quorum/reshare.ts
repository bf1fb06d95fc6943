import type { Command } from 'commander';
import { StrongroomError } from '../../errors.ts';
import type { KeyHolder } from '../../index.ts';
import { assertFree, assertThere, freshnessOf, trustOf, unlockIdentity } from '../access.ts';
import {
  type CustodyOptions,
  custodyOptions,
  tellRecorded,
  withLedger,
} from '../custody/options.ts';
import { plural } from '../format.ts';
import { report, tell, warn } from '../messages.ts';
import { type AccessOptions, accessOptions, collect, jsonOption } from '../options.ts';
import { type ApprovalOptions, approvalOptions, byApprovals, withApprovals } from './access.ts';

interface Options extends AccessOptions, ApprovalOptions, CustodyOptions {
  readonly quorum?: readonly string[];
  readonly none?: boolean;
  readonly reason?: string;
  readonly output?: string;
  readonly json?: boolean;
}

export function addReshare(quorum: Command): void {
  const command = quorum
    .command('reshare')
    .summary('replace custodians and thresholds')
    .description(
      'Splits the key of ARCHIVE anew, in place of all its quorums. The payload is not touched.',
    )
    .argument('<ARCHIVE>', 'whose quorums to replace')
    .addHelpText(
      'before',
      `Examples:
  strongroom quorum reshare w.srm --quorum board.json -i lab.key \\
    --trust policy.json --reason "new board"
  strongroom quorum reshare w.srm --quorum board.json -i lab.key \\
    --trust policy.json --request change.req --request-key change.req.key \\
    --approvals ada.approval cleo.approval dan.approval
`,
    )
    .option('--quorum <SPEC>', 'groups, thresholds and cards; repeatable', collect)
    .option('--none', 'have no quorum any more')
    .option('--reason <TEXT>', 'recorded in the key ring')
    .option('-o, --output <FILE>', 'write a detached key ring, and leave the archive alone');
  jsonOption(custodyOptions(approvalOptions(accessOptions(command)))).action(run);
}

async function run(archive: string, options: Options): Promise<void> {
  const { quorum: specs = [], none = false, output, reason, keyring } = options;
  if (none === specs.length > 0) {
    throw new StrongroomError('USAGE', 'name the quorums that there are to be, or none', {
      hint: 'give --quorum SPEC or --none',
    });
  }
  const trust = await trustOf(options);
  assertThere(archive);
  if (output !== undefined) assertFree(output, 'file');
  const { readQuorumSpec, reshareQuorum } = await import('../../index.ts');
  const quorums = await Promise.all(specs.map((path) => readQuorumSpec(path)));
  const freshness = await freshnessOf(options);
  const identity = await unlockIdentity(options.identity, options);
  try {
    const reshare = (holder: KeyHolder) =>
      withLedger(options, (ledger) =>
        reshareQuorum(archive, {
          identity,
          holder,
          trust,
          quorums,
          reason,
          keyring,
          output,
          ...freshness,
          custody: options.custody,
          ledger,
          onWarning: warn,
        }),
      );
    const done = byApprovals(options)
      ? await withApprovals(archive, options, trust, reshare)
      : await reshare(identity);
    tell(
      `wrote epoch ${done.epoch} into ${done.output}: ${plural(done.quorums, 'quorum')}, ` +
        plural(done.shares, 'share'),
      { hint: 'old shares still open old copies of the key ring: "strongroom rekey" ends that' },
    );
    tellRecorded(done.custody, {});
    if (options.json) report(options, done, []);
  } finally {
    identity.wipe();
  }
}
