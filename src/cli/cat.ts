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

/** Refuses what could move the cursor or worse: C0 and C1 controls in UTF-8, and DEL. */
function textGuard(file: string): (chunk: Uint8Array) => void {
  const allowed = new Set([0x09, 0x0a, 0x0d]);
  let before = 0;
  return (chunk) => {
    for (const byte of chunk) {
      const isControl =
        (byte < 0x20 && !allowed.has(byte)) ||
        byte === 0x7f ||
        (before === 0xc2 && byte >= 0x80 && byte < 0xa0);
      before = byte;
      if (!isControl) continue;
      throw new StrongroomError(
        'OUTPUT_IS_TERMINAL',
        `${file}: it looks binary, and standard output is a terminal`,
      );
    }
  };
}
