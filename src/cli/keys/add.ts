import type { Command } from 'commander';
import type { Card, Change, Role } from '../../index.ts';
import { readCards } from '../access.ts';
import { who } from '../format.ts';
import { report, tell } from '../messages.ts';
import { collect, expiry, jsonOption, moment, oneOf } from '../options.ts';
import { openRegistry, type SignOptions, signing, signOptions } from './registry.ts';

interface Options extends SignOptions {
  readonly role?: readonly string[];
  readonly state?: 'pre-activation' | 'active';
  readonly activates?: string;
  readonly expires?: string;
  readonly reason?: string;
  readonly json?: boolean;
}

export function addAdd(keys: Command): void {
  const command = keys
    .command('add')
    .summary('add cards, active or to be activated later')
    .description(
      'Adds each CARD to the registry: active since it was made, unless options say otherwise.',
    )
    .argument('<CARD...>', 'whose keys')
    .addHelpText(
      'before',
      `Examples:
  strongroom keys add partner.key.card --sign admin.key
  strongroom keys add lab.key.card --role author --expires 2y --sign admin.key
  strongroom keys add new.key.card --state pre-activation --sign admin.key
`,
    )
    .option('--role <ROLE>', 'author, custodian or witness; repeatable', collectRoles)
    .option(
      '--state <STATE>',
      'active (default) or pre-activation',
      oneOf('--state', ['active', 'pre-activation']),
    )
    .option('--activates <TIME>', 'active from then on', moment('--activates'))
    .option('--expires <TIME>', 'active before then, such as 2027-01-01 or 2y', expiry)
    .option('--reason <TEXT>', 'why, for the record');
  jsonOption(signOptions(command)).action(run);
}

const role = oneOf<Role>('--role', ['author', 'custodian', 'witness']);

/** For `--role`, which may be given more than once. */
export const collectRoles = (value: string, before?: readonly string[]): string[] =>
  collect(role(value), before);

async function run(paths: readonly string[], options: Options): Promise<void> {
  const cards = await readCards(paths);
  const { addKeys } = await import('../../index.ts');
  const registry = await openRegistry(options, options.sign);
  const additions = cards.map((card) => ({ card, change: firstOf(card, options) }));
  const files = await signing(options, registry, (signer) =>
    addKeys(registry, additions, { signer }),
  );
  for (const card of cards) tell(`added ${who(card)}`);
  const ids = cards.map(({ kem }) => kem.id);
  if (options.json) report(options, { registry: registry.directory, keys: ids, files }, []);
}

function firstOf(card: Card, options: Options): Change {
  const { state = 'active', expires, reason } = options;
  const roles = (options.role ?? []) as Role[];
  const activates = options.activates ?? (state === 'active' ? card.created : undefined);
  return { state, roles, activates, expires, reason };
}
