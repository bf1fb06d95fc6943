/** Archives to open, alter and forge: who takes part, what is sealed, where its regions lie. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, onTestFinished } from 'vitest';
import { type Core, decodeCore, payloadOffset } from '#strongroom/archive/core.js';
import { decodeFooter, type Footer, footerBytes } from '#strongroom/archive/footer.js';
import { readFront } from '#strongroom/archive/reader.js';
import { keptSource } from '#strongroom/engine/source.js';
import { type ErrorCode, isStrongroomError } from '#strongroom/errors.js';
import {
  type Card,
  createIdentity,
  type Identity,
  type SealOptions,
  type SuiteName,
  seal,
  type Trust,
  trustCards,
} from '#strongroom/index.js';
import type { KeyState } from '#strongroom/keys/states.js';

export const segmentBytes = 4096;

/** Made once a file of tests: keys take longer than anything done with them. */
export function people(suite: SuiteName = 'hybrid') {
  const made = (name: string): Identity => createIdentity({ name, suite });
  const [author, reader, insider, stranger] = ['author', 'reader', 'insider', 'stranger'].map(
    made,
  ) as [Identity, Identity, Identity, Identity];
  return { author, reader, insider, stranger, trust: trustCards([author.card]) };
}

export type People = ReturnType<typeof people>;

/** Trust in a card whose key a registry says is in `state` since 2000. */
export function trustWhile(state: KeyState, card: Card): Trust {
  const life = [{ time: '2000-01-01T00:00:00Z', state, roles: [] }] as const;
  return { entries: [{ card, roles: ['author', 'custodian'], life }] };
}

/** A directory that is gone after the test. */
export function workspace(parent = tmpdir()): string {
  const path = mkdtempSync(join(parent, 'strongroom-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A directory for all tests of a file. */
export function sharedWorkspace(): string {
  const path = mkdtempSync(join(tmpdir(), 'strongroom-'));
  afterAll(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Paths and what they hold; a path that ends in a slash is a directory. */
export type Files = Readonly<Record<string, Uint8Array | string>>;

export function writeFiles(root: string, files: Files): string {
  mkdirSync(root, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    const at = join(root, path);
    mkdirSync(path.endsWith('/') ? at : dirname(at), { recursive: true });
    if (!path.endsWith('/')) writeFileSync(at, content);
  }
  return root;
}

/** Every file below `root` with its content; directories with a slash and nothing. */
export function readFiles(root: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(root, { withFileTypes: true, recursive: true })) {
    const at = join(entry.parentPath, entry.name);
    const path = at.slice(root.length + 1);
    if (entry.isDirectory()) found[`${path}/`] = '';
    else found[path] = readFileSync(at, 'latin1');
  }
  return found;
}

/** Bytes that look random and are the same in every run: no part equals another. */
export function noise(length: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[i] = state ^ (i * 2654435761);
  }
  return new Uint8Array(words.buffer, 0, length);
}

export interface Made extends Partial<SealOptions> {
  readonly who: People;
  readonly files: Files;
  readonly name?: string;
}

/** Seals `files` in `root`; returns the path of the archive. */
export async function makeArchive(root: string, made: Made): Promise<string> {
  const { who, files, name = 'archive', ...options } = made;
  const output = join(root, `${name}.srm`);
  const source = writeFiles(join(root, `${name}-source`), files);
  const recipients = [who.reader.card, who.insider.card];
  await seal(source, { output, recipients, signer: who.author, segmentBytes, ...options });
  return output;
}

export interface Regions {
  readonly core: Core;
  readonly footer: Footer;
  /** Begin and end of each region in the archive. */
  readonly at: Readonly<Record<RegionName, readonly [from: number, to: number]>>;
}

export type RegionName =
  | 'core'
  | 'slotA'
  | 'slotB'
  | 'header'
  | 'segments'
  | 'manifest'
  | 'tiles'
  | 'seal'
  | 'footer';

/** Where everything lies in an archive that is whole. */
export function regionsOf(bytes: Uint8Array): Regions {
  const core = decodeCore(bytes.subarray(0, 4096), 'archive');
  const footer = decodeFooter(bytes.subarray(-footerBytes), core, bytes.length, 'archive');
  const payload = payloadOffset(core);
  const ends: [RegionName, number][] = [
    ['core', 4096],
    ['slotA', 4096 + core.slotBytes],
    ['slotB', payload],
    ['header', payload + 74],
    ['segments', footer.manifestAt],
    ['manifest', footer.tilesAt],
    ['tiles', footer.sealAt],
    ['seal', footer.sealAt + footer.sealBytes],
    ['footer', bytes.length],
  ];
  let from = 0;
  const at = {} as Record<RegionName, readonly [number, number]>;
  for (const [name, to] of ends) {
    at[name] = [from, to];
    from = to;
  }
  return { core, footer, at };
}

export const inMemory = (bytes: Uint8Array) =>
  keptSource('archive', bytes.length, [{ at: 0, bytes }]);

export const frontOf = (bytes: Uint8Array) => readFront(inMemory(bytes));

/** The code that `run` is refused with, or `accepted`. Anything but a refusal fails the test. */
export async function outcome(run: () => unknown): Promise<ErrorCode | 'accepted'> {
  try {
    await run();
    return 'accepted';
  } catch (error) {
    if (isStrongroomError(error)) return error.code;
    throw error;
  }
}

/** What is in a directory besides `known`: nothing, after a refusal. */
export const leftovers = (directory: string, ...known: readonly string[]): string[] =>
  readdirSync(directory).filter((name) => !known.includes(name));
