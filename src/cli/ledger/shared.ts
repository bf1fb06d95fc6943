/** What the commands on a log share: its key, policies, and the documents that it speaks of. */
import { realpathSync, statSync } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';
import type { Command } from 'commander';
import { StrongroomError } from '../../errors.ts';
import type { LedgerKey, LedgerPolicy, VerifiedSignature } from '../../index.ts';
import { platform } from '../../platform.ts';
import { warn } from '../messages.ts';
import { integer, passphraseSource } from '../options.ts';
import { askPassphrase, type PassphraseOptions } from '../passphrase.ts';

export interface KeyOptions extends PassphraseOptions {
  readonly key: string;
}

export const keyOptions = (command: Command, whose: string): Command =>
  passphraseSource(command.requiredOption('--key <FILE>', `the key of ${whose}`));

export const memoryOption = (command: Command): Command =>
  command.option('--no-memory', 'neither look at nor keep what this key signed last');

/** Where a log's key keeps what it signed last; on unless it is switched off. */
export const memoryOf = ({ memory = true }: { readonly memory?: boolean }) =>
  memory ? { onWarning: warn } : undefined;

/** The key in a file, for as long as `use` takes. */
export async function withLedgerKey<T>(
  options: KeyOptions,
  use: (key: LedgerKey) => Promise<T> | T,
): Promise<T> {
  const { key: path } = options;
  const { decodeLedgerKey, maxLedgerKeyBytes, readSmallFile } = await import('../../index.ts');
  const bytes = await readSmallFile(path, maxLedgerKeyBytes);
  try {
    const isExposed = platform.hasModes && (statSync(path).mode & 0o077) !== 0;
    let isProtected = false;
    const key = await decodeLedgerKey(bytes, () => {
      isProtected = true;
      return askPassphrase({ ...options, message: `Passphrase for ${path}` });
    });
    if (isExposed && !isProtected) {
      warn(`${path}: others can read this key, which no passphrase protects`, `chmod 600 ${path}`);
    }
    try {
      return await use(key);
    } finally {
      key.wipe();
    }
  } finally {
    bytes.fill(0);
  }
}

/**
 * A log is there to be published, so that its key must not lie in it.
 * @throws StrongroomError `USAGE`.
 */
export function assertOutside(directory: string, path: string): void {
  const real = (name: string): string => {
    try {
      return realpathSync(name);
    } catch {
      // Not there yet: where it will be
      return resolve(name);
    }
  };
  if (!`${real(dirname(resolve(path)))}${sep}`.startsWith(`${real(directory)}${sep}`)) return;
  throw new StrongroomError('USAGE', `${path}: a key must not lie in the log that is published`, {
    hint: 'move it elsewhere',
  });
}

export interface PolicyOptions {
  readonly policy: string;
  readonly requirePq?: boolean;
}

export const policyOption = (command: Command): Command =>
  command.requiredOption('--policy <FILE>', 'the logs and witnesses to trust (tlog-policy)');

export const requirePqOption = (command: Command): Command =>
  command.option('--require-pq', 'count no signature that a quantum computer could forge');

const maxPolicyBytes = 2 ** 20;

export async function readLedgerPolicy({ policy }: PolicyOptions): Promise<LedgerPolicy> {
  const { decodeLedgerPolicy, readSmallFile } = await import('../../index.ts');
  return decodeLedgerPolicy(await readSmallFile(policy, maxPolicyBytes), policy);
}

const maxDocumentBytes = 2 ** 28;

export const readDocument = async (path: string): Promise<Uint8Array> => {
  const { readSmallFile } = await import('../../index.ts');
  return readSmallFile(path, maxDocumentBytes);
};

/** The lines of a file, without their newlines and without empty ones. */
export async function readLines(path: string): Promise<Uint8Array[]> {
  const bytes = await readDocument(path);
  const lines: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0x0a, at);
    const next = end < 0 ? bytes.length : end;
    if (next > at) lines.push(bytes.subarray(at, next));
    at = next + 1;
  }
  return lines;
}

export const lineOption = (command: Command): Command =>
  command.option(
    '--line <N>',
    'this line of it, from 1, not the whole file',
    integer('--line', 1, Number.MAX_SAFE_INTEGER),
  );

/** The document that a command is about: a file, or a line of one. */
export async function documentAt(path: string, line: number | undefined): Promise<Uint8Array> {
  if (line === undefined) return readDocument(path);
  const lines = await readLines(path);
  const found = lines[line - 1];
  if (found !== undefined) return found;
  throw new StrongroomError('USAGE', `${path}: it has no line ${line}, only ${lines.length}`);
}

/** One line for each signature that was verified. */
export const signatureLines = (signatures: readonly VerifiedSignature[]): string[] =>
  signatures.map(({ name, role, algorithm, isQuantumSafe, time }) => {
    const when = time === undefined ? '' : `, ${timeText(time)}`;
    const kind = isQuantumSafe ? 'quantum-safe' : 'classical only';
    return `${role} ${name}: ${algorithm}, ${kind}${when}`;
  });

const timeText = (seconds: number): string => {
  const time = new Date(seconds * 1000);
  return Number.isNaN(time.getTime()) ? `at ${seconds}` : `${time.toISOString().slice(0, 19)}Z`;
};
