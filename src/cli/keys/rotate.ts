import type { Command } from 'commander';
import { readCards } from '../access.ts';
import { who } from '../format.ts';
import { report, tell } from '../messages.ts';
import { jsonOption, moment } from '../options.ts';
import { findKey, openRegistry, type SignOptions, signing, signOptions } from './registry.ts';

interface Options extends SignOptions {
  readonly until?: string;
  readonly reason?: string;
  readonly json?: boolean;
}

export function addRotate(keys: Command): void {
  const command = keys
    .command('rotate')
    .summary('put a new card in the place of a key')
    .description(
      'Adds CARD as the successor of KEY, in its roles. KEY still opens what was sealed to it.',
    )
    .argument('<KEY>', 'a name, fingerprint, card, or the beginning of a key id')
    .argument('<CARD>', 'whose key takes over')
    .addHelpText(
      'before',
      `Examples:
  strongroom keys rotate Ada ada-2.key.card --sign admin.key
  strongroom keys rotate Ada ada-2.key.card --until 30d --sign admin.key
`,
    )
    .option('--until <TIME>', 'until when both are active', moment('--until'))
    .option('--reason <TEXT>', 'why, for the record');
  jsonOption(signOptions(command)).action(run);
}

async function run(text: string, path: string, options: Options): Promise<void> {
  const { until, reason } = options;
  const registry = await openRegistry(options, options.sign);
  const key = await findKey(registry, text);
  const [card] = await readCards([path]);
  if (card === undefined) return;
  const { rotateKey } = await import('../../index.ts');
  const files = await signing(options, registry, (signer) =>
    rotateKey(registry, key, card, { signer, until, reason }),
  );
  tell(`${who(card)}, takes over from ${key.card.name}`, {
    hint: 'grant the new key what the old one can open: see "strongroom keys affected"',
  });
  if (options.json) report(options, { key: key.id, successor: card.kem.id, files }, []);
}
