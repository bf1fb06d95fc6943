import type { Command } from 'commander';
import { StrongroomError } from '../errors.ts';
import { recipientsOf } from './access.ts';
import { type ChangeOptions, changeOptions, withChange } from './changes.ts';
import { tellRecorded } from './custody/options.ts';
import { plural } from './format.ts';
import { report, tell } from './messages.ts';
import { collect } from './options.ts';

interface Options extends ChangeOptions {
  readonly recipient?: readonly string[];
  readonly recipientsFile?: string;
}

export function addGrant(program: Command): void {
  const command = program
    .command('grant')
    .summary('let others open an archive')
    .description(
      'Gives the key of ARCHIVE to others, in a new epoch of its key ring. The rest is not touched.',
    )
    .argument('<ARCHIVE>', 'what they may open')
    .addHelpText(
      'before',
      `Examples:
  strongroom grant weights.srm -r bob.card -i me.key --trust policy.json
  strongroom grant weights.srm -r a.card -r b.card -i lab.key \\
    --signer lab.key.card --reason "audit of May"
  strongroom grant weights.srm -r bob.card -i me.key --trust policy.json \\
    -o weights.ring                             leaves the archive alone
`,
    )
    .option('-r, --recipient <CARD>', 'who can open it from now on; repeatable', collect)
    .option('--recipients-file <FILE>', 'a card path on each line, relative to FILE');
  changeOptions(command).action(run);
}

async function run(archive: string, options: Options): Promise<void> {
  const { output } = options;
  const add = await recipientsOf(options);
  if (add.length === 0) throw new StrongroomError('NO_RECIPIENTS', 'nobody is named');
  const { grant } = await import('../index.ts');
  const done = await withChange(archive, options, (change) =>
    grant(archive, { ...change, add, output }),
  );
  const names = done.added.map(({ name }) => name).join(', ');
  tell(`granted access to ${add.length > 8 ? plural(add.length, 'recipient') : names}`, options);
  tell(
    `wrote epoch ${done.epoch} into ${done.output}: ${plural(done.recipients, 'recipient')}`,
    options,
  );
  tellRecorded(done.custody, options);
  if (options.json) report(options, done, []);
}
