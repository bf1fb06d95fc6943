import type { Command } from 'commander';
import { report } from '../messages.ts';
import { jsonOption } from '../options.ts';
import {
  documentAt,
  lineOption,
  type PolicyOptions,
  policyOption,
  readLedgerPolicy,
  requirePqOption,
  signatureLines,
} from './shared.ts';

interface Options extends PolicyOptions {
  readonly line?: number;
  readonly json?: boolean;
}

export function addVerify(ledger: Command): void {
  const command = ledger
    .command('verify')
    .summary('verify a proof, offline')
    .description(
      'Verifies that DOCUMENT is in a log that the policy trusts. Nothing but the named files is read.',
    )
    .argument('<PROOF>', 'a .tlog-proof file')
    .argument('<DOCUMENT>', 'the file that it is a proof for')
    .addHelpText(
      'before',
      `Examples:
  strongroom ledger verify release.json.tlog-proof release.json --policy policy
  strongroom ledger verify granted.tlog-proof w.srm.custody.jsonl --line 3 \\
    --policy policy --require-pq
`,
    );
  jsonOption(requirePqOption(lineOption(policyOption(command)))).action(run);
}

async function run(proof: string, document: string, options: Options): Promise<void> {
  const { commitmentOf, maxProofBytes, readSmallFile, verifyLedgerProof } = await import(
    '../../index.ts'
  );
  const policy = await readLedgerPolicy(options);
  const entry = commitmentOf(await documentAt(document, options.line));
  const bytes = await readSmallFile(proof, maxProofBytes);
  const quantumSafeOnly = options.requirePq ?? false;
  const found = verifyLedgerProof(bytes, entry, policy, { quantumSafeOnly });
  const { origin, index, size, signatures } = found;
  const root = Buffer.from(found.root).toString('base64');
  report(options, { origin, index, size, root, signatures }, [
    `entry ${index} of ${size} in ${origin}`,
    ...signatureLines(signatures),
  ]);
}
