/** What faults happen to: keys, a model, its archive and a log, made once with the command. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  decodeCard,
  decodeIdentity,
  type Identity,
  open,
  type Trust,
  trustCards,
} from '#strongroom/index.js';
import { noise } from '../support/archive.ts';
import { strongroom } from './command.ts';

export interface World {
  readonly root: string;
  readonly source: string;
  readonly archive: string;
  /** The same with one recipient more. */
  readonly granted: string;
  readonly log: string;
  /** What the key of the log remembers. */
  readonly logState: string;
  readonly documents: string;
  readonly lab: Identity;
  readonly partner: Identity;
  readonly guest: Identity;
  readonly trust: Trust;
  /** Of every file of the model. */
  readonly digest: string;
  /** Entries of the log. */
  readonly entries: number;
}

/** Files of every shape that the engine knows: some share a segment, one has several. */
const model: Readonly<Record<string, Uint8Array>> = {
  'config.json': Buffer.from('{}'),
  'empty.txt': Buffer.alloc(0),
  'weights/a.bin': noise(2_700_000, 1),
  'weights/b.bin': noise(70_000, 2),
};

export async function makeWorld(root: string): Promise<World> {
  const at = (name: string) => join(root, name);
  const run = async (...args: string[]) => {
    const ended = await strongroom(args, { cwd: root });
    if (ended.status !== 0) throw new Error(`${args.join(' ')}: ${ended.stderr}`);
  };
  for (const [path, bytes] of Object.entries(model)) {
    mkdirSync(join(at('model'), path, '..'), { recursive: true });
    writeFileSync(join(at('model'), path), bytes);
  }
  for (const name of ['lab', 'partner', 'guest']) {
    await run('keygen', '--name', name, '--plain', '-o', `${name}.key`);
  }
  const own = ['--sign', 'lab.key', '-r', 'lab.key.card', '-r', 'partner.key.card'];
  await run('seal', 'model', '-o', 'a.srm', ...own);
  await run('seal', 'model', '-o', 'g.srm', ...own, '-r', 'guest.key.card');
  const entries = 253;
  const lines = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => `document ${from + i}\n`).join('');
  writeFileSync(at('first'), lines(0, entries));
  writeFileSync(at('next'), lines(entries, 5));
  await run('ledger', 'keygen', '--name', 'example.com/log', '--plain', '-o', 'log.key');
  await run('ledger', 'init', 'log', '--key', 'log.key');
  await run('ledger', 'append', 'log', 'first', '--lines', '--key', 'log.key');
  const identity = (name: string) => decodeIdentity(readFileSync(at(`${name}.key`)));
  return {
    root,
    source: at('model'),
    archive: at('a.srm'),
    granted: at('g.srm'),
    log: at('log'),
    logState: at('.state'),
    documents: at('next'),
    lab: await identity('lab'),
    partner: await identity('partner'),
    guest: await identity('guest'),
    trust: trustCards([decodeCard(readFileSync(at('lab.key.card')))]),
    digest: digestOf(at('model')),
    entries,
  };
}

/** Of all files below a directory, and of its directories. */
export function digestOf(directory: string): string {
  const hash = createHash('sha256');
  const found = readdirSync(directory, { withFileTypes: true, recursive: true });
  const paths = found.map((entry) => [join(entry.parentPath, entry.name), entry] as const);
  for (const [path, entry] of paths.sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${path.slice(directory.length)}\0`);
    if (entry.isFile()) hash.update(readFileSync(path));
  }
  return hash.digest('hex');
}

/**
 * Opens an archive and compares every byte.
 * @throws Error unless it is whole and holds the model; a refusal, as it is.
 */
export async function assertHolds(world: World, archive: string, reader: Identity): Promise<void> {
  const output = join(world.root, `seen-${randomBytes(6).toString('hex')}`);
  try {
    await open(archive, { identity: reader, trust: world.trust, output });
    if (digestOf(output) !== world.digest) throw new Error(`${archive}: holds other bytes`);
  } finally {
    rmSync(output, { recursive: true, force: true });
  }
}
