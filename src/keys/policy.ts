/**
 * Trust: whose signatures count, and for what. There is no default trust.
 *
 * docs/format.md#trust-policies
 */
import { realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { z } from 'zod';
import { asStrongroomError, type ErrorContext, StrongroomError } from '../errors.ts';
import { decodeAnyLayout } from '../json.ts';
import { type Card, decodeCard, maxCardBytes } from './card.ts';
import { readAtMost, withFile } from './read.ts';
import { type Role, rolesSchema } from './roles.ts';
import { signsWith } from './signed.ts';
import type { KeyLife } from './states.ts';

const maxPolicyBytes = 1048576;

const pathSchema = z.string().min(1).max(4096);

export interface TrustEntry {
  readonly card: Card;
  /** None for who is only known as a recipient. */
  readonly roles: readonly Role[];
  /** Absent where nobody keeps track of the key's state. */
  readonly life?: KeyLife;
}

export interface Trust {
  readonly entries: readonly TrustEntry[];
  /** Whether there is a registry: then nothing is sealed or granted to a key that is not in it. */
  readonly registered?: boolean;
  /** Of the registry: one of them has signed whatever it says. */
  readonly administrators?: readonly Card[];
  /**
   * Whether to believe the time in a signature by a key that was compromised later: whoever
   * got the key could have written any time.
   */
  readonly acceptBeforeCompromise?: boolean;
  /** Told, in words, of what is accepted although its reader should know a doubt. */
  readonly onWarning?: (message: string) => void;
}

/** Where a policy says that keys have their states from. */
interface RegistryReference {
  /** A real path. */
  readonly directory: string;
  readonly administrators: readonly Card[];
  /** A real path. */
  readonly checkpoint?: string;
  readonly acceptBeforeCompromise: boolean;
}

/** Reads what a policy refers to; `readRegistry` of the room `custody` is the one there is. */
export type RegistryReader = (reference: RegistryReference) => Promise<Trust>;

const policySchema = z.strictObject({
  type: z.literal('strongroom/policy'),
  version: z.literal(1),
  trust: z.array(z.strictObject({ card: pathSchema, roles: rolesSchema.min(1) })).max(1000),
  registry: z
    .strictObject({
      acceptBeforeCompromise: z.boolean().exactOptional(),
      administrators: z.array(pathSchema).min(1).max(100),
      checkpoint: pathSchema.exactOptional(),
      path: pathSchema,
    })
    .exactOptional(),
});

/**
 * Trust in single cards, for sealing and for granting access.
 * @throws StrongroomError `CARD_INVALID` for a card that can sign nothing, and for two cards that
 *   have a key in common: they could differ in name or validity, and which would count?
 */
export function trustCards(cards: readonly Card[]): Trust {
  for (const [i, card] of cards.entries()) {
    assertSigner(card);
    const other = cards.slice(0, i).find((before) => sharesKey(before, card));
    if (other === undefined) continue;
    const names = other.name === card.name ? card.name : `${other.name} and ${card.name}`;
    throw new StrongroomError('CARD_INVALID', `two cards with the same key: ${names}`, {
      hint: 'name only the one that counts',
    });
  }
  return { entries: cards.map((card) => ({ card, roles: ['author', 'custodian'] })) };
}

/**
 * Reads a trust policy and every card that it names.
 * @param readRegistry without it, a policy that names a registry is refused.
 * @throws StrongroomError `POLICY_INVALID`, naming the file and the entry; the system's
 *   error for the policy file itself; and what `readRegistry` throws.
 */
export async function readPolicy(path: string, readRegistry?: RegistryReader): Promise<Trust> {
  const bytes = await withFile(path, (fd) => readAtMost(fd, maxPolicyBytes + 1));
  const { trust, registry } = decodePolicy(bytes, path);
  const directory = await realpath(dirname(path));
  const entries: TrustEntry[] = [];
  for (const [i, { card: cardPath, roles }] of trust.entries()) {
    await inPlace(path, `trust[${i}] (${cardPath})`, async () => {
      const card = await readCard(directory, cardPath);
      const first = entries.findIndex((entry) => sharesKey(entry.card, card));
      if (first >= 0) throw broken(`it has the same keys as trust[${first}]`);
      entries.push({ card, roles });
    });
  }
  if (registry === undefined) return { entries };
  if (readRegistry === undefined) throw broken(`${path}: a registry is not expected here`);
  const registered = await readRegistry(await referenceOf(path, directory, registry));
  for (const [i, { card }] of entries.entries()) {
    // It would have roles but no state, or two cards: which would count?
    if (registered.entries.every((entry) => !sharesKey(entry.card, card))) continue;
    throw broken(`${path}: trust[${i}]: it is in the registry, which tells its roles`);
  }
  return { ...registered, entries: [...registered.entries, ...entries] };
}

type PolicyRegistry = NonNullable<z.infer<typeof policySchema>['registry']>;

async function referenceOf(
  policy: string,
  directory: string,
  { path, administrators, checkpoint, acceptBeforeCompromise = false }: PolicyRegistry,
): Promise<RegistryReference> {
  const cards: Card[] = [];
  for (const [i, cardPath] of administrators.entries()) {
    await inPlace(policy, `registry.administrators[${i}] (${cardPath})`, async () => {
      cards.push(await readCard(directory, cardPath));
    });
  }
  return inPlace(policy, 'registry', async () => ({
    directory: await pathBelow(directory, path),
    administrators: cards,
    ...(checkpoint === undefined ? {} : { checkpoint: await pathBelow(directory, checkpoint) }),
    acceptBeforeCompromise,
  }));
}

/** Whether two cards have a key in common. */
export const sharesKey = (a: Card, b: Card): boolean => {
  const ids = new Set([a.kem, ...a.signing].map(({ id }) => id));
  return [b.kem, ...b.signing].some(({ id }) => ids.has(id));
};

async function inPlace<T>(policy: string, place: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const cause = asStrongroomError(error);
    throw broken(`${policy}: ${place}: ${cause.message}`, {
      file: policy,
      cause,
      ...(cause.hint === undefined ? {} : { hint: cause.hint }),
    });
  }
}

