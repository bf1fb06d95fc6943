/** What the commands on a registry share: where it is, whose word counts in it, which key is meant. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { StrongroomError } from '../../errors.ts';
import type { Identity, RegisteredKey, Registry } from '../../index.ts';
import { readCards, unlockIdentity } from '../access.ts';
import { collect, passphraseOptions } from '../options.ts';
import type { PassphraseOptions } from '../passphrase.ts';

export interface RegistrySource {
  readonly registry?: string;
  readonly admin?: readonly string[];
  readonly checkpoint?: string;
  readonly trust?: string;
}

export interface SignOptions extends RegistrySource, PassphraseOptions {
  readonly sign: string;
}

export const usualDirectory = 'registry';

export const registryOptions = (command: Command): Command =>
  command
    .option('--registry <DIR>', `where it is, by default ${usualDirectory}`)
    .option('--admin <CARD>', 'trust this administrator; repeatable', collect)
    .option('--checkpoint <FILE>', 'refuse it if an event in FILE is gone')
    .option('--trust <POLICY>', 'take all this from a policy instead');

export const signOptions = (command: Command): Command =>
  passphraseOptions(
    registryOptions(command.requiredOption('--sign <IDENTITY>', 'the administrator who signs')),
  );

/**
 * Reads and verifies the registry that the options name.
 * @param sign an administrator's identity, whose card is trusted as well.
 * @throws StrongroomError `NO_TRUST` if nobody is an administrator.
 */
export async function openRegistry(options: RegistrySource, sign?: string): Promise<Registry> {
  const { registry = usualDirectory, admin = [], checkpoint, trust } = options;
  const library = await import('../../index.ts');
  if (trust !== undefined) {
    if (options.registry !== undefined || admin.length > 0 || checkpoint !== undefined) {
      throw new StrongroomError('USAGE', '--trust goes without the other options of a registry', {
        hint: 'the policy names directory, administrators and checkpoint',
      });
    }
    return library.readPolicyRegistry(trust);
  }
  const administrators = await readCards(admin);
  if (sign !== undefined) administrators.push(await library.readCard(sign, { ofIdentity: true }));
  if (administrators.length > 0) {
    return library.readRegistry(registry, { administrators, checkpoint });
  }
  throw new StrongroomError('NO_TRUST', 'no administrator of the registry is named', {
    hint: 'name whom you trust: --admin CARD or --trust POLICY',
  });
}

/** Unlocks the administrator after all that can fail without a passphrase. */
export async function signing<T>(
  options: SignOptions,
  registry: Registry | undefined,
  use: (signer: Identity) => T,
): Promise<T> {
  const signer = await unlockIdentity(options.sign, options);
  try {
    const { signingIds, signsWith } = await import('../../keys/signed.ts');
    const ids = signingIds(signer.card);
    const isKnown = registry?.administrators.some((card) => signsWith(card, ids));
    if (isKnown !== false) return use(signer);
    throw new StrongroomError('REGISTRY_UNTRUSTED', `${signer.card.name} is no administrator`, {
      hint: 'sign with an identity whose card the policy names as administrator',
    });
  } finally {
    signer.wipe();
  }
}

const shortestPrefix = 8;

/**
 * The key that `text` means: a name, a fingerprint, a card file, or the beginning of a key id.
 * @throws StrongroomError `KEY_UNLISTED`, or `USAGE` if it means several.
 */
export async function findKey(registry: Registry, text: string): Promise<RegisteredKey> {
  const isPrefix = text.length >= shortestPrefix && /^[0-9a-f]+$/.test(text);
  let found = registry.entries.filter(
    ({ card }) =>
      card.name === text ||
      card.fingerprint === text ||
      (isPrefix && [card.kem, ...card.signing].some(({ id }) => id.startsWith(text))),
  );
  if (found.length === 0 && existsSync(text)) {
    const { readCard } = await import('../../index.ts');
    const { kem } = await readCard(text);
    found = registry.entries.filter(({ id }) => id === kem.id);
  }
  const [key, ...others] = found;
  if (key === undefined) {
    throw new StrongroomError('KEY_UNLISTED', `${text}: no key in the registry is called so`, {
      hint: 'see "strongroom keys list"',
    });
  }
  if (others.length === 0) return key;
  const ids = found.map(({ id }) => id.slice(0, 16)).join(', ');
  throw new StrongroomError('USAGE', `${text}: several keys are called so`, {
    hint: `name one of them: ${ids}`,
  });
}
