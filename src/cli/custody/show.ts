import type { Command } from 'commander';
import { assertThere, readCards, trustOf } from '../access.ts';
import { report, tell } from '../messages.ts';
import { collect, jsonOption, type TrustOptions } from '../options.ts';
import { timeline } from './words.ts';

interface Options extends TrustOptions {
  readonly card?: readonly string[];
  readonly json?: boolean;
}

export function addShow(custody: Command): void {
  const command = custody
    .command('show')
    .summary('tell what happened, in words')
    .description('Tells what a custody file says. Nothing is verified: see "custody verify".')
    .argument('<FILE>', 'a custody file, or the archive that one is beside')
    .addHelpText(
      'before',
      `Examples:
  strongroom custody show weights.srm --trust policy.json
  strongroom custody show weights.srm --signer lab.key.card
  strongroom custody show w.srm.custody.jsonl --card partner.key.card --json
`,
    )
    .option('--signer <CARD>', 'take a name from this card of an author; repeatable', collect)
    .option('--trust <POLICY>', 'take names from the cards of this policy')
    .option('--card <CARD>', 'take a name from this card; repeatable', collect);
  jsonOption(command).action(run);
}

async function run(path: string, options: Options): Promise<void> {
  assertThere(path);
  const { showCustody } = await import('../../index.ts');
  const cards = await readCards(options.card ?? []);
  if (options.trust !== undefined || options.signer !== undefined) {
    cards.push(...(await trustOf(options)).entries.map(({ card }) => card));
  }
  const shown = showCustody(path, cards);
  report(options, shown, timeline(shown.story));
  tell('nothing of this is verified: see "strongroom custody verify"');
}
