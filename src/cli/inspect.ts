import type { Command } from 'commander';
import { shortKeyId } from '../text.ts';
import { readCards } from './access.ts';
import { binaryBytes, bytes, plural, who } from './format.ts';
import { claimRows, lineage } from './lineage.ts';
import { report, table, warn } from './messages.ts';
import { archiveOptions, collect, jsonOption } from './options.ts';

interface Options {
  readonly keyring?: string;
  readonly card?: readonly string[];
  readonly json?: boolean;
}

export function addInspect(program: Command): void {
  const command = program
    .command('inspect')
    .summary('show what an archive says of itself')
    .description(
      'Shows what ARCHIVE says of itself. Nothing of it is verified but the signatures of given cards: see "verify".',
    )
    .argument('<ARCHIVE>', 'what to look at')
    .addHelpText(
      'before',
      `Examples:
  strongroom inspect weights.srm
  strongroom inspect s3://models/weights.srm
  strongroom inspect weights.srm --card lab.key.card --card partner.key.card
  strongroom inspect weights.srm --json | jq .keyring.recipients
`,
    )
    .option('--card <CARD>', 'verify its signature, and show it by its name; repeatable', collect);
  jsonOption(archiveOptions(command)).action(run);
}

async function run(archive: string, options: Options): Promise<void> {
  const { inspect } = await import('../index.ts');
  const cards = await readCards(options.card ?? []);
  const found = await inspect(archive, { keyring: options.keyring, cards });
  const { author, keyring, sizes } = found;
  const names = new Map(cards.map((card) => [card.kem.id, who(card)]));
  const signed = (keys: readonly string[], signature: typeof author.signature) =>
    signature.state === 'verified'
      ? `${who(signature)}: its signature verifies`
      : `${shortKeyId(keys[0])}, ${wordsFor[signature.state]}`;
  const recipients = keyring.recipients.map(({ key }) =>
    key === undefined ? 'hidden' : (names.get(key) ?? shortKeyId(key)),
  );
  // A ring can name any key as that of a recipient
  const claimed = keyring.signature.state === 'verified' ? '' : ', not verified';
  for (const { signature } of [author, keyring]) {
    if (signature.state === 'wrong') warn(`the signature of ${who(signature)} does not verify`);
  }
  const lines = table([
    ['archive', found.archive],
    ['suite', found.suite],
    ['author', `${author.name}, by its own word`],
    ['signed by', signed(author.keys, author.signature)],
    ['sealed at', found.sealedAt],
    ['content', found.contentRoot],
    [
      'payload',
      `${bytes(sizes.payload)}, ${plural(found.segments, 'segment')} of ${binaryBytes(sizes.segment)}`,
    ],
    ['key ring', `epoch ${keyring.epoch} of ${keyring.createdAt}`],
    ['granted by', signed(keyring.grantedBy, keyring.signature)],
    ['reason', keyring.reason],
    ...recipients.map((each, i) => [i === 0 ? 'recipients' : '', `${each}${claimed}`] as const),
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

const wordsFor = {
  unchecked: 'not verified: give its card with --card',
  wrong: 'but its signature does not verify',
} as const;
