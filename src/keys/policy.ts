/**
 * Trust: whose signatures count, and for what. There is no default trust.
 *
 * docs/format.md#trust-policies
 */
import { realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { z } from 'zod';
import { text } from '../bytes.ts';
import { asStrongroomError, type ErrorContext, StrongroomError } from '../errors.ts';
import { type Card, decodeCard, maxCardBytes } from './card.ts';
import { readAtMost, withFile } from './read.ts';

const maxPolicyBytes = 1048576;

const roles = ['author', 'custodian', 'witness'] as const;
export type Role = (typeof roles)[number];

interface TrustEntry {
  readonly card: Card;
  readonly roles: readonly Role[];
}

export interface Trust {
  readonly entries: readonly TrustEntry[];
}

const policySchema = z.strictObject({
  type: z.literal('strongroom/policy'),
  version: z.literal(1),
  trust: z
    .array(
      z.strictObject({
        card: z.string().min(1).max(4096),
        roles: z
          .array(z.enum(roles))
          .min(1)
          .refine((list) => new Set(list).size === list.length, 'a role twice'),
      }),
    )
    .max(1000),
});

/**
 * Trust in single cards, for sealing and for granting access.
 * @throws StrongroomError `CARD_INVALID` for a card that can sign nothing.
 */
export function trustCards(cards: readonly Card[]): Trust {
  for (const card of cards) assertSigner(card);
  return { entries: cards.map((card) => ({ card, roles: ['author', 'custodian'] })) };
}

/**
 * Reads a trust policy and every card that it names.
 * @throws StrongroomError `POLICY_INVALID`, naming the file and the entry, or the
 *   system's error for the policy file itself.
 */
export async function readPolicy(path: string): Promise<Trust> {
  const bytes = await withFile(path, (fd) => readAtMost(fd, maxPolicyBytes + 1));
  const { trust } = decodePolicy(bytes, path);
  const directory = await realpath(dirname(path));
  const entries: TrustEntry[] = [];
  const firstWith = new Map<string, number>();
  for (const [i, { card: cardPath, roles }] of trust.entries()) {
    const place = `trust[${i}] (${cardPath})`;
    try {
      const card = await readCard(directory, cardPath);
      // Two cards of the same keys could differ in name or validity: which would count?
      const keys = card.signing.map((key) => key.id).join();
      const first = firstWith.get(keys);
      if (first !== undefined) throw broken(`it has the same keys as trust[${first}]`);
      firstWith.set(keys, i);
      entries.push({ card, roles });
    } catch (error) {
      const cause = asStrongroomError(error);
      throw broken(`${path}: ${place}: ${cause.message}`, {
        file: path,
        cause,
        ...(cause.hint === undefined ? {} : { hint: cause.hint }),
      });
    }
  }
  return { entries };
}

/**
 * The card that is trusted in `role` and whose signing key ids are exactly `keyIds`, in
 * the suite's order.
 */
export function trustedCard(trust: Trust, role: Role, keyIds: readonly string[]): Card | undefined {
  if (keyIds.length === 0) return undefined;
  return trust.entries.find(
    ({ card, roles }) =>
      roles.includes(role) &&
      card.signing.length === keyIds.length &&
      card.signing.every((key, i) => key.id === keyIds[i]),
  )?.card;
}

function decodePolicy(bytes: Uint8Array, file: string): z.infer<typeof policySchema> {
  const refuse = (why: string, cause?: unknown) => broken(`${file}: ${why}`, { file, cause });
  if (bytes.length > maxPolicyBytes) throw refuse(`longer than ${maxPolicyBytes} bytes`);
  let value: unknown;
  let source: string;
  try {
    source = text(bytes);
    value = JSON.parse(source);
  } catch (cause) {
    throw refuse('not JSON', cause);
  }
  const twice = duplicateMember(source);
  if (twice !== undefined) throw refuse(`the member ${JSON.stringify(twice)} is there twice`);
  const parsed = policySchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw refuse(`${issue?.path.join('.') || 'document'}: ${issue?.message ?? 'invalid'}`);
}

/**
 * The name of a member that an object of valid JSON has twice. JSON.parse keeps the last
 * one, other readers the first: such a policy means different things to different people.
 */
function duplicateMember(source: string): string | undefined {
  const open: Set<string>[] = [];
  // In valid JSON a string before a colon is a name, and braces outside strings nest
  const tokens = /("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}]/g;
  for (const [token, quoted, colon] of source.matchAll(tokens)) {
    if (token === '{') open.push(new Set());
    if (token === '}') open.pop();
    if (quoted === undefined || colon === undefined) continue;
    const name: string = JSON.parse(quoted);
    if (open.at(-1)?.has(name)) return name;
    open.at(-1)?.add(name);
  }
  return undefined;
}

/** Reads a card below `directory`, which is a real path. */
async function readCard(directory: string, path: string): Promise<Card> {
  if (isAbsolute(path) || /[\\:\0]/.test(path) || path.split('/').includes('..')) {
    throw broken('not a path below the policy file, written with slashes');
  }
  const real = await realpath(resolve(directory, path));
  // A link may point elsewhere below the directory, never out of it
  const below = relative(directory, real);
  if (isAbsolute(below) || below === '..' || below.startsWith(`..${sep}`)) {
    throw broken('a symbolic link leads out of the directory of the policy file');
  }
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
