import type { Command } from 'commander';
import { shownName } from '../engine/remote/location.ts';
import { assertThere, freshnessOf, trustOf, unlockIdentity } from './access.ts';
import { bytes, plural } from './format.ts';
import { lineage } from './lineage.ts';
import { encode, report, table } from './messages.ts';
import {
  type AccessOptions,
  freshnessOptions,
  jsonOption,
  keyringOption,
  passphraseOptions,
  runOptions,
  trustOptions,
} from './options.ts';
import { operate } from './progress.ts';

interface Options extends Omit<AccessOptions, 'identity'> {
  readonly identity?: string;
  readonly threads?: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function addVerify(program: Command): void {
  const command = program
    .command('verify')
    .summary('check author and integrity, without any key')
    .description(
      'Checks who sealed ARCHIVE and every byte of it. With an identity, also that its key fits.',
    )
    .argument('<ARCHIVE>', 'what to verify')
    .addHelpText(
      'before',
      `Examples:
  strongroom verify weights.srm --signer lab.key.card
  strongroom verify weights.srm --trust policy.json --json
  strongroom verify weights.srm --signer lab.key.card -i partner.key
`,
    )
    .option('-i, --identity <FILE>', 'check what only a key can see as well');
  jsonOption(
    runOptions(passphraseOptions(freshnessOptions(keyringOption(trustOptions(command))))),
  ).action(run);
}

async function run(archive: string, options: Options): Promise<void> {
  const trust = await trustOf(options);
  assertThere(archive);
  const { verify } = await import('../index.ts');
  const freshness = await freshnessOf(options);
  const identity =
    options.identity === undefined ? undefined : await unlockIdentity(options.identity, options);
  try {
    const found = await operate('verifying', options, (run) =>
      verify(archive, { ...run, ...freshness, trust, identity, keyring: options.keyring }),
    );
    const { author, keyring, claims, rekeyed } = found;
    const lines = table([
      ['verified', shownName(archive)],
      ['author', `${author.name} (${author.fingerprint})`],
      ['sealed at', found.sealedAt],
      ['suite', found.suite],
      ['content', found.contentRoot],
      ['payload', `${bytes(found.payloadBytes)}, ${plural(found.segments, 'segment')}`],
      [
        'key ring',
        `epoch ${keyring.epoch}, ${plural(keyring.recipients, 'recipient')}, ` +
          (keyring.quorums > 0 ? `${plural(keyring.quorums, 'quorum')}, ` : '') +
          `granted by ${keyring.grantedBy.name}`,
      ],
      ['claims', claims && encode(claims)],
      ...lineage(rekeyed),
      ['own key', keyring.unlocked ? 'fits' : undefined],
    ]);
    report(options, found, options.quiet ? [] : lines);
  } finally {
    identity?.wipe();
  }
}
