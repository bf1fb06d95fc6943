import type { Command } from 'commander';
import { assertThere } from '../access.ts';
import { plural } from '../format.ts';
import { report, warn } from '../messages.ts';
import { jsonOption } from '../options.ts';

interface Options {
  readonly json?: boolean;
}

export function addRepair(custody: Command): void {
  const command = custody
    .command('repair')
    .summary('cut off what a crash left of a line')
    .description(
      'Cuts off what comes after the last whole line of FILE, or ends that line if only its end is missing.',
    )
    .argument('<FILE>', 'a custody file')
    .addHelpText(
      'before',
      `Examples:
  strongroom custody repair weights.srm.custody.jsonl
`,
    );
  jsonOption(command).action(run);
}

async function run(file: string, options: Options): Promise<void> {
  assertThere(file);
  const { repairCustody } = await import('../../index.ts');
  const { statements, cut, completed } = await repairCustody(file, { onWarning: warn });
  const what = completed
    ? 'ended its last line'
    : cut > 0
      ? `cut off ${plural(cut, 'byte')}`
      : 'nothing to repair';
  report(options, { file, statements, cut, completed }, [
    `${file}: ${what}, ${plural(statements, 'line')}`,
  ]);
}
