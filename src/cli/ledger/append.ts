import type { Command } from 'commander';
import { plural } from '../format.ts';
import { report, tell, warn } from '../messages.ts';
import { jsonOption } from '../options.ts';
import {
  assertOutside,
  type KeyOptions,
  keyOptions,
  memoryOf,
  memoryOption,
  readDocument,
  readLines,
  withLedgerKey,
} from './shared.ts';

interface Options extends KeyOptions {
  readonly lines?: boolean;
  readonly missing?: boolean;
  /** False with `--no-memory`. */
  readonly memory?: boolean;
  readonly json?: boolean;
}

export function addAppend(ledger: Command): void {
  const command = ledger
    .command('append')
    .summary('append digests of documents')
    .description(
      'Appends the SHA-256 of each DOCUMENT to the log; the documents themselves stay where they are.',
    )
    .argument('<LOG>', 'the directory of the log')
    .argument('<DOCUMENT...>', 'files')
    .addHelpText(
      'before',
      `Examples:
  strongroom ledger append log release.json --key log.key
  strongroom ledger append log w.custody.jsonl --lines --missing --key log.key
`,
    )
    .option('--lines', 'every line is a document of its own, without its newline')
    .option('--missing', 'only those that the log does not have');
  jsonOption(memoryOption(keyOptions(command, 'the log'))).action(run);
}

async function run(directory: string, paths: readonly string[], options: Options): Promise<void> {
  assertOutside(directory, options.key);
  const { appendEntries, commitmentOf, hasEntries } = await import('../../index.ts');
  const read = async (path: string) =>
    options.lines ? readLines(path) : [await readDocument(path)];
  const all = (await Promise.all(paths.map(read))).flat().map(commitmentOf);
  const isThere = options.missing ? hasEntries(directory, all) : [];
  const entries = all.filter((_, i) => !isThere[i]);
  const { origin, first, size, root } = await withLedgerKey(options, (key) =>
    appendEntries({ directory, key, memory: memoryOf(options) }, entries, { onWarning: warn }),
  );
  tell(`appended ${entries.length} of ${plural(all.length, 'document')}, ${origin} has ${size}`);
  const value = {
    origin,
    first,
    appended: entries.length,
    size,
    root: Buffer.from(root).toString('base64'),
  };
  if (options.json) report(options, value, []);
}
