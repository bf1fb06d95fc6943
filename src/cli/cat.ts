import { once } from 'node:events';
import type { Command } from 'commander';
import { StrongroomError } from '../errors.ts';
import { assertThere } from './access.ts';
import { type HolderOptions, holderOptions, withHolder } from './quorum/access.ts';

export function addCat(program: Command): void {
  const command = program
    .command('cat')
    .summary('write one file of an archive to standard output')
    .description('Verifies and decrypts one file of ARCHIVE, and nothing else of it.')
    .argument('<ARCHIVE>', 'where it is')
    .argument('<FILE>', 'its path, as "ls" shows it')
    .addHelpText(
      'before',
      `Examples:
  strongroom cat weights.srm config.json -i partner.key --signer lab.key.card
  strongroom cat weights.srm a.onnx -i me.key --trust policy.json > a.onnx
`,
    );
  holderOptions(command).action(run);
}

async function run(archive: string, file: string, options: HolderOptions): Promise<void> {
  assertThere(archive);
  const { cat } = await import('../index.ts');
  const guard = process.stdout.isTTY ? textGuard(file) : () => {};
  await withHolder(archive, options, (access) =>
    cat(archive, file, access, async (chunk) => {
      guard(chunk);
      if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
    }),
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
