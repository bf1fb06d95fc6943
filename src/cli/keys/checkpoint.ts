import type { Command } from 'commander';
import { assertFree } from '../access.ts';
import { report, tell } from '../messages.ts';
import { jsonOption } from '../options.ts';
import { openRegistry, type RegistrySource, registryOptions } from './registry.ts';

interface Options extends RegistrySource {
  readonly output: string;
  readonly json?: boolean;
}

export function addCheckpoint(keys: Command): void {
  const command = keys
    .command('checkpoint')
    .summary('remember the registry as it is now')
    .description(
      'Writes FILE, with which a registry that lost an event since is refused. Keep it elsewhere.',
    )
    .addHelpText(
      'before',
      `Examples:
  strongroom keys checkpoint --admin admin.key.card -o today.checkpoint
  strongroom keys list --admin admin.key.card --checkpoint today.checkpoint
`,
    )
    .requiredOption('-o, --output <FILE>', 'where to write it; never overwrites');
  jsonOption(registryOptions(command)).action(run);
}

async function run(options: Options): Promise<void> {
  const { output } = options;
  assertFree(output, 'file');
  const registry = await openRegistry(options);
  const { encodeCheckpoint, writeNew } = await import('../../index.ts');
  writeNew([{ path: output, bytes: encodeCheckpoint(registry), mode: 0o644 }]);
  tell(`wrote ${output}, of ${registry.entries.length} keys`);
  if (options.json) report(options, { checkpoint: output, keys: registry.entries.length }, []);
}
