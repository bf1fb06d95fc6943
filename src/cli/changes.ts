/** What the commands that change access share. */
import type { Command } from 'commander';
import type { Freshness, Identity, KeyHolder, Ledger, Trust } from '../index.ts';
import { assertFree, assertThere, freshnessOf, trustOf, unlockIdentity } from './access.ts';
import { type CustodyOptions, custodyOptions, withLedger } from './custody/options.ts';
import { warn } from './messages.ts';
import { type AccessOptions, accessOptions, jsonOption } from './options.ts';
import {
  type ApprovalOptions,
  approvalOptions,
  byApprovals,
  withApprovals,
} from './quorum/access.ts';

export interface ChangeOptions extends AccessOptions, ApprovalOptions, CustodyOptions {
  readonly reason?: string;
  readonly output?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Options of a command that writes a key ring anew. */
export const changeOptions = (command: Command): Command =>
  jsonOption(
    approvalOptions(
      accessOptions(
        custodyOptions(command)
          .option('--reason <TEXT>', 'recorded in the key ring')
          .option(
            '-o, --output <FILE>',
            'write a detached key ring (also s3://BUCKET/KEY), and leave the archive alone',
          ),
      ),
    ),
  ).option('-q, --quiet', 'no message on success');

interface Change extends Freshness {
  readonly identity: Identity;
  readonly holder?: KeyHolder;
  readonly trust: Trust;
  readonly reason: string | undefined;
  readonly keyring: string | undefined;
  readonly onWarning: (message: string) => void;
  readonly custody: string | boolean | undefined;
  readonly ledger: Ledger | undefined;
}

/** Whoever signs, and who has the key: the same, or a quorum that approved. */
export async function withChange<T>(
  archive: string,
  options: ChangeOptions,
  use: (change: Change) => Promise<T>,
): Promise<T> {
  assertThere(archive);
  if (options.output !== undefined) assertFree(options.output, 'file');
  const trust = await trustOf(options);
  const freshness = await freshnessOf(options);
  const identity = await unlockIdentity(options.identity, options);
  const { reason, keyring, custody } = options;
  try {
    return await withLedger(options, (ledger) => {
      const recording = { custody, ledger, onWarning: warn };
      const change = { identity, trust, reason, keyring, ...freshness, ...recording };
      if (!byApprovals(options)) return use(change);
      return withApprovals(archive, options, trust, (holder) => use({ ...change, holder }));
    });
  } finally {
    identity.wipe();
  }
}
