import type { Command } from 'commander';
import { StrongroomError } from '../../errors.ts';
import { assertFree } from '../access.ts';
import { report, tell } from '../messages.ts';
import { integer, jsonOption } from '../options.ts';
import { documentAt, lineOption } from './shared.ts';

interface Options {
  readonly line?: number;
  readonly index?: number;
  readonly output?: string;
  readonly json?: boolean;
}

export function addProve(ledger: Command): void {
  const command = ledger
    .command('prove')
    .summary('write a proof that a document is in the log')
    .description(
      'Writes a proof that the log has the digest of DOCUMENT, or the entry at --index: DOCUMENT.tlog-proof.',
    )
    .argument('<LOG>', 'the directory of the log')
    .argument('[DOCUMENT]', 'a file whose digest was appended')
    .addHelpText(
      'before',
      `Examples:
  strongroom ledger prove log release.json
  strongroom ledger prove log w.srm.custody.jsonl --line 3 -o granted.tlog-proof
  strongroom ledger prove log --index 73894 -o entry.tlog-proof
`,
    )
    .option(
      '--index <N>',
      'the entry at this index, from 0, without a search',
      integer('--index', 0, Number.MAX_SAFE_INTEGER),
    )
    .option('-o, --output <FILE>', 'where to write it; never overwrites');
  jsonOption(lineOption(command)).action(run);
}

async function run(directory: string, path: string | undefined, options: Options): Promise<void> {
  const { line, index } = options;
  if ((path === undefined) === (index === undefined)) {
    throw new StrongroomError('USAGE', 'name either a document or an --index', {
      hint: 'see "strongroom ledger prove --help"',
    });
  }
  const output = options.output ?? (path === undefined ? undefined : `${path}.tlog-proof`);
  if (output === undefined) {
    throw new StrongroomError('USAGE', 'an entry by its --index has no file name', {
      hint: 'say where to write its proof: -o FILE',
    });
  }
  assertFree(output, 'file');
  const { commitmentOf, proveEntry, writeNew } = await import('../../index.ts');
  const name =
    path === undefined
      ? { index: index ?? 0 }
      : { entry: commitmentOf(await documentAt(path, line)) };
  const proved = proveEntry(directory, name);
  writeNew([{ path: output, bytes: proved.proof, mode: 0o644 }]);
  tell(`wrote ${output}: entry ${proved.index} of ${proved.size}`);
  if (options.json) {
    report(options, { proof: output, index: proved.index, size: proved.size }, []);
  }
}
