import type { Command } from 'commander';
import { StrongroomError } from '../../errors.ts';
import type { Change, KeyState, RegisteredKey, Role } from '../../index.ts';
import { report, tell } from '../messages.ts';
import { expiry, jsonOption, moment, oneOf } from '../options.ts';
import { collectRoles } from './add.ts';
import { states } from './list.ts';
import { findKey, openRegistry, type SignOptions, signing, signOptions } from './registry.ts';

interface Options extends SignOptions {
  readonly reason: string;
  readonly since?: string;
  readonly role?: readonly string[];
  readonly activates?: string;
  readonly expires?: string;
  readonly successor?: string;
  readonly json?: boolean;
}

export function addState(keys: Command): void {
  const command = keys
    .command('state')
    .summary('change the state of a key, for a reason')
    .description(
      'Records that KEY is in STATE: pre-activation, active, suspended, deactivated, compromised or destroyed.',
    )
    .argument('<KEY>', 'a name, fingerprint, card, or the beginning of a key id')
    .argument('<STATE>', 'what it is from now on', oneOf('state', states))
    .addHelpText(
      'before',
      `Examples:
  strongroom keys state Ada suspended --reason "laptop missing" --sign admin.key
  strongroom keys state Ada active --reason "laptop found" --sign admin.key
  strongroom keys state Ada compromised --since 2026-11-02 --reason "laptop \\
    stolen" --sign admin.key
`,
    )
    .requiredOption('--reason <TEXT>', 'why, for the record')
    .option('--since <TIME>', 'when others may have had it first', moment('--since'))
    .option('--role <ROLE>', 'its roles from now on; repeatable', collectRoles)
    .option('--activates <TIME>', 'active from then on', moment('--activates'))
    .option('--expires <TIME>', 'active before then', expiry)
    .option('--successor <KEY>', 'the key of the registry that takes over');
  jsonOption(signOptions(command)).action(run);
}

async function run(text: string, state: KeyState, options: Options): Promise<void> {
  assertSince(state, options.since);
  const registry = await openRegistry(options, options.sign);
  const key = await findKey(registry, text);
  const { successor: next } = options;
  const successor = next === undefined ? undefined : (await findKey(registry, next)).id;
  const { changeKey } = await import('../../index.ts');
  const change = changeOf(key, state, successor, options);
  const files = await signing(options, registry, (signer) =>
    changeKey(registry, key, change, { signer }),
  );
  const hint = 'strongroom keys affected KEY ARCHIVE... tells what it can open, and what it signed';
  tell(`${key.card.name} is ${state} now`, state === 'compromised' ? { hint } : {});
  if (options.json) report(options, { key: key.id, state, files }, []);
}

function assertSince(state: KeyState, since: string | undefined): void {
  if (state === 'compromised' && since === undefined) {
    throw new StrongroomError('USAGE', 'since when is it compromised?', {
      hint: 'give --since TIME; if nobody knows, the time when its card was made',
    });
  }
  if (since === undefined || state === 'compromised' || state === 'destroyed') return;
  throw new StrongroomError('USAGE', '--since goes with compromised and destroyed only');
}

/** What the options do not name stays as it is. */
function changeOf(
  { life, roles }: RegisteredKey,
  state: KeyState,
  successor: string | undefined,
  options: Options,
): Change {
  const last = life.at(-1) ?? life[0];
  const dates =
    state === 'active'
      ? {
          activates: options.activates ?? (last.state === 'active' ? last.activates : undefined),
          expires: options.expires ?? life.findLast((event) => event.state === 'active')?.expires,
        }
      : { activates: options.activates, expires: options.expires };
  return {
    state,
    roles: (options.role as Role[] | undefined) ?? roles,
    ...dates,
    compromised: options.since ?? last.compromised,
    successor: successor ?? last.successor,
    reason: options.reason,
  };
}
