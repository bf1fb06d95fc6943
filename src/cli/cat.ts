import { once } from 'node:events';
import type { Command } from 'commander';
import { StrongroomError } from '../errors.ts';
import { assertNoTerminal, assertThere, withAccess } from './access.ts';
import { type AccessOptions, accessOptions } from './options.ts';

interface Options extends AccessOptions {
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
  strongroom cat weights.srm --tensor lm_head.weight -i me.key --trust p.json > t
`,
    )
    .option('--tensor <NAME>', 'the bytes of a tensor; FILE only if several have it');
  accessOptions(command).action(run);
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
  await withAccess(options, false, (access) =>
    tensor === undefined
      ? cat(archive, file as string, access, write)
      : catTensor(archive, tensor, { ...access, file }, write),
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
