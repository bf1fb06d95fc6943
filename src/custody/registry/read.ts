/**
 * Reading a registry: every file of it is held to be signed by an administrator, and every
 * key's history to be whole and in order.
 *
 * docs/registry.md#how-to-read
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { base64, hex } from '../../bytes.ts';
import { asStrongroomError, isStrongroomError, StrongroomError } from '../../errors.ts';
import { type Card, decodeCard, maxCardBytes } from '../../keys/card.ts';
import type { Trust, TrustEntry } from '../../keys/policy.ts';
import { readAtMost, withFile } from '../../keys/read.ts';
import { faultInEvent, latest } from '../../keys/states.ts';
import { assertReached, readCheckpoint } from './checkpoint.ts';
import { decodeEvent, decodeHead, type EventBody, fileDigest, registryLimits } from './event.ts';

export interface RegistryOptions {
  /** Whose signatures count. Nobody is an administrator by default. */
  readonly administrators: readonly Card[];
  /** Path of a checkpoint: a registry that lacks an event that it names is refused. */
  readonly checkpoint?: string | undefined;
  /** See `Trust`. */
  readonly acceptBeforeCompromise?: boolean | undefined;
}

/** One event, as it was read. */
export interface RegisteredEvent extends Omit<EventBody, 'registry' | 'type' | 'version'> {
  /** Base64, SHA-384 over its file. */
  readonly digest: string;
  /** Relative to the registry. */
  readonly file: string;
  /** Name of the administrator who signed it. */
  readonly by: string;
}

export interface RegisteredKey extends TrustEntry {
  /** KEM key id, which the registry knows the card by. */
  readonly id: string;
  readonly life: readonly [RegisteredEvent, ...RegisteredEvent[]];
}

/** A registry is trust: in every card of it, in the roles that its last event gives it. */
export interface Registry extends Trust {
  /** Hex, 32 random bytes. */
  readonly id: string;
  readonly name: string;
  readonly created: string;
  readonly directory: string;
  readonly administrators: readonly Card[];
  /** In the order of their ids. */
  readonly entries: readonly RegisteredKey[];
  readonly registered: true;
}

/**
 * Reads the registry in `directory`.
 * @throws StrongroomError REGISTRY_INVALID, REGISTRY_UNTRUSTED, REGISTRY_FORKED,
 *   REGISTRY_ROLLED_BACK, CARD_INVALID, KEY_INVALID, NOT_FOUND.
 */
export async function readRegistry(directory: string, options: RegistryOptions): Promise<Registry> {
  const { administrators, checkpoint, acceptBeforeCompromise = false } = options;
  const pinned = checkpoint === undefined ? undefined : await readCheckpoint(checkpoint);
  const headFile = join(directory, 'registry.json');
  const { body: head } = decodeHead(await read(headFile), headFile, administrators);
  const cards = await list(join(directory, 'cards'), /^[0-9a-f]{64}\.card$/, 'file');
  const histories = await list(join(directory, 'events'), /^[0-9a-f]{64}$/, 'directory');
  const ids = cards.map((name) => name.slice(0, 64));
  assertPaired(directory, ids, histories);
  const entries: RegisteredKey[] = [];
  for (const id of ids) entries.push(await readKey(directory, head.id, id, administrators));
  assertDistinct(entries);
  assertSuccessors(entries);
  const registry: Registry = {
    id: head.id,
    name: head.name,
    created: head.created,
    directory,
    administrators,
    entries,
    registered: true,
    acceptBeforeCompromise,
  };
  if (pinned !== undefined) assertReached(pinned, registry, checkpoint ?? '');
  return registry;
}

const invalid = (file: string, why: string, hint?: string) =>
  new StrongroomError('REGISTRY_INVALID', `${file}: ${why}`, {
    file,
    ...(hint === undefined ? {} : { hint }),
  });

const read = (path: string): Promise<Uint8Array> =>
  withFile(path, (fd) => readAtMost(fd, registryLimits.fileBytes + 1));

