import type { Command } from 'commander';
import type { Trust } from '../../index.ts';
import { trustOf } from '../access.ts';
import { who } from '../format.ts';
import { report, table, warn } from '../messages.ts';
import { collect, jsonOption, type TrustOptions } from '../options.ts';

interface Options extends TrustOptions {
  readonly rehearsal?: boolean;
  readonly quorum?: string;
  readonly steps?: boolean;
  readonly json?: boolean;
}

export function addVerify(ceremony: Command): void {
  const command = ceremony
    .command('verify')
    .summary('verify the transcript of a ceremony')
    .description(
      'Verifies that TRANSCRIPT is consistent, signed by its administrator and every witness, and that you trust at least one of the witnesses.',
    )
    .argument('<TRANSCRIPT>', 'as the ceremony wrote it')
    .addHelpText(
      'before',
      `Examples:
  strongroom ceremony verify transcript.json --signer wim.key.card
  strongroom ceremony verify transcript.json --trust policy.json --steps
  strongroom ceremony verify vault/transcript.json --signer wim.key.card \\
    --quorum vault/quorum.json
`,
    )
    .option('--signer <CARD>', 'trust this witness; repeatable', collect)
    .option('--trust <POLICY>', 'trust whom a policy file names as witness')
    .option('--quorum <SPEC>', 'hold this quorum to be the one that was made')
    .option('--rehearsal', 'take that of a rehearsal too')
    .option('--steps', 'show every step');
  jsonOption(command).action(run);
}

async function run(path: string, options: Options): Promise<void> {
  const { readQuorumSpec, verifyTranscript } = await import('../../index.ts');
  const quorum = options.quorum === undefined ? undefined : await readQuorumSpec(options.quorum);
  const trust = asWitnesses(await trustOf(options), options);
  const found = await verifyTranscript(path, { trust, rehearsal: options.rehearsal, quorum });
  const lines = table([
    ['title', found.title],
    ['held', `${found.startedAt} to ${found.endedAt}`],
    ['suite', found.suite],
    ['plan', found.plan],
    ...found.groups.map(
      ({ name, threshold, custodians }) =>
        [
          `group ${name}`,
          `${threshold} of ${custodians.length}: ${custodians.join(', ')}`,
        ] as const,
    ),
    ...found.people.map(
      ({ name, role, fingerprint, trusted }) =>
        [role, `${who({ name, fingerprint })}${trusted ? ', trusted' : ''}`] as const,
    ),
    ['network', networkOf(found.routes)],
    ...found.deviations.map(({ text, time }) => ['deviation', `${time} ${text}`] as const),
    ...(options.steps ? found.steps : []).map(
      ({ text, time }) => ['step', `${time} ${text}`] as const,
    ),
  ]);
  if (options.rehearsal) warn(`${path}: keys of a rehearsal are no keys to seal for`);
  const held = quorum === undefined ? [] : [`${options.quorum} is the quorum that was made`];
  report(options, found, [...lines, 'the transcript is signed by all who have to', ...held]);
}

/** Cards that are named one by one are named for this. */
const asWitnesses = (trust: Trust, { signer }: TrustOptions): Trust =>
  signer === undefined
    ? trust
    : { ...trust, entries: trust.entries.map(({ card }) => ({ card, roles: ['witness'] })) };

function networkOf(routes: readonly string[] | undefined): string {
  if (routes === undefined) return 'not known';
  return routes.length === 0 ? 'none' : `online by ${routes.join(', ')}`;
}
