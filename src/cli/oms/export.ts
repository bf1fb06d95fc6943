import type { Command } from 'commander';
import { assertFree, assertThere, unlockIdentity, withAccess } from '../access.ts';
import { encode, print, tell } from '../messages.ts';
import { type AccessOptions, accessOptions } from '../options.ts';

interface Options extends AccessOptions {
  readonly output?: string;
  readonly sign?: string;
}

export function addOmsExport(oms: Command): void {
  const command = oms
    .command('export')
    .summary('write the statement that an archive was sealed with')
    .description(
      'Writes which files the model in ARCHIVE has, by SHA-256: the in-toto statement that "oms sign" would sign. Only the list of files is decrypted. The archive must have been sealed with --oms.',
    )
    .argument('<ARCHIVE>', 'whose model')
    .addHelpText(
      'before',
      `Examples:
  strongroom oms export weights.srm -i partner.key --signer lab.key.card
  strongroom oms export weights.srm -i partner.key --trust policy.json -o w.json
  strongroom oms export weights.srm -i lab.key --signer lab.key.card \\
    --sign lab.key -o model.intoto.jsonl
`,
    )
    .option('--sign <IDENTITY>', 'sign it, as "oms sign" does: one line, quantum-safe')
    .option('-o, --output <FILE>', 'where to write it, instead of standard output');
  accessOptions(command).action(run);
}

async function run(archive: string, options: Options): Promise<void> {
  const { output } = options;
  assertThere(archive);
  if (output !== undefined) assertFree(output, 'file');
  const { exportOms, writeNew } = await import('../../index.ts');
  const { statement, root } = await withAccess(options, false, async (access) => {
    if (options.sign === undefined) return exportOms(archive, access);
    const signer = await unlockIdentity(options.sign, options);
    try {
      return await exportOms(archive, { ...access, signer });
    } finally {
      signer.wipe();
    }
  });
  if (output === undefined) {
    // Byte for byte, but for a terminal, which must not see what names could hide
    if (process.stdout.isTTY) print([encode(JSON.parse(Buffer.from(statement).toString()))]);
    else process.stdout.write(statement);
    return;
  }
  writeNew([{ path: output, bytes: statement, mode: 0o644 }]);
  tell(`wrote ${output}, root ${root}`);
}
