import type { Command } from 'commander';
import type { Who } from '../index.ts';
import { shortKeyId } from '../text.ts';
import { assertThere, freshnessOf, readCards, trustOf, unlockIdentity } from './access.ts';
import { plural, who } from './format.ts';
import { report, table, warn } from './messages.ts';
import {
  type AccessOptions,
  archiveOptions,
  collect,
  freshnessOptions,
  jsonOption,
  passphraseOptions,
  trustOptions,
} from './options.ts';

interface Options extends Omit<AccessOptions, 'identity'> {
  readonly identity?: string;
  readonly card?: readonly string[];
  readonly json?: boolean;
}

export function addRecipients(program: Command): void {
  const command = program
    .command('recipients')
    .summary('list who can open an archive')
    .description('Lists who can open ARCHIVE, who let them, when and why.')
    .argument('<ARCHIVE>', 'what they can open')
    .addHelpText(
      'before',
      `Examples:
  strongroom recipients weights.srm --trust policy.json
  strongroom recipients weights.srm --signer lab.key.card --card bob.card
  strongroom recipients weights.srm --trust policy.json --json | jq .epoch
`,
    )
    .option('--card <CARD>', 'show this card by its name; repeatable', collect)
    .option('-i, --identity <FILE>', 'check with this key that the list is genuine');
  const options = freshnessOptions(archiveOptions(trustOptions(command)));
  jsonOption(passphraseOptions(options)).action(run);
}

async function run(archive: string, options: Options): Promise<void> {
  assertThere(archive);
  const cards = await readCards(options.card ?? []);
  const named = options.trust !== undefined || options.signer !== undefined;
  const trust = named ? await trustOf(options) : undefined;
  const { recipients } = await import('../index.ts');
  const freshness = await freshnessOf(options);
  const identity =
    options.identity === undefined ? undefined : await unlockIdentity(options.identity, options);
  try {
    const { keyring } = options;
    const found = await recipients(archive, { cards, trust, identity, keyring, ...freshness });
    if (!found.verified) {
      warn('nobody is trusted here, so this is what the archive says', 'name --trust or --signer');
    }
    const { grantedBy, hidden, quorums } = found;
    const granter = nameOf({ key: grantedBy.keys[0] ?? '', ...grantedBy });
    const all = [
      ...found.recipients.map(nameOf),
      ...(hidden > 0 ? [`${hidden} hidden`] : []),
      ...(quorums > 0 ? [plural(quorums, 'quorum')] : []),
    ];
    const lines = table([
      ['archive', found.archive],
      ['key ring', `epoch ${found.epoch} of ${found.createdAt}, by ${granter}`],
      ['reason', found.reason],
      ...all.map((each, i) => [i === 0 ? 'recipients' : '', each] as const),
    ]);
    report(options, found, lines);
  } finally {
    identity?.wipe();
  }
}

const nameOf = ({ key, name, fingerprint }: Who): string =>
  name === undefined || fingerprint === undefined ? shortKeyId(key) : who({ name, fingerprint });
