/** Registries to keep, alter and forge. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { encodeEvent, fileDigest } from '#strongroom/custody/registry/event.js';
import { eventName, type Registry, readRegistry } from '#strongroom/custody/registry/read.js';
import {
  addKeys,
  type Change,
  changeKey,
  createRegistry,
} from '#strongroom/custody/registry/write.js';
import { type Card, createIdentity, type Identity } from '#strongroom/index.js';

export const born = '2026-01-01T00:00:00Z';
export const admin = createIdentity({ name: 'Admin', now: born });
export const ada = createIdentity({ name: 'Ada', now: born });
export const bob = createIdentity({ name: 'Bob', now: born });
export const eve = createIdentity({ name: 'Eve', now: born });

export const administrators = [admin.card];

/** A time in the year of the tests: `on(3)` is 1 March. */
export const on = (month: number, day = 1): string =>
  `2026-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}T00:00:00Z`;

export interface Kept {
  readonly directory: string;
  read(): Promise<Registry>;
  add(card: Card, change?: Partial<Change>, now?: string): Promise<string[]>;
  change(card: Card, change: Partial<Change>, now: string, signer?: Identity): Promise<string[]>;
}

/** An empty registry that is gone after the test. */
export function registry(signer: Identity = admin): Kept {
  const parent = mkdtempSync(join(tmpdir(), 'strongroom-registry-'));
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
  const directory = join(parent, 'registry');
  createRegistry(directory, { name: 'Lab', signer, now: born });
  return kept(directory);
}

export function kept(directory: string): Kept {
  const read = () => readRegistry(directory, { administrators });
  return {
    directory,
    read,
    async add(card, change = {}, now = on(1, 2)) {
      const first = { state: 'active', roles: [], activates: born, ...change } as const;
      return addKeys(await read(), [{ card, change: first }], { signer: admin, now });
    },
    async change(card, change, now, signer = admin) {
      const found = await read();
      const key = found.entries.find(({ id }) => id === card.kem.id);
      if (key === undefined) throw new Error('no such key');
      const next = { state: 'active', roles: key.roles, ...change } as const;
      return changeKey(found, key, next, { signer, now });
    },
  };
}

/** Files of a key's events, in order, relative to the registry. */
export const eventsOf = (directory: string, card: Card): string[] =>
  readdirSync(join(directory, 'events', card.kem.id))
    .sort()
    .map((name) => join('events', card.kem.id, name));

export const parsed = (directory: string, file: string) =>
  JSON.parse(readFileSync(join(directory, file), 'utf8'));

/** Writes an event that is signed as it should be, whatever it says. */
export function forge(directory: string, body: object, signer: Identity = admin): string {
  const event = body as Parameters<typeof encodeEvent>[0];
  const bytes = encodeEvent(event, signer);
  const file = join('events', event.key, eventName(event.number, fileDigest(bytes)));
  writeFileSync(join(directory, file), bytes);
  return file;
}
