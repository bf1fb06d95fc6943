import type { Command } from 'commander';
import type { RegisteredEvent } from '../../index.ts';
import { lines as cardLines } from '../card/show.ts';
import { who } from '../format.ts';
import { report, table } from '../messages.ts';
import { jsonOption } from '../options.ts';
import { describe } from './list.ts';
import { findKey, openRegistry, type RegistrySource, registryOptions } from './registry.ts';

interface Options extends RegistrySource {
  readonly json?: boolean;
}

export function addShow(keys: Command): void {
  const command = keys
    .command('show')
    .summary('show a key and its history')
    .description('Shows the card of KEY and every event of its history.')
    .argument('<KEY>', 'a name, fingerprint, card, or the beginning of a key id')
    .addHelpText(
      'before',
      `Examples:
  strongroom keys show "Vault Lab" --admin admin.key.card
  strongroom keys show 3f9a0c11 --trust policy.json --json
`,
    );
  jsonOption(registryOptions(command)).action(run);
}

async function run(text: string, options: Options): Promise<void> {
  const registry = await openRegistry(options);
  const key = await findKey(registry, text);
  const { stateOf, successorOf } = await import('../../index.ts');
  const state = stateOf(key);
  const successor = successorOf(registry, key.life);
  const history = key.life.map(({ card: _, key: __, previous: ___, ...event }) => event);
  const lines = [
    ...cardLines(key.card),
    ...table([
      ['state', state],
      ['roles', key.roles.join(', ') || 'none'],
      ['key id', key.id],
      ['successor', successor && who(successor)],
    ]),
    ...key.life.map(eventLine),
  ];
  report(options, { ...describe(key, state), history }, lines);
}

function eventLine(event: RegisteredEvent): string {
  const { time, state, activates, expires, compromised, reason, by } = event;
  const dates = [
    activates && ` from ${activates}`,
    expires && ` until ${expires}`,
    compromised && ` since ${compromised}`,
  ];
  const why = reason === undefined ? '' : `: ${reason}`;
  return `${time}  ${state}${dates.filter(Boolean).join('')}, by ${by}${why}`;
}
