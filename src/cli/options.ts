/** Options that commands share, and how their values are read. */
import type { Command } from 'commander';
import { StrongroomError } from '../errors.ts';
import { timeOf } from '../time.ts';
import type { PassphraseOptions } from './passphrase.ts';

/** For options that may be given more than once. */
export const collect = (value: string, before: readonly string[] = []): string[] => [
  ...before,
  value,
];

const usage = (message: string, hint: string) => new StrongroomError('USAGE', message, { hint });

/** A parser for whole numbers. */
export const integer =
  (option: string, least: number, most: number) =>
  (value: string): number => {
    const number = Number(value);
    if (/^\d+$/.test(value) && number >= least && number <= most) return number;
    throw usage(`${option}: ${value} is not allowed`, `give a number from ${least} to ${most}`);
  };

/** A parser for one of a few words. */
export const oneOf =
  <T extends string>(option: string, words: readonly T[]) =>
  (value: string): T => {
    const word = words.find((candidate) => candidate === value);
    if (word !== undefined) return word;
    throw usage(`${option}: ${value} is unknown`, `give one of ${words.join(', ')}`);
  };

export const suite = oneOf('--suite', ['hybrid', 'cnsa2']);

const units: Readonly<Record<string, number>> = {
  '': 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/** A parser for bytes, as `65536`, `64KiB` or `1MiB`; which sizes are allowed, others decide. */
export const size =
  (option: string) =>
  (value: string): number => {
    const [, digits, unit = ''] = /^(\d{1,9})(KiB|MiB|GiB)?$/.exec(value) ?? [];
    if (digits !== undefined) return Number(digits) * (units[unit] as number);
    throw usage(`${option}: ${value} is not a size`, 'give it like 65536, 64KiB or 1MiB');
  };

export const segmentSize = size('--segment-size');

const hour = 3_600_000;
const spans: Readonly<Record<string, number>> = { h: hour, d: 24 * hour, w: 7 * 24 * hour };

const decimalUnits: Readonly<Record<string, number>> = {
  MB: 1e6,
  GB: 1e9,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/** Bytes, as `1GB` or `256MiB`; which sizes are allowed, the operation decides. */
export function shardSize(value: string): number {
  const [, digits, unit = ''] = /^(\d{1,6})(MB|GB|MiB|GiB)$/.exec(value) ?? [];
  if (digits !== undefined) return Number(digits) * (decimalUnits[unit] as number);
  throw usage(`--shard-size: ${value} is not a size`, 'give it like 1GB, 500MB or 256MiB');
}

/** A parser for times, as documents write them: from a date, a time, or a span from now. */
export const moment =
  (option: string) =>
  (value: string): string => {
    const now = new Date();
    const [, count, unit] = /^(\d{1,4})([hdwy])$/.exec(value) ?? [];
    let time = new Date(/^\d{4}-\d\d-\d\d$/.test(value) ? `${value}T00:00:00Z` : value);
    if (unit === 'y') {
      time = now;
      time.setUTCFullYear(now.getUTCFullYear() + Number(count));
    } else if (unit !== undefined) {
      time = new Date(now.getTime() + Number(count) * (spans[unit] as number));
    } else if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?$/.test(value) || !isCalendarDay(time, value)) {
      throw usage(
        `${option}: ${value} is not a time`,
        'give it like 2027-01-01, 24h, 90d, 26w or 2y',
      );
    }
    return timeOf(time);
  };

export const expiry = moment('--expires');

/** Whether the day is one of the calendar: 31 February would be taken for 3 March. */
function isCalendarDay(time: Date, value: string): boolean {
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(value.slice(0, 10));
}

export const anchorOption = (command: Command): Command =>
  command.option('--anchor <ANCHOR>', 'what holds its key: pkcs11:URI or exec:PROGRAM');

/** Where a passphrase comes from, for keys that no anchor holds. */
export const passphraseSource = (command: Command): Command =>
  command
    .option('--passphrase-file <FILE>', 'read the passphrase from a file')
    .option(
      '--passphrase-fd <N>',
      'read the passphrase from a file descriptor',
      integer('--passphrase-fd', 0, 65535),
    );

export const passphraseOptions = (command: Command): Command =>
  passphraseSource(anchorOption(command));

export const runOptions = (command: Command): Command =>
  command
    .option('--threads <N>', 'threads, by default one per core', integer('--threads', 1, 1024))
    .option('-q, --quiet', 'neither progress nor a message on success');

export const resumeOption = (command: Command): Command =>
  command.option('--resume', 'go on after a crash; keep what is done if this run fails');

export const jsonOption = (command: Command): Command =>
  command.option('--json', 'report in JSON on standard output');

export const trustOptions = (command: Command): Command =>
  command
    .option('--signer <CARD>', 'trust this author; repeatable', collect)
    .option('--trust <POLICY>', 'trust whom a policy file names');

export const httpHeaderOption = (command: Command): Command =>
  command.option(
    '--http-header <HEADER>',
    'show it to its server: "NAME: {env:VAR}" or {file:PATH}; repeatable',
    collect,
  );

/** What every command takes that reads an archive, which may be elsewhere. */
export const archiveOptions = (command: Command): Command =>
  httpHeaderOption(
    command.option('--keyring <FILE>', 'a detached key ring, instead of the one inside'),
  );

/** How old a key ring may be. */
export const freshnessOptions = (command: Command): Command =>
  command
    .option(
      '--min-epoch <N>',
      'refuse an older key ring',
      integer('--min-epoch', 1, Number.MAX_SAFE_INTEGER),
    )
    .option('--no-memory', 'neither look at nor keep the epochs seen before');

export interface FreshnessOptions {
  readonly minEpoch?: number;
  /** False with `--no-memory`. */
  readonly memory?: boolean;
}

export interface TrustOptions {
  readonly signer?: readonly string[];
  readonly trust?: string;
}

export interface AccessOptions extends TrustOptions, FreshnessOptions, PassphraseOptions {
  readonly identity: string;
  readonly keyring?: string;
}

/** What every command that decrypts takes. */
export const accessOptions = (command: Command): Command =>
  passphraseOptions(
    freshnessOptions(
      archiveOptions(
        trustOptions(command.requiredOption('-i, --identity <FILE>', 'whose key opens it')),
      ),
    ),
  );
