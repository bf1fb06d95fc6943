import type { Command } from 'commander';
import { StrongroomError } from '../errors.ts';
import { assertFree, assertNoTerminal, assertOneOutput, assertThere } from './access.ts';
import { startAhead } from './ahead.ts';
import { type RecordOptions, recordOptions, tellRecorded, withRecord } from './custody/options.ts';
import { bytes, plural, who } from './format.ts';
import { report, tell } from './messages.ts';
import { collect, jsonOption, resumeOption, runOptions } from './options.ts';
import { operate } from './progress.ts';
import { type HolderOptions, holderOptions, withHolder } from './quorum/access.ts';
import { tellStorage } from './storage.ts';

interface Options extends HolderOptions, RecordOptions {
  readonly output?: string;
  readonly stdout?: boolean;
  readonly only?: readonly string[];
  readonly tensors?: readonly string[];
  readonly resume?: boolean;
  readonly threads?: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function addOpen(program: Command): void {
  const command = program
    .command('open')
    .summary('verify and decrypt an archive')
    .description(
      'Opens ARCHIVE ("-": standard input) into a new directory, which appears whole or not at all.',
    )
    .argument('<ARCHIVE>', 'what to open')
    .addHelpText(
      'before',
      `Examples:
  strongroom open weights.srm -o weights -i partner.key --signer lab.key.card
  strongroom open weights.srm -o some --only '*.json' -i me.key --trust p.json
  strongroom open s3://models/w.srm -o weights -i me.key --signer lab.key.card
  strongroom open https://store.example/w.srm -o w -i me.key --trust p.json \\
    --http-header 'Authorization: Bearer {env:TOKEN}'
  curl -s URL | strongroom open - -o weights -i me.key --signer lab.key.card
  strongroom open w.srm -o w --request eval.req --request-key eval.req.key \\
    --approvals ada.approval cleo.approval dan.approval --trust policy.json
  strongroom open weights.srm -o weights -i me.key --trust p.json --record
  strongroom open s3://models/w.srm -o weights -i me.key --trust p.json --resume
  strongroom open weights.srm --stdout -i me.key --signer lab.key.card | tar t
`,
    )
    .option('-o, --output <DIR>', 'the directory to be')
    .option('--stdout', 'a tar on standard output instead')
    .option('--only <GLOB>', 'only what matches; repeatable', collect)
    .option('--tensors <GLOB>', 'only files with a tensor that matches; repeatable', collect);
  resumeOption(command);
  const withOptions = recordOptions(holderOptions(command), '--record [IDENTITY]');
  jsonOption(runOptions(withOptions)).action(run);
}

async function run(archive: string, options: Options): Promise<void> {
  const output = outputOf(options);
  const { only, tensors, resume } = options;
  if (output === '-') {
    assertNoTerminal('a tar is binary');
    assertOneOutput(options);
  } else if (!options.resume) {
    assertFree(output, 'directory');
  }
  assertThere(archive);
  await startAhead(archive, options);
  const { open } = await import('../index.ts');
  const onNotice = (message: string) => tell(message, options);
  const opened = await withHolder(archive, options, (access) =>
    withRecord(options, access.identity, (record) =>
      operate('opening', options, (run) =>
        open(archive, { ...run, ...access, output, only, tensors, resume, onNotice, record }),
      ),
    ),
  );
  const where = output === '-' ? '' : ` into ${output}`;
  tell(`opened ${plural(opened.files, 'file')}, ${bytes(opened.bytes)}${where}`, options);
  tell(`sealed by ${who(opened.author)}, at ${opened.sealedAt}`, options);
  tellStorage(opened, options);
  tellRecorded(opened.custody, options);
  if (options.json) report(options, opened, []);
}

function outputOf({ output, stdout = false }: Options): string {
  if (stdout && output !== undefined) {
    throw new StrongroomError('USAGE', '--output and --stdout do not go together', {
      hint: 'leave out one of them',
    });
  }
  if (stdout) return '-';
  if (output !== undefined) return output;
  throw new StrongroomError('USAGE', 'no output is named', {
    hint: 'name one: -o DIR or --stdout',
  });
}
