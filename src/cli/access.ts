/** Who takes part: identities, trusted signers and recipients, from what options name. */
import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { assertParent } from '../engine/output.ts';
import { isRemote } from '../engine/remote/location.ts';
import { asStrongroomError, StrongroomError } from '../errors.ts';
import type { Card, Freshness, Identity, Trust } from '../index.ts';
import { anchorOf } from './anchor.ts';
import { warn } from './messages.ts';
import type { AccessOptions, FreshnessOptions, TrustOptions } from './options.ts';
import { askPassphrase, type PassphraseOptions } from './passphrase.ts';

/**
 * The identity in a file; the caller wipes it.
 * @param stdinIsData whether standard input holds an archive or a tar.
 */
export async function unlockIdentity(
  path: string,
  options: PassphraseOptions,
  stdinIsData = false,
): Promise<Identity> {
  const { readIdentity } = await import('../index.ts');
  const file = await readIdentity(path);
  if (file.isExposed && !file.isProtected) {
    warn(`${path}: others can read this key, which no passphrase protects`, `chmod 600 ${path}`);
  }
  const message = `Passphrase for ${path}`;
  const anchor = await anchorOf(options, stdinIsData);
  const ask = () => askPassphrase({ ...options, message, stdinIsData });
  return file.unlock(ask, anchor === undefined ? [] : [anchor]);
}

/**
 * Whom the options trust.
 * @throws StrongroomError `NO_TRUST` if they name nobody.
 */
export async function trustOf({ signer = [], trust }: TrustOptions): Promise<Trust> {
  if (trust === undefined && signer.length === 0) {
    throw new StrongroomError('NO_TRUST', 'no trusted author is named');
  }
  if (trust !== undefined && signer.length > 0) {
    throw new StrongroomError('USAGE', '--trust and --signer do not go together', {
      hint: 'add the card to the policy, or name single cards only',
    });
  }
  const { readPolicy, trustCards } = await import('../index.ts');
  const found = trust === undefined ? trustCards(await readCards(signer)) : await readPolicy(trust);
  const told = new Set<string>();
  return {
    ...found,
    // An operation may come to the same doubt twice
    onWarning(message) {
      if (!told.has(message)) warn(message);
      told.add(message);
    },
  };
}

/** Trust first, so that nobody types a passphrase in vain; then the identity. */
export async function withAccess<T>(
  options: AccessOptions,
  stdinIsData: boolean,
  use: (
    access: Freshness & { identity: Identity; trust: Trust; keyring?: string | undefined },
  ) => Promise<T>,
): Promise<T> {
  const trust = await trustOf(options);
  const identity = await unlockIdentity(options.identity, options, stdinIsData);
  try {
    const { keyring } = options;
    return await use({ identity, trust, keyring, ...(await freshnessOf(options)) });
  } finally {
    identity.wipe();
  }
}

/** What is asked of a key ring's epoch; the memory of epochs is on unless it is switched off. */
export async function freshnessOf({
  minEpoch,
  memory = true,
}: FreshnessOptions): Promise<Freshness> {
  const { fileEpochMemory } = await import('../index.ts');
  return { minEpoch, epochMemory: memory ? fileEpochMemory({ onWarning: warn }) : 'off' };
}

export async function readCards(paths: readonly string[]): Promise<Card[]> {
  const { readCard } = await import('../index.ts');
  return Promise.all(paths.map((path) => readCard(path)));
}

const maxRecipientsFileBytes = 2 ** 20;

export interface RecipientOptions {
  readonly recipient?: readonly string[];
  readonly recipientsFile?: string;
}

/** The cards that options name, those in the recipients file last. */
export async function recipientsOf(options: RecipientOptions): Promise<Card[]> {
  const { recipient = [], recipientsFile } = options;
  const named = await readCards(recipient);
  return recipientsFile === undefined ? named : [...named, ...(await cardsIn(recipientsFile))];
}

/** Cards from a file of their paths, one per line and relative to it; `#` begins a comment. */
async function cardsIn(file: string): Promise<Card[]> {
  const { readCard, readSmallFile } = await import('../index.ts');
  const lines = Buffer.from(await readSmallFile(file, maxRecipientsFileBytes))
    .toString('utf8')
    .split(/\r?\n/);
  const cards: Card[] = [];
  for (const [i, line] of lines.entries()) {
    const path = line.trim();
    if (path === '' || path.startsWith('#')) continue;
    try {
      cards.push(await readCard(resolve(dirname(file), path)));
    } catch (error) {
      // It may be the wrong file, with a secret in it: no line of it is repeated
      const { code } = asStrongroomError(error);
      throw new StrongroomError(code, `${file}: line ${i + 1} does not lead to a card`, {
        file,
        hint: 'it holds the path of a card on each line, relative to itself',
      });
    }
  }
  return cards;
}

/**
 * Refuses early what the operation would refuse after the passphrase was asked.
 * @param kind `directories` where those above are made too.
 */
export function assertFree(path: string, kind: 'file' | 'directory' | 'directories'): void {
  if (isRemote(path)) return;
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined) {
    if (kind !== 'directories') assertParent(path);
    return;
  }
  if (kind !== 'file' && isEmptyDirectory(path)) return;
  const what = kind === 'file' ? 'exists already' : 'exists already and is not an empty directory';
  throw new StrongroomError('OUTPUT_EXISTS', `${path}: ${what}`, { file: path });
}

const isEmptyDirectory = (path: string): boolean =>
  existsSync(path) && lstatSync(path).isDirectory() && readdirSync(path).length === 0;

/**
 * @throws StrongroomError `NOT_FOUND` unless something is there; `-` always is, and of what is
 *   elsewhere only a request can tell.
 */
export function assertThere(path: string): void {
  if (path === '-' || isRemote(path) || existsSync(path)) return;
  throw new StrongroomError('NOT_FOUND', `${path}: no such file or directory`, { file: path });
}

/** @param what begins the message, such as `an archive is binary`. */
export function assertNoTerminal(what: string): void {
  if (!process.stdout.isTTY) return;
  throw new StrongroomError('OUTPUT_IS_TERMINAL', `${what}, and standard output is a terminal`);
}

/** @throws StrongroomError `USAGE` if standard output would hold both data and a report. */
export function assertOneOutput(options: { readonly json?: boolean }): void {
  if (!options.json) return;
  throw new StrongroomError('USAGE', '--json would mix its report into the data', {
    hint: 'write the data to a file, or leave out --json',
  });
}
