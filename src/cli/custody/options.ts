/** Options of commands that tell in a custody file what they do. */
import type { Command } from 'commander';
import { StrongroomError } from '../../errors.ts';
import type { Ledger, OpenedOptions, Recorded } from '../../index.ts';
import { unlockIdentity } from '../access.ts';
import { assertOutside, withLedgerKey } from '../ledger/shared.ts';
import { tell, warn } from '../messages.ts';
import type { PassphraseOptions } from '../passphrase.ts';

export interface LedgerOptions {
  readonly ledger?: string;
  readonly ledgerKey?: string;
  readonly ledgerPassphraseFile?: string;
}

export interface CustodyOptions extends LedgerOptions {
  /** True without a path, false with `--no-custody`. */
  readonly custody?: string | boolean;
}

export const ledgerOptions = (command: Command): Command =>
  command
    .option('--ledger <DIR>', 'append what is told to this log')
    .option('--ledger-key <FILE>', 'the key of the log')
    .option('--ledger-passphrase-file <FILE>', 'the passphrase of the key of the log');

/** For commands that tell of it by default where a custody file is there already. */
export const custodyOptions = (command: Command): Command =>
  ledgerOptions(
    command
      .option('--custody [FILE]', 'tell of it in this custody file, or beside the archive')
      .option('--no-custody', 'do not tell of it'),
  );

/** For `seal`, where there is no file yet. */
export const newCustodyOptions = (command: Command): Command =>
  ledgerOptions(
    command.option('--custody [FILE]', 'begin a custody file: FILE, or beside the archive'),
  );

/** The log that options name, for as long as `use` takes. */
export async function withLedger<T>(
  options: LedgerOptions,
  use: (ledger: Ledger | undefined) => Promise<T>,
): Promise<T> {
  const { ledger: directory, ledgerKey: key, ledgerPassphraseFile } = options;
  if (directory === undefined && key === undefined) return use(undefined);
  if (directory === undefined || key === undefined) {
    throw new StrongroomError('USAGE', 'a log is appended to with its key', {
      hint: 'give --ledger DIR and --ledger-key FILE',
    });
  }
  assertOutside(directory, key);
  const source = ledgerPassphraseFile === undefined ? {} : { passphraseFile: ledgerPassphraseFile };
  return withLedgerKey({ key, ...source }, (unlocked) =>
    use({ directory, key: unlocked, memory: { onWarning: warn } }),
  );
}

export interface RecordOptions extends LedgerOptions {
  /** Whose word it is; true for the identity that opens it. */
  readonly record?: string | true;
  readonly custody?: string;
}

/** For commands that tell of it only when asked to. */
export const recordOptions = (command: Command, flag: string): Command =>
  ledgerOptions(
    command
      .option(flag, 'tell of it in the custody file, signed by this identity')
      .option('--custody <FILE>', 'a custody file that is not beside the archive'),
  );

/** What `open` takes to tell of it; `own` is the identity that opens, if one does. */
export async function withRecord<T>(
  options: RecordOptions & PassphraseOptions,
  own: unknown,
  use: (record: OpenedOptions | undefined) => Promise<T>,
): Promise<T> {
  const { record, custody } = options;
  if (record === undefined) {
    if (custody === undefined && options.ledger === undefined) return use(undefined);
    throw new StrongroomError('USAGE', 'nobody is named who tells of it', {
      hint: 'add --record, or --record IDENTITY',
    });
  }
  const isOwn = typeof own === 'object' && own !== null && 'card' in own;
  if (record === true && !isOwn) {
    throw new StrongroomError('USAGE', 'a quorum opens it, and signs nothing', {
      hint: 'name who tells of it: --record IDENTITY',
    });
  }
  const signer =
    record === true ? (own as OpenedOptions['signer']) : await unlockIdentity(record, options);
  try {
    return await withLedger(options, (ledger) => use({ signer, custody, ledger, onWarning: warn }));
  } finally {
    if (record !== true) signer.wipe();
  }
}

/** Says where it was told. */
export function tellRecorded(
  custody: Recorded | undefined,
  options: { readonly quiet?: boolean },
): void {
  if (custody === undefined || custody.lines.length === 0) return;
  const { file, lines, ledger } = custody;
  const log = ledger === undefined ? '' : `, and in the log ${ledger.origin}`;
  tell(`told in ${file}: line ${lines.join(' and ')}${log}`, options);
}
