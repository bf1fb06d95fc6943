import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { asStrongroomError, StrongroomError } from '../../errors.ts';
import type { Card, KeyTrace, RingTrace } from '../../index.ts';
import { plural } from '../format.ts';
import { report, warn } from '../messages.ts';
import { jsonOption } from '../options.ts';
import { findKey, openRegistry, type RegistrySource, registryOptions } from './registry.ts';

interface Options extends RegistrySource {
  readonly json?: boolean;
}

export function addAffected(keys: Command): void {
  const command = keys
    .command('affected')
    .summary('what a key can open, and what it signed')
    .description(
      'Looks for KEY in archives and detached key rings. What was copied or changed elsewhere it cannot know.',
    )
    .argument('<KEY>', 'a card, a whole key id, or a key of the registry')
    .argument('<ARCHIVE...>', 'archives and detached key rings')
    .addHelpText(
      'before',
      `Examples:
  strongroom keys affected ada.key.card models/*.srm
  strongroom keys affected Ada models/*.srm rings/* --admin admin.key.card
`,
    );
  jsonOption(registryOptions(command)).action(run);
}

async function run(text: string, paths: readonly string[], options: Options): Promise<void> {
  const ids = await idsOf(text, options);
  const { traceKey } = await import('../../index.ts');
  const traces: KeyTrace[] = [];
  const failures: StrongroomError[] = [];
  for (const path of paths) {
    try {
      traces.push(await traceKey(path, ids));
    } catch (error) {
      failures.push(asStrongroomError(error, path));
    }
  }
  report(options, { ids, files: traces }, traces.map(line));
  const [first] = failures;
  if (first === undefined) return;
  for (const { message } of failures) warn(message);
  const count = `${plural(failures.length, 'file')} of ${paths.length}`;
  throw new StrongroomError(first.code, `${count} could not be looked at`, {
    hint: 'the key may be in them as well',
  });
}

/** Every key id of a card, or the one that is given. */
async function idsOf(text: string, options: Options): Promise<readonly string[]> {
  const named = options.trust ?? options.admin ?? options.registry;
  if (named !== undefined) return idsOn((await findKey(await openRegistry(options), text)).card);
  if (/^[0-9a-f]{64}$/.test(text)) return [text];
  if (!existsSync(text)) {
    throw new StrongroomError('USAGE', `${text}: neither a card nor a key id`, {
      hint: 'for a name, give its registry with --admin CARD or --trust POLICY',
    });
  }
  const { readCard } = await import('../../index.ts');
  return idsOn(await readCard(text));
}

const idsOn = ({ kem, signing }: Card): string[] => [kem.id, ...signing.map(({ id }) => id)];

const opens: Readonly<Record<RingTrace['opens'], (ring: RingTrace) => string>> = {
  yes: () => 'opens it',
  share: () => 'holds a share of it',
  unknown: (ring) => `cannot be told, ${plural(ring.hiddenRecipients, 'hidden recipient')}`,
  no: () => 'does not open it',
};

function line({ file, sealed, rings }: KeyTrace): string {
  const found = rings.map((ring) => {
    const old = ring.inForce ? '' : ', in a ring that no longer counts';
    const granted = ring.granted ? ', granted access' : '';
    return `${opens[ring.opens](ring)} (epoch ${ring.epoch}${old})${granted}`;
  });
  if (sealed?.byKey) found.push(`sealed it at ${sealed.at}`);
  return `${file}: ${found.join('; ')}`;
}
