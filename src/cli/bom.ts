import type { Command } from 'commander';
import { assertFree, assertThere, trustOf } from './access.ts';
import { encode, print, tell } from './messages.ts';
import { httpHeaderOption, type TrustOptions, trustOptions } from './options.ts';

interface Options extends TrustOptions {
  readonly output?: string;
}

export function addBom(program: Command): void {
  const command = program
    .command('bom')
    .summary('a bill of materials of a sealed model (CycloneDX)')
    .description(
      'Writes what the seal of ARCHIVE says of its model as a CycloneDX 1.6 ML-BOM: licence, model card, data sets, parents. The seal is verified; for every byte, see "verify".',
    )
    .argument('<ARCHIVE>', 'whose model')
    .addHelpText(
      'before',
      `Examples:
  strongroom bom weights.srm --signer lab.key.card > weights.cdx.json
  strongroom bom weights.srm --trust policy.json -o weights.cdx.json
`,
    )
    .option('-o, --output <FILE>', 'where to write it, instead of standard output');
  httpHeaderOption(trustOptions(command)).action(run);
}

async function run(archive: string, options: Options): Promise<void> {
  const { output } = options;
  const trust = await trustOf(options);
  assertThere(archive);
  if (output !== undefined) assertFree(output, 'file');
  const { mlbom, writeNew } = await import('../index.ts');
  const text = encode(await mlbom(archive, trust));
  if (output === undefined) {
    print([text]);
    return;
  }
  writeNew([{ path: output, bytes: Buffer.from(`${text}\n`), mode: 0o644 }]);
  tell(`wrote ${output}`);
}
