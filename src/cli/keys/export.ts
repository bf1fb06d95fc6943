import type { Command } from 'commander';
import { assertFree } from '../access.ts';
import { encode, print, tell } from '../messages.ts';
import { openRegistry, type RegistrySource, registryOptions } from './registry.ts';

interface Options extends RegistrySource {
  readonly output?: string;
}

export function addExport(keys: Command): void {
  const command = keys
    .command('export')
    .summary('a bill of materials of all keys (CycloneDX)')
    .description('Writes every public key with algorithm, state and dates as CycloneDX 1.6 JSON.')
    .addHelpText(
      'before',
      `Examples:
  strongroom keys export --admin admin.key.card > cbom.json
  strongroom keys export --trust policy.json -o cbom.json
`,
    )
    .option('-o, --output <FILE>', 'where to write it, instead of standard output');
  registryOptions(command).action(run);
}

async function run(options: Options): Promise<void> {
  const { output } = options;
  if (output !== undefined) assertFree(output, 'file');
  const registry = await openRegistry(options);
  const { cbomOf, writeNew } = await import('../../index.ts');
  const text = encode(cbomOf(registry));
  if (output === undefined) {
    print([text]);
    return;
  }
  writeNew([{ path: output, bytes: Buffer.from(`${text}\n`), mode: 0o644 }]);
  tell(`wrote ${output}`);
}
