import type { Command } from 'commander';
import type { Entry, FoundTensor } from '../index.ts';
import { assertThere } from './access.ts';
import { report } from './messages.ts';
import { jsonOption } from './options.ts';
import { type HolderOptions, holderOptions, withHolder } from './quorum/access.ts';

interface Options extends HolderOptions {
  readonly long?: boolean;
  readonly tensors?: boolean;
  readonly json?: boolean;
}

export function addLs(program: Command): void {
  const command = program
    .command('ls')
    .summary('list the files in an archive')
    .description('Lists the files and directories in ARCHIVE, without decrypting them.')
    .argument('<ARCHIVE>', 'what to list')
    .addHelpText(
      'before',
      `Examples:
  strongroom ls weights.srm -i partner.key --signer lab.key.card
  strongroom ls -l weights.srm -i partner.key --trust policy.json
  strongroom ls --tensors weights.srm -i partner.key --signer lab.key.card
`,
    )
    .option('-l, --long', 'with mode, bytes and time')
    .option('--tensors', 'the tensors of safetensors and GGUF files: dtype, shape and bytes');
  jsonOption(holderOptions(command)).action(run);
}

async function run(archive: string, options: Options): Promise<void> {
  assertThere(archive);
  const { list, listTensors } = await import('../index.ts');
  if (options.tensors) {
    const tensors = await withHolder(archive, options, (access) => listTensors(archive, access));
    report(options, { tensors }, columns(tensors));
    return;
  }
  const entries = await withHolder(archive, options, (access) => list(archive, access));
  report(options, { entries }, options.long ? long(entries) : entries.map(nameOf));
}

const nameOf = ({ type, path }: Entry): string => (type === 'directory' ? `${path}/` : path);

function long(entries: readonly Entry[]): string[] {
  const sizes = entries.map((entry) => (entry.type === 'file' ? String(entry.size) : '-'));
  const width = sizes.reduce((most, { length }) => Math.max(most, length), 0);
  return entries.map((entry, i) => {
    const mode = entry.mode.toString(8).padStart(4, '0');
    const time = new Date(entry.mtime * 1000).toISOString().slice(0, 16).replace('T', ' ');
    return `${mode}  ${(sizes[i] ?? '').padStart(width)}  ${time}  ${nameOf(entry)}`;
  });
}

/** File, name, dtype, shape and bytes. */
function columns(tensors: readonly FoundTensor[]): string[] {
  const rows = tensors.map(({ file, name, dtype, shape, bytes }) => [
    file,
    name,
    dtype,
    `[${shape.join(', ')}]`,
    String(bytes),
  ]);
  const widths = [0, 1, 2, 3].map((i) =>
    rows.reduce((most, row) => Math.max(most, row[i]?.length ?? 0), 0),
  );
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  '));
}
