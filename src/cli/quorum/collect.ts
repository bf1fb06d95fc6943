import type { Command } from 'commander';
import type { QuorumReport } from '../../index.ts';

import { assertFree, assertThere, freshnessOf, trustOf } from '../access.ts';
import { type RecordOptions, recordOptions, tellRecorded, withRecord } from '../custody/options.ts';

import { bytes, plural } from '../format.ts';
import { report, table, tell } from '../messages.ts';
import {
  archiveOptions,
  type FreshnessOptions,
  freshnessOptions,
  jsonOption,
  passphraseOptions,
  runOptions,
  type TrustOptions,
  trustOptions,
} from '../options.ts';
import type { PassphraseOptions } from '../passphrase.ts';
import { operate } from '../progress.ts';
import { type KeyPassphraseOptions, keyPassphraseOptions, unlockRequestKey } from './access.ts';

interface CheckOptions extends TrustOptions, FreshnessOptions {
  readonly archive: string;
  readonly keyring?: string;
  readonly json?: boolean;
}

interface CombineOptions
  extends CheckOptions,
    KeyPassphraseOptions,
    PassphraseOptions,
    Omit<RecordOptions, 'record'> {
  readonly record?: string;
  readonly requestKey: string;
  readonly output?: string;
  readonly threads?: number;
  readonly quiet?: boolean;
}

const collectOptions = (command: Command): Command =>
  jsonOption(
    freshnessOptions(
      archiveOptions(trustOptions(command.requiredOption('--archive <FILE>', 'what it is about'))),
    ),
  );

export function addCombine(quorum: Command): void {
  const command = quorum
    .command('combine')
    .summary('open an archive with approvals')
    .description(
      'Verifies every APPROVAL of REQ and that they give the key; with -o, opens the archive.',
    )
    .argument('<REQ>', 'the request')
    .argument('<APPROVAL...>', 'the answers to it')
    .addHelpText(
      'before',
      `Examples:
  strongroom quorum combine eval.req *.approval --archive w.srm \\
    --request-key eval.req.key --trust policy.json
  strongroom quorum combine eval.req *.approval --archive w.srm \\
    --request-key eval.req.key --trust policy.json -o weights
`,
    );
  const withRecording = passphraseOptions(recordOptions(command, '--record <IDENTITY>'));
  runOptions(keyPassphraseOptions(collectOptions(withRecording)))
    .requiredOption('--request-key <FILE>', 'its key, as "quorum request" wrote it')
    .option('-o, --output <DIR>', 'open into this directory, which is not there yet')
    .action(combine);
}

async function combine(
  path: string,
  approvals: readonly string[],
  options: CombineOptions,
): Promise<void> {
  const { archive, keyring, output, requestKey } = options;
  const trust = await trustOf(options);
  for (const file of [path, archive, requestKey]) assertThere(file);
  if (output !== undefined) assertFree(output, 'directory');
  const { combineApprovals, open, recordRelease } = await import('../../index.ts');
  const freshness = await freshnessOf(options);
  const key = await unlockRequestKey(requestKey, options);
  try {
    const found = await combineApprovals(path, approvals, {
      archive,
      trust,
      keyring,
      key,
      ...freshness,
    });
    try {
      const lines = counted(found);
      if (output === undefined) {
        const told = await withRecord(options, undefined, async (record) =>
          record === undefined
            ? undefined
            : recordRelease(archive, found, { ...record, identity: record.signer, trust, keyring }),
        );
        const all = told === undefined ? summary(found) : { ...summary(found), custody: told };
        report(options, all, options.quiet ? [] : [...lines, 'the key fits the archive']);
        tellRecorded(told, options);
        return;
      }
      const opened = await withRecord(options, undefined, (record) =>
        operate('opening', options, (run) =>
          open(archive, {
            ...run,
            ...freshness,
            identity: found,
            trust,
            keyring,
            output,
            record,
          }),
        ),
      );
      tellRecorded(opened.custody, options);
      tell(
        `opened ${plural(opened.files, 'file')}, ${bytes(opened.bytes)} into ${output}`,
        options,
      );
      const all = { ...summary(found), opened };
      if (options.json) report(options, all, []);
    } finally {
      found.wipe();
    }
  } finally {
    key.wipe();
  }
}

export function addCheck(quorum: Command): void {
  const command = quorum
    .command('check')
    .summary('count proofs: could they still open it?')
    .description('Verifies every PROOF that answers CHALLENGE, and that they would suffice.')
    .argument('<CHALLENGE>', 'the challenge')
    .argument('<PROOF...>', 'the answers to it')
    .addHelpText(
      'before',
      `Examples:
  strongroom quorum check drill.req *.proof --archive w.srm --trust policy.json
`,
    );
  collectOptions(command).action(check);
}

async function check(
  path: string,
  proofs: readonly string[],
  options: CheckOptions,
): Promise<void> {
  const { archive, keyring } = options;
  const trust = await trustOf(options);
  for (const file of [path, archive]) assertThere(file);
  const { checkQuorum } = await import('../../index.ts');
  const freshness = await freshnessOf(options);
  const found = await checkQuorum(path, proofs, { archive, trust, keyring, ...freshness });
  report(options, summary(found), [...counted(found), 'they could open the archive']);
}

const counted = ({ groups }: QuorumReport): string[] =>
  table(
    groups.map(({ name, threshold, answered }) => [
      name,
      `${answered.length} answered, ${threshold} needed: ${answered.join(', ')}`,
    ]),
  );

/** Without the key that a combination has as well. */
const summary = ({ asked, groups }: QuorumReport) => ({
  archive: asked.archive,
  split: asked.split,
  purpose: asked.purpose,
  groups,
});
