import type { Command } from 'commander';
import { StrongroomError } from '../../errors.ts';
import type { Console } from '../../index.ts';
import { assertFree } from '../access.ts';
import { anchorOf } from '../anchor.ts';
import { plural } from '../format.ts';
import { report, tell } from '../messages.ts';
import { anchorOption, jsonOption } from '../options.ts';
import { interruptible } from '../signals.ts';
import { say, terminalConsole } from './console.ts';

interface Options {
  readonly output: string;
  readonly rehearsal?: boolean;
  readonly answers?: string;
  readonly anchor?: string;
  readonly json?: boolean;
}

export function addRun(ceremony: Command): void {
  const command = ceremony
    .command('run')
    .summary('hold a ceremony')
    .description(
      'Holds the ceremony of PLAN. The keys, their cards and a signed transcript appear in DIR when the custodians have shown that they can recover a test key.',
    )
    .argument('<PLAN>', 'who takes part: see docs/custody.md')
    .addHelpText(
      'before',
      `Examples:
  strongroom ceremony run plan.json -o vault
  strongroom ceremony run plan.json -o vault --rehearsal
`,
    )
    .requiredOption('-o, --output <DIR>', 'where to write it; never overwrites')
    .option('--rehearsal', 'all steps for practice: the keys are thrown away')
    .option('--answers <FILE>', 'in a rehearsal: a line for every prompt, instead of a terminal');
  jsonOption(anchorOption(command)).action(run);
}

async function run(planPath: string, options: Options): Promise<void> {
  const { output, answers, rehearsal } = options;
  if (answers !== undefined && !rehearsal) {
    throw new StrongroomError('USAGE', '--answers goes with --rehearsal only', {
      hint: 'keys that matter are made by people: leave it out, or add --rehearsal',
    });
  }
  assertFree(output, 'directory');
  const { holdCeremony } = await import('../../index.ts');
  const anchor = await anchorOf(options);
  const held = await interruptible(async (signal) => {
    const console = answers === undefined ? terminalConsole(signal) : await scripted(answers);
    const anchors = anchor === undefined ? [] : [anchor];
    return holdCeremony(planPath, { console, output, rehearsal, anchors });
  });
  const kind = held.rehearsal ? 'rehearsal' : 'ceremony';
  tell(`the ${kind} is over, with ${plural(held.deviations, 'deviation')}: ${held.transcript}`, {
    hint: held.rehearsal
      ? 'its keys were thrown away'
      : 'hand everyone their key and a copy of the transcript, then remove the keys from here',
  });
  if (options.json) report(options, held, []);
}

const maxAnswersBytes = 65536;

async function scripted(path: string): Promise<Console> {
  const { readSmallFile, scriptedConsole } = await import('../../index.ts');
  const lines = Buffer.from(await readSmallFile(path, maxAnswersBytes))
    .toString('utf8')
    .split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return scriptedConsole(lines, say);
}
