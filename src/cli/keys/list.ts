import type { Command } from 'commander';
import type { KeyState, RegisteredKey } from '../../index.ts';
import { report } from '../messages.ts';
import { jsonOption, oneOf } from '../options.ts';
import { openRegistry, type RegistrySource, registryOptions } from './registry.ts';

interface Options extends RegistrySource {
  readonly state?: KeyState;
  readonly json?: boolean;
}

/** Here, since help must not load the library. */
export const states: readonly KeyState[] = [
  'pre-activation',
  'active',
  'suspended',
  'deactivated',
  'compromised',
  'destroyed',
];

export function addList(keys: Command): void {
  const command = keys
    .command('list')
    .summary('list keys, their states and roles')
    .description('Verifies the registry and lists its keys.')
    .addHelpText(
      'before',
      `Examples:
  strongroom keys list --admin admin.key.card
  strongroom keys list --trust policy.json --state suspended --json
`,
    )
    .option('--state <STATE>', 'only keys in this state', oneOf('--state', states));
  jsonOption(registryOptions(command)).action(run);
}

async function run(options: Options): Promise<void> {
  const { id, name, entries } = await openRegistry(options);
  const { stateOf } = await import('../../index.ts');
  const keys = entries
    .map((key) => describe(key, stateOf(key)))
    .filter(({ state }) => options.state === undefined || state === options.state);
  const rows = keys.map((key) => [key.id.slice(0, 16), key.state, key.roles.join(', '), key.name]);
  const widths = [0, 1, 2].map((i) => Math.max(0, ...rows.map((row) => row[i]?.length ?? 0)));
  const lines = rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  '));
  report(options, { registry: { id, name }, keys }, lines);
}

/** A key in JSON; its state is that of now. */
export function describe({ id, card, life, roles }: RegisteredKey, state: KeyState) {
  const { name, suite, fingerprint } = card;
  const { expires, compromised, successor, time, number } = life.at(-1) ?? life[0];
  return {
    id,
    name,
    suite: suite.name,
    fingerprint,
    state,
    roles,
    since: time,
    events: number,
    ...(expires === undefined ? {} : { expires }),
    ...(compromised === undefined ? {} : { compromised }),
    ...(successor === undefined ? {} : { successor }),
  };
}
