import type { Command } from 'commander';
import type { Card } from '../../index.ts';
import { report, table } from '../messages.ts';
import { jsonOption } from '../options.ts';

export function addShow(card: Command): void {
  const command = card
    .command('show')
    .summary('show what is on a card')
    .description('Shows a card, or the card of an identity.')
    .argument('<FILE>', 'a card or an identity')
    .addHelpText(
      'before',
      `Examples:
  strongroom card show partner.key.card
  strongroom card show lab.key --json
`,
    );
  jsonOption(command).action(run);
}

async function run(path: string, options: { readonly json?: boolean }): Promise<void> {
  const { readCard } = await import('../../index.ts');
  const card = await readCard(path, { ofIdentity: true });
  report(options, describe(card), lines(card));
}

/** A card in JSON: what of it people and programs ask for. */
export function describe(card: Card) {
  const { name, suite, fingerprint, created, expires, imported, kem, signing } = card;
  return {
    name,
    suite: suite.name,
    fingerprint,
    created,
    ...(expires === undefined ? {} : { expires }),
    imported,
    keys: { kem: kem.id, signing: signing.map(({ id }) => id) },
  };
}

/** A card for people. */
export function lines({ name, suite, fingerprint, created, expires, imported, signing }: Card) {
  return table([
    ['fingerprint', fingerprint],
    ['name', name],
    ['suite', suite.name],
    ['created', created],
    ['expires', expires ?? 'never'],
    ['imported', imported ? 'yes, so that it proves nothing about itself' : undefined],
    ['signs', signing.length === 0 ? 'no, it is of a recipient only' : undefined],
  ]);
}
