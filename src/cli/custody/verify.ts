import type { Command } from 'commander';
import { StrongroomError } from '../../errors.ts';
import { assertThere, readCards, trustOf, unlockIdentity } from '../access.ts';
import { plural, proved } from '../format.ts';
import { readLedgerPolicy, signatureLines } from '../ledger/shared.ts';
import { report } from '../messages.ts';
import {
  archiveOptions,
  collect,
  jsonOption,
  passphraseOptions,
  type TrustOptions,
  trustOptions,
} from '../options.ts';
import type { PassphraseOptions } from '../passphrase.ts';
import { timeline } from './words.ts';

interface Options extends TrustOptions, PassphraseOptions {
  readonly card?: readonly string[];
  readonly custody?: string;
  readonly keyring?: string;
  readonly identity?: string;
  readonly evidence?: readonly string[];
  readonly ledger?: string;
  readonly ledgerPolicy?: string;
  readonly requirePq?: boolean;
  readonly since?: string;
  readonly acceptGaps?: boolean;
  readonly json?: boolean;
}

export function addVerify(custody: Command): void {
  const command = custody
    .command('verify')
    .summary('check signatures, roles, order and completeness')
    .description(
      'Checks the custody file of ARCHIVE against it: whose words, whether they may say so, and that no change of access is missing.',
    )
    .argument('<ARCHIVE>', 'an archive, or a custody file alone')
    .addHelpText(
      'before',
      `Examples:
  strongroom custody verify weights.srm --trust policy.json
  strongroom custody verify weights.srm --trust p.json --card partner.card \\
    --ledger log --ledger-policy log.policy
  strongroom custody verify w.srm --trust policy.json --since lab.custody.jsonl
  strongroom custody verify w.srm --trust policy.json \\
    --evidence eval.req ada.approval cleo.approval
`,
    )
    .option('--card <CARD>', 'of someone who may tell that they opened it; repeatable', collect)
    .option('--custody <FILE>', 'a custody file that is not beside the archive')
    .option('-i, --identity <FILE>', 'check what is told of contents, which takes a key')
    .option('--evidence <FILE...>', 'requests and approvals, for what a quorum released')
    .option('--since <FILE>', 'an older copy, which the file must go on from')
    .option('--accept-gaps', 'accept that changes of access are not known')
    .option('--ledger <DIR>', 'a log, which must have every line and no other')
    .option('--ledger-policy <FILE>', 'the logs and witnesses to trust (tlog-policy)')
    .option('--require-pq', 'count no signature that a quantum computer could forge');
  jsonOption(passphraseOptions(archiveOptions(trustOptions(command)))).action(run);
}

async function run(path: string, options: Options): Promise<void> {
  const { custody, keyring, evidence, since, acceptGaps } = options;
  const trust = await trustOf(options);
  assertThere(path);
  const known = await readCards(options.card ?? []);
  const ledger = await logOf(options);
  const { verifyCustody } = await import('../../index.ts');
  const identity =
    options.identity === undefined ? undefined : await unlockIdentity(options.identity, options);
  try {
    const asked = { trust, known, custody, keyring, identity, evidence, ledger, since, acceptGaps };
    const found = await verifyCustody(path, asked);
    report(options, found, [
      ...timeline(found.story),
      '',
      ...found.proofs.map((proof) => `proved: ${proved(proof)}`),
      ...heldLines(found.held),
    ]);
  } finally {
    identity?.wipe();
  }
}

async function logOf({ ledger: directory, ledgerPolicy, requirePq }: Options) {
  if (directory === undefined && ledgerPolicy === undefined) return undefined;
  if (directory === undefined || ledgerPolicy === undefined) {
    throw new StrongroomError('USAGE', 'a log is verified by a policy', {
      hint: 'give --ledger DIR and --ledger-policy FILE',
    });
  }
  const policy = await readLedgerPolicy({ policy: ledgerPolicy });
  return { directory, policy, quantumSafeOnly: requirePq };
}

type Held = Awaited<ReturnType<typeof import('../../index.ts').verifyCustody>>['held'];

/** What was checked, and what is not known for want of something to hold it against. */
function heldLines({ archive, contents, releases, since, ledger, gaps }: Held): string[] {
  const lines = ['verified: every signature, role, and the order of all lines'];
  if (archive) lines.push('verified: the seal, and the key ring that is in force');
  else lines.push('not known: whether access changed since, for want of the archive');
  for (const { from, to } of gaps) {
    lines.push(`not known: who had access from epoch ${from} to ${to}, nor who opened it then`);
  }
  if (contents > 0) lines.push(`verified: ${plural(contents, 'statement')} about contents`);
  if (releases > 0) lines.push(`verified: the approvals of ${plural(releases, 'release')}`);
  if (since) lines.push('verified: it goes on from the older copy');
  if (ledger === undefined) {
    lines.push('not known: whether lines after the last were cut off, for want of a log');
    return lines;
  }
  lines.push(`verified: the log ${ledger.origin} has these lines and none after them`);
  return [...lines, ...signatureLines(ledger.signatures)];
}
