import type { Command } from 'commander';
import { readCards } from './access.ts';
import { binaryBytes, bytes, plural } from './format.ts';
import { claimRows, lineage } from './lineage.ts';
import { report, table } from './messages.ts';
import { collect, jsonOption, keyringOption } from './options.ts';

interface Options {
  readonly keyring?: string;
  readonly card?: readonly string[];
  readonly json?: boolean;
}

export function addInspect(program: Command): void {
  const command = program
    .command('inspect')
    .summary('show what an archive says of itself')
    .description('Shows the public parts of ARCHIVE. Nothing of it is verified: see "verify".')
    .argument('<ARCHIVE>', 'what to look at')
    .addHelpText(
      'before',
      `Examples:
  strongroom inspect weights.srm
  strongroom inspect weights.srm --card lab.key.card --card partner.key.card
  strongroom inspect weights.srm --json | jq .keyring.recipients
`,
    )
    .option('--card <CARD>', 'show this card by its name; repeatable', collect);
  jsonOption(keyringOption(command)).action(run);
}

async function run(archive: string, options: Options): Promise<void> {
  const { inspect } = await import('../index.ts');
  const names = await namesOf(options.card ?? []);
  const found = await inspect(archive, { keyring: options.keyring });
  const { author, keyring, sizes } = found;
  const named = (ids: readonly string[]) => names.get(ids.join()) ?? short(ids[0]);
  const recipients = keyring.recipients.map(({ key }) =>
    key === undefined ? 'hidden' : named([key]),
  );
  const lines = table([
    ['archive', found.archive],
    ['suite', found.suite],
    ['author', `${author.name}, by its own word`],
    ['signed by', named(author.keys)],
    ['sealed at', found.sealedAt],
    ['content', found.contentRoot],
    [
      'payload',
      `${bytes(sizes.payload)}, ${plural(found.segments, 'segment')} of ${binaryBytes(sizes.segment)}`,
    ],
    ['key ring', `epoch ${keyring.epoch} of ${keyring.createdAt}`],
    ['granted by', named(keyring.grantedBy)],
    ['reason', keyring.reason],
    ...recipients.map((who, i) => [i === 0 ? 'recipients' : '', who] as const),
    ...(keyring.quorums ?? []).flatMap(({ split, groups }) =>
      groups.map(
        ({ name, threshold, custodians }, i) =>
          [
            i === 0 ? `quorum ${split.slice(0, 8)}` : '',
            `${threshold} of ${custodians.length} of ${name}: ` +
              custodians.map((each) => names.get(each.key) ?? each.name).join(', '),
          ] as const,
      ),
    ),
    ...(await claimRows(found.claims)),
    ...lineage(found.rekeyed),
    ['file', `${bytes(sizes.archive)}, of it ${binaryBytes(2 * sizes.keyringSlot)} for key rings`],
  ]);
  report(options, found, lines);
}

/** Names of cards by the id of the KEM key, and by the ids of the signing keys. */
async function namesOf(paths: readonly string[]): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  for (const { name, kem, signing, fingerprint } of await readCards(paths)) {
    const shown = `${name}, ${fingerprint}`;
    names.set(kem.id, shown);
    if (signing.length > 0) names.set(signing.map(({ id }) => id).join(), shown);
  }
  return names;
}

const short = (id = ''): string => `key ${id.slice(0, 16)}…`;
