/**
 * Writing to a registry: a new one, a card, a change of state, a successor. Files are only
 * ever added, each of them whole or not at all.
 *
 * docs/registry.md#files
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { base64, hex } from '../../bytes.ts';
import { createDirectory, createFile } from '../../engine/output.ts';
import { asStrongroomError, StrongroomError } from '../../errors.ts';
import { type Card, encodeCard } from '../../keys/card.ts';
import { sharesKey } from '../../keys/policy.ts';
import type { Signer } from '../../keys/signed.ts';
import { faultInEvent, type KeyEvent, type KeyState, latest } from '../../keys/states.ts';
import { timeOf } from '../../time.ts';
import { type EventBody, encodeEvent, encodeHead, faultInBody, fileDigest } from './event.ts';
import { eventName, type RegisteredEvent, type RegisteredKey, type Registry } from './read.ts';

/** What an administrator states of a key; what is absent is not the case. */
export type Change = Omit<KeyEvent, 'time'>;

/** Who states it, and when: the clock's time unless another is named. */
export interface Statement {
  readonly signer: Signer;
  readonly now?: string | undefined;
}

/**
 * Makes an empty registry; the directory appears whole or not at all.
 * @throws StrongroomError OUTPUT_EXISTS, NOT_FOUND, PERMISSION_DENIED.
 */
export function createRegistry(
  directory: string,
  { name, signer, now = timeOf() }: Statement & { readonly name: string },
): { readonly id: string } {
  const id = hex(randomBytes(32));
  const head = { created: now, id, name, type: 'strongroom/registry', version: 1 } as const;
  const bytes = encodeHead(head, signer);
  const output = createDirectory(directory);
  try {
    writeFileSync(join(output.path, 'registry.json'), bytes);
    // Digests cover line ends, which git must therefore leave as they are
    writeFileSync(join(output.path, '.gitattributes'), '* -text\n');
    // Staged for its maker alone, but a registry is there to be read
    chmodSync(output.path, 0o777 & ~process.umask());
    output.commit();
  } catch (error) {
    throw asStrongroomError(error, directory);
  } finally {
    output.discard();
  }
  return { id };
}

/** A card that a registry is to have, and its first event. */
export interface Addition {
  readonly card: Card;
  readonly change: Change;
}

/**
 * Adds cards, each with its first event; none if one of them does not fit.
 * @returns the paths that were written, relative to the registry.
 * @throws StrongroomError USAGE if a key is there already, or a change cannot be.
 */
export function addKeys(registry: Registry, additions: readonly Addition[], by: Statement) {
  const cards = registry.entries.map(({ card }) => card);
  const files = additions.flatMap(({ card, change }) => {
    const added = newKey(registry, cards, { card, change }, by);
    cards.push(card);
    return added;
  });
  return write(registry, files);
}

/**
 * Adds an event to a key that the registry has.
 * @throws StrongroomError USAGE if a key in its state cannot change so.
 */
export function changeKey(
  registry: Registry,
  key: RegisteredKey,
  change: Change,
  by: Statement,
): string[] {
  return write(registry, [nextEvent(registry, key, change, by)]);
}

/** States that end with the arrival of a successor; in the others a key stays as it is. */
const endedByRotation: readonly KeyState[] = ['active', 'suspended'];

/**
 * Adds `card` as the successor of `key`, in its roles and active at once. The old key is
 * deactivated, or stays active until the time `until`, if it was active or suspended.
 * @throws StrongroomError USAGE, as `addKeys` and `changeKey`.
 */
export function rotateKey(
  registry: Registry,
  key: RegisteredKey,
  card: Card,
  options: Statement & {
    readonly until?: string | undefined;
    readonly reason?: string | undefined;
  },
): string[] {
  const { until, reason } = options;
  const now = options.now ?? timeOf();
  const { roles, state, compromised, activates } = latest(key.life);
  if (until !== undefined && state !== 'active') {
    throw new StrongroomError('USAGE', `the old key is ${state}, and cannot stay active`);
  }
  const ended = endedByRotation.includes(state) ? 'deactivated' : state;
  const old: Change = {
    state: until === undefined ? ended : 'active',
    roles,
    ...(until === undefined ? {} : { activates, expires: until }),
    compromised,
    successor: card.kem.id,
    reason,
  };
  const by = { ...options, now };
  const cards = registry.entries.map((entry) => entry.card);
  return write(registry, [
    ...newKey(registry, cards, { card, change: { state: 'active', roles, reason } }, by),
    nextEvent(registry, key, old, by),
  ]);
}

interface NewFile {
  /** Relative to the registry. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

function newKey(
  registry: Registry,
  cards: readonly Card[],
  { card, change }: Addition,
  by: Statement,
): NewFile[] {
  const other = cards.find((known) => sharesKey(known, card));
  if (other !== undefined) {
    throw new StrongroomError('USAGE', `the registry has the key of ${other.name} already`, {
      hint: 'change its state with "strongroom keys state"',
    });
  }
  const bytes = encodeCard(card);
  const key = { id: card.kem.id, life: [], card: base64(fileDigest(bytes)) };
  return [{ path: join('cards', `${key.id}.card`), bytes }, eventFor(registry, key, change, by)];
}

const nextEvent = (
  registry: Registry,
  { id, life }: RegisteredKey,
  change: Change,
  by: Statement,
) => eventFor(registry, { id, life, card: life[0].card }, change, by);

function eventFor(
  registry: Registry,
  key: { readonly id: string; readonly life: readonly RegisteredEvent[]; readonly card: string },
  change: Change,
  { signer, now = timeOf() }: Statement,
): NewFile {
  const previous = key.life.at(-1);
  // A clock that is behind must not keep a key from being suspended
  const time = previous !== undefined && previous.time > now ? previous.time : now;
  const stated = Object.entries(change).filter(([, value]) => value !== undefined);
  const event: KeyEvent = { ...(Object.fromEntries(stated) as unknown as Change), time };
  const body: EventBody = {
    ...(event as Omit<EventBody, 'time'> & { readonly time: string }),
    card: key.card,
    key: key.id,
    number: key.life.length + 1,
    ...(previous === undefined ? {} : { previous: previous.digest }),
    registry: registry.id,
    type: 'strongroom/registry-event',
    version: 1,
  };
  const fault = faultInBody(body) ?? faultInEvent(event, previous);
  if (fault !== undefined) {
    throw new StrongroomError('USAGE', fault, { hint: 'see docs/registry.md for what may follow' });
  }
  const bytes = encodeEvent(body, signer);
  return { path: join('events', key.id, eventName(body.number, fileDigest(bytes))), bytes };
}

/**
 * In order and one by one: if it ends between two, the registry is refused for a card
 * without events or a missing successor until what was written is removed.
 */
function write(registry: Registry, files: readonly NewFile[]): string[] {
  for (const { path, bytes } of files) {
    const target = join(registry.directory, path);
    try {
      mkdirSync(dirname(target), { recursive: true });
      const output = createFile(target);
      try {
        writeFileSync(output.path, bytes);
        output.commit();
      } finally {
        output.discard();
      }
    } catch (error) {
      throw asStrongroomError(error, target);
    }
  }
  return files.map(({ path }) => path);
}
