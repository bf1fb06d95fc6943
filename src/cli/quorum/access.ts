/** What the commands about quorums share: request keys, and approvals in place of an identity. */
import type { Command } from 'commander';
import { StrongroomError } from '../../errors.ts';
import type { Freshness, KeyHolder, RequestKey, Trust } from '../../index.ts';
import { freshnessOf, trustOf, withAccess } from '../access.ts';
import { warn } from '../messages.ts';
import {
  type AccessOptions,
  archiveOptions,
  type FreshnessOptions,
  freshnessOptions,
  integer,
  passphraseOptions,
  trustOptions,
} from '../options.ts';
import { askPassphrase, type PassphraseOptions } from '../passphrase.ts';

export interface KeyPassphraseOptions {
  readonly keyPassphraseFile?: string;
  readonly keyPassphraseFd?: number;
}

/** Where the passphrase of a request key is, beside that of an identity. */
export const keyPassphraseOptions = (command: Command): Command =>
  command
    .option('--key-passphrase-file <FILE>', 'the passphrase of the request key')
    .option(
      '--key-passphrase-fd <N>',
      'the same, from a file descriptor',
      integer('--key-passphrase-fd', 0, 65535),
    );

export const ofKey = ({ keyPassphraseFile, keyPassphraseFd }: KeyPassphraseOptions) =>
  ({
    ...(keyPassphraseFile === undefined ? {} : { passphraseFile: keyPassphraseFile }),
    ...(keyPassphraseFd === undefined ? {} : { passphraseFd: keyPassphraseFd }),
  }) satisfies PassphraseOptions;

const maxKeyBytes = 4096;

/** The private half of a request; the caller wipes it. */
export async function unlockRequestKey(
  path: string,
  options: KeyPassphraseOptions,
): Promise<RequestKey> {
  const { decodeRequestKey, readSmallFile } = await import('../../index.ts');
  const bytes = await readSmallFile(path, maxKeyBytes);
  try {
    const message = `Passphrase for ${path}`;
    return await decodeRequestKey(bytes, () => askPassphrase({ ...ofKey(options), message }));
  } finally {
    bytes.fill(0);
  }
}

export interface ApprovalOptions extends KeyPassphraseOptions {
  readonly request?: string;
  readonly approvals?: readonly string[];
  readonly requestKey?: string;
}

/** Options by which a quorum opens instead of an identity. */
export const approvalOptions = (command: Command): Command =>
  keyPassphraseOptions(
    command
      .option('--request <REQ>', 'a request that a quorum has approved')
      .option('--approvals <FILE...>', 'the approvals of it')
      .option('--request-key <FILE>', 'its key, as "quorum request" wrote it'),
  );

/** What every command takes that an identity or approvals can open. */
export const holderOptions = (command: Command): Command =>
  approvalOptions(
    passphraseOptions(
      freshnessOptions(
        archiveOptions(trustOptions(command.option('-i, --identity <FILE>', 'whose key opens it'))),
      ),
    ),
  );

export interface HolderOptions extends Omit<AccessOptions, 'identity'>, ApprovalOptions {
  readonly identity?: string;
}

/** @returns whether options name approvals. @throws StrongroomError `USAGE` for only some of them. */
export function byApprovals({ request, approvals, requestKey }: ApprovalOptions): boolean {
  const given = [request, approvals, requestKey].filter((option) => option !== undefined).length;
  if (given === 0 || given === 3) return given === 3;
  throw new StrongroomError('USAGE', 'a quorum opens with three things together', {
    hint: 'give --request REQ, --request-key KEY and --approvals FILE...',
  });
}

/** The file key that approvals give, for as long as `use` takes. */
export async function withApprovals<T>(
  archive: string,
  options: ApprovalOptions & FreshnessOptions & { readonly keyring?: string },
  trust: Trust,
  use: (holder: KeyHolder) => Promise<T>,
): Promise<T> {
  const { request = '', approvals = [], requestKey = '', keyring } = options;
  const { combineApprovals } = await import('../../index.ts');
  const key = await unlockRequestKey(requestKey, options);
  try {
    const asked = { archive, trust, keyring, key, ...(await freshnessOf(options)) };
    const found = await combineApprovals(request, approvals, asked);
    try {
      return await use(found);
    } finally {
      found.wipe();
    }
  } finally {
    key.wipe();
  }
}

/** Trust first; then the identity, or the approvals of a quorum. */
export async function withHolder<T>(
  archive: string,
  options: HolderOptions,
  use: (
    access: Freshness & { identity: KeyHolder; trust: Trust; keyring?: string | undefined },
  ) => Promise<T>,
): Promise<T> {
  const { identity, keyring } = options;
  if (!byApprovals(options)) {
    if (identity === undefined) {
      throw new StrongroomError('USAGE', 'nobody is named whose key opens it', {
        hint: 'name an identity with -i FILE, or give --request, --request-key and --approvals',
      });
    }
    return withAccess({ ...options, identity }, archive === '-', use);
  }
  if (identity !== undefined) {
    throw new StrongroomError('USAGE', '--identity and --approvals do not go together');
  }
  if (archive === '-') {
    throw new StrongroomError('NEEDS_RANDOM_ACCESS', 'approvals are for an archive in a file');
  }
  const trust = await trustOf(options);
  const freshness = await freshnessOf(options);
  return withApprovals(archive, options, trust, (holder) =>
    use({ identity: holder, trust, keyring, ...freshness }),
  );
}

/** Tells that a request key lies on the disk as it is. */
export const warnPlain = (path: string) =>
  warn(`${path}: no passphrase protects it, and with approvals it opens the archive`);
