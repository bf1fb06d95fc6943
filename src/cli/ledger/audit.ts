import type { Command } from 'commander';
import { StrongroomError } from '../../errors.ts';
import type { CustodyAudit } from '../../index.ts';
import { plural } from '../format.ts';
import { report } from '../messages.ts';
import { jsonOption } from '../options.ts';
import {
  type PolicyOptions,
  policyOption,
  readLedgerPolicy,
  readLines,
  requirePqOption,
  signatureLines,
} from './shared.ts';

interface Options extends PolicyOptions {
  readonly seen?: string;
  readonly json?: boolean;
}

export function addAudit(ledger: Command): void {
  const command = ledger
    .command('audit')
    .summary('check a whole log, and what it lacks')
    .description(
      'Reads the whole log and checks every entry and hash of it; then looks for every line of the CUSTODY files in it. A document that was appended as a whole is found with "ledger prove".',
    )
    .argument('<LOG>', 'the directory of the log, or a copy of it')
    .argument('[CUSTODY...]', 'custody files, one document a line')
    .addHelpText(
      'before',
      `Examples:
  strongroom ledger audit log --policy policy
  strongroom ledger audit log models/*.custody.jsonl --policy policy
  strongroom ledger audit log --seen last-week.checkpoint --policy policy
`,
    )
    .option('--seen <CHECKPOINT>', 'a copy of its checkpoint from before, which it must continue');
  jsonOption(requirePqOption(policyOption(command))).action(run);
}

async function run(directory: string, paths: readonly string[], options: Options): Promise<void> {
  const { auditLedger, readSignedCheckpoint } = await import('../../index.ts');
  const policy = await readLedgerPolicy(options);
  const seen = options.seen === undefined ? undefined : readSignedCheckpoint(options.seen);
  const custody = await Promise.all(
    paths.map(async (name) => ({ name, documents: await readLines(name) })),
  );
  const quantumSafeOnly = options.requirePq ?? false;
  const found = auditLedger(directory, { policy, seen, custody, quantumSafeOnly });
  const { origin, size, signatures, others } = found;
  const root = Buffer.from(found.root).toString('base64');
  const files = found.custody.map(({ indexes, ...file }) => ({
    ...file,
    indexes: indexes.map((index) => index ?? null),
  }));
  report(options, { origin, size, root, signatures, custody: files, others }, [
    `${origin}: ${size} entries, all as they were signed`,
    ...signatureLines(signatures),
    ...found.custody.flatMap(fileLines),
  ]);
  const bad = found.custody.filter(({ missing, disordered }) => missing.length + disordered.length);
  if (bad.length === 0) return;
  const names = bad.map(({ name }) => name).join(', ');
  throw new StrongroomError('LEDGER_INCOMPLETE', `${names}: not in the log as it should be`);
}

const fileLines = ({ name, indexes, missing, disordered }: CustodyAudit): string[] => [
  `${name}: ${indexes.length - missing.length} of ${plural(indexes.length, 'line')} logged`,
  ...missing.map((position) => `${name}: line ${position + 1} is missing`),
  ...disordered.map(
    (position) => `${name}: line ${position + 1} was logged before one that precedes it`,
  ),
];