/**
 * The card that is trusted in `role` and whose signing key ids are exactly `keyIds`, in
 * the suite's order.
 */
export function trustedCard(trust: Trust, role: Role, keyIds: readonly string[]): Card | undefined {
  return trust.entries.find(({ card, roles }) => roles.includes(role) && signsWith(card, keyIds))
    ?.card;
}

const decodePolicy = (bytes: Uint8Array, file: string): z.infer<typeof policySchema> =>
  decodeAnyLayout(bytes, policySchema, {
    what: file,
    file,
    code: 'POLICY_INVALID',
    maxBytes: maxPolicyBytes,
  });

/** The real path of what lies below `directory`, which is a real path. */
async function pathBelow(directory: string, path: string): Promise<string> {
  if (isAbsolute(path) || /[\\:\0]/.test(path) || path.split('/').includes('..')) {
    throw broken('not a path below the policy file, written with slashes');
  }
  const real = await realpath(resolve(directory, path));
  // A link may point elsewhere below the directory, never out of it
  const below = relative(directory, real);
  if (isAbsolute(below) || below === '..' || below.startsWith(`..${sep}`)) {
    throw broken('a symbolic link leads out of the directory of the policy file');
  }
  return real;
}

async function readCard(directory: string, path: string): Promise<Card> {
  const real = await pathBelow(directory, path);
  if (!(await stat(real)).isFile()) throw broken('not a regular file');
  const card = decodeCard(await withFile(real, (fd) => readAtMost(fd, maxCardBytes + 1)));
  assertSigner(card);
  return card;
}

function assertSigner(card: Card): void {
  if (card.signing.length > 0) return;
  throw new StrongroomError('CARD_INVALID', `the card of ${card.name} has no signing keys`, {
    hint: 'it was imported for a recipient; ask its owner for the card that keygen wrote',
  });
}

const broken = (message: string, context: ErrorContext = {}) =>
  new StrongroomError('POLICY_INVALID', message, context);