/** The sorted names in a directory, which may be missing: git keeps no empty ones. */
async function list(path: string, pattern: RegExp, kind: 'file' | 'directory'): Promise<string[]> {
  let found: Awaited<ReturnType<typeof entriesOf>>;
  try {
    found = await entriesOf(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw asStrongroomError(error, path);
  }
  for (const entry of found) {
    const isKind = kind === 'file' ? entry.isFile() : entry.isDirectory();
    if (pattern.test(entry.name) && isKind) continue;
    throw invalid(join(path, entry.name), 'does not belong here', 'move it out of the registry');
  }
  return found.map(({ name }) => name).sort();
}

const entriesOf = (path: string) => readdir(path, { withFileTypes: true });

/** Every card has a history and every history a card. */
function assertPaired(
  directory: string,
  cards: readonly string[],
  histories: readonly string[],
): void {
  if (cards.length > registryLimits.keys) {
    throw invalid(directory, `more than ${registryLimits.keys} keys`);
  }
  const [have, want] = [new Set(histories), new Set(cards)];
  for (const id of cards) {
    if (have.has(id)) continue;
    const hint = 'restore its events, or remove the card if "keys add" was interrupted';
    throw invalid(join(directory, 'cards', `${id}.card`), 'a card without events', hint);
  }
  for (const id of histories) {
    if (!want.has(id)) throw invalid(join(directory, 'events', id), 'events without a card');
  }
}

async function readKey(
  directory: string,
  registry: string,
  id: string,
  administrators: readonly Card[],
): Promise<RegisteredKey> {
  const cardFile = join(directory, 'cards', `${id}.card`);
  const cardBytes = await withFile(cardFile, (fd) => readAtMost(fd, maxCardBytes + 1));
  const card = cardIn(cardFile, cardBytes);
  if (card.kem.id !== id) throw invalid(cardFile, 'the card is of another key');
  const folder = join('events', id);
  const events: RegisteredEvent[] = [];
  for (const name of await list(join(directory, folder), /^\d{4}-[0-9a-f]{16}\.json$/, 'file')) {
    const file = join(directory, folder, name);
    const bytes = await read(file);
    const { body, by } = decodeEvent(bytes, file, administrators);
    const { registry: of, type: _, version: __, ...rest } = body;
    if (of !== registry) throw invalid(file, 'an event of another registry');
    if (rest.key !== id) throw invalid(file, 'an event of another key');
    const digest = fileDigest(bytes);
    if (name !== eventName(rest.number, digest)) throw invalid(file, 'has the wrong name');
    if (rest.card !== base64(fileDigest(cardBytes))) throw invalid(file, 'names another card');
    const at = join(folder, name);
    events.push({ ...rest, digest: base64(digest), file: at, by: by.name });
  }
  const life = inOrder(directory, events);
  return { id, card, roles: latest(life).roles, life };
}

function cardIn(file: string, bytes: Uint8Array): Card {
  try {
    return decodeCard(bytes);
  } catch (error) {
    // Of a newer version it is, and not damaged
    if (!isStrongroomError(error, 'CARD_INVALID')) throw error;
    throw invalid(file, error.message);
  }
}

/** How the file of an event is called: two of the same number never share a name. */
export const eventName = (number: number, digest: Uint8Array): string =>
  `${String(number).padStart(4, '0')}-${hex(digest.subarray(0, 8))}.json`;

/** The events of one key, which come sorted by number, as one unbroken chain. */
function inOrder(directory: string, events: readonly RegisteredEvent[]): RegisteredKey['life'] {
  for (const [i, event] of events.entries()) {
    const before = events[i - 1];
    const file = join(directory, event.file);
    if (event.number === before?.number) {
      const message = `${file}: the history forks: ${before.file} is event ${event.number} too`;
      throw new StrongroomError('REGISTRY_FORKED', message, { file });
    }
    if (event.number !== i + 1) throw invalid(file, `event ${i + 1} is missing before it`);
    if (event.previous !== before?.digest) throw invalid(file, 'does not follow the one before it');
    const fault = faultInEvent(event, before);
    if (fault !== undefined) throw invalid(file, fault);
  }
  const [first, ...rest] = events;
  if (first === undefined) throw invalid(join(directory, 'events'), 'a key without events');
  return [first, ...rest];
}

/** No key is on two cards: a signature must lead to one of them. */
function assertDistinct(entries: readonly RegisteredKey[]): void {
  const seen = new Map<string, RegisteredKey>();
  for (const entry of entries) {
    for (const { id } of [entry.card.kem, ...entry.card.signing]) {
      const other = seen.get(id);
      if (other !== undefined) {
        throw invalid(`cards/${entry.id}.card`, `has a key in common with cards/${other.id}.card`);
      }
      seen.set(id, entry);
    }
  }
}

function assertSuccessors(entries: readonly RegisteredKey[]): void {
  const ids = new Set(entries.map(({ id }) => id));
  for (const { id, life } of entries) {
    for (const { successor, file } of life) {
      if (successor === undefined || (successor !== id && ids.has(successor))) continue;
      throw invalid(file, 'names a successor that is not in the registry');
    }
  }
}
