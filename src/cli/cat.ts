import { once } from 'node:events';
import type { Command } from 'commander';
import { StrongroomError } from '../errors.ts';
import { assertNoTerminal, assertThere } from './access.ts';
import { type HolderOptions, holderOptions, withHolder } from './quorum/access.ts';

interface Options extends HolderOptions {
  readonly tensor?: string;
}

export function addCat(program: Command): void {
  const command = program
    .command('cat')
    .summary('write one file of an archive to standard output')
    .description('Verifies and decrypts one file of ARCHIVE, and nothing else of it.')
    .argument('<ARCHIVE>', 'where it is')
    .argument('[FILE]', 'its path, as "ls" shows it')
    .addHelpText(
      'before',
      `Examples:
  strongroom cat weights.srm config.json -i partner.key --signer lab.key.card
  strongroom cat weights.srm a.onnx -i me.key --trust policy.json > a.onnx
  strongroom cat w.srm --tensor lm_head.weight -i me.key --trust p.json > w
`,
    )
    .option('--tensor <NAME>', 'the bytes of a tensor; FILE only if several have it');
  holderOptions(command).action(run);
}

async function run(archive: string, file: string | undefined, options: Options): Promise<void> {
  const { tensor } = options;
  if (tensor === undefined && file === undefined) {
    throw new StrongroomError('USAGE', 'no file is named', {
      hint: 'give its path, or a tensor with --tensor NAME',
    });
  }
  if (tensor !== undefined) assertNoTerminal('a tensor is binary');
  assertThere(archive);
  const { cat, catTensor } = await import('../index.ts');
  const guard = process.stdout.isTTY ? textGuard(file ?? '') : () => {};
  const write = async (chunk: Uint8Array) => {
    guard(chunk);
    if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
  };
  await withHolder(archive, options, (access) =>
    tensor === undefined
      ? cat(archive, file as string, access, write)
      : catTensor(archive, tensor, { ...access, file }, write),
  );
}

/**
 * Refuses what could move the cursor or worse: controls but tabs and line ends, and what is not
 * UTF-8, in which a byte from 80 to 9f would be a control to some terminals.
 */
export function textGuard(file: string): (chunk: Uint8Array) => void {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const refuse = () =>
    new StrongroomError(
      'OUTPUT_IS_TERMINAL',
      `${file}: it looks binary, and standard output is a terminal`,
    );
  return (chunk) => {
    let text: string;
    try {
      text = decoder.decode(chunk, { stream: true });
    } catch {
      throw refuse();
    }
    if (/(?![\t\n\r])\p{Control}/u.test(text)) throw refuse();
  };
}
