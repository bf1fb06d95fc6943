import type { Command } from 'commander';
import { print, report, tell, warn } from '../messages.ts';
import { jsonOption } from '../options.ts';
import {
  assertOutside,
  type KeyOptions,
  keyOptions,
  type PolicyOptions,
  policyOption,
  readLedgerPolicy,
  withLedgerKey,
} from './shared.ts';

interface Options extends KeyOptions, PolicyOptions {
  readonly memory: string;
  readonly add?: boolean;
  readonly json?: boolean;
}

export function addWitness(ledger: Command): void {
  const command = ledger
    .command('witness')
    .summary('cosign a log that continues what was seen of it')
    .description(
      'Cosigns the checkpoint of LOG if it has, in place, all that it had when this witness saw it last. The cosignature goes to standard output.',
    )
    .argument('<LOG>', 'the directory of the log, or a copy of it')
    .addHelpText(
      'before',
      `Examples:
  strongroom ledger witness log --key w1.key --memory seen --policy p > w1.sig
  strongroom ledger witness log --key w1.key --memory seen --policy p --add
`,
    )
    .requiredOption('--memory <DIR>', 'what this witness saw; made if it is not there')
    .option('--add', 'add the cosignature to the checkpoint of LOG');
  jsonOption(policyOption(keyOptions(command, 'the witness'))).action(run);
}

async function run(directory: string, options: Options): Promise<void> {
  const { memory } = options;
  assertOutside(directory, options.key);
  const { addCosignatures, witnessLedger } = await import('../../index.ts');
  const policy = await readLedgerPolicy(options);
  const witnessed = await withLedgerKey(options, async (key) => {
    const found = await witnessLedger(directory, { key, memory, policy, onWarning: warn });
    if (options.add) await addCosignatures(directory, found.cosignatures, key.verifiers);
    return found;
  });
  const { origin, before, size, cosignatures } = witnessed;
  tell(`cosigned ${origin} at ${size} entries, seen last at ${before}`);
  const root = Buffer.from(witnessed.root).toString('base64');
  if (options.json) report(options, { origin, before, size, root, cosignatures }, []);
  else if (!options.add) print(cosignatures.trimEnd().split('\n'));
}
