/**
 * Writes the vectors of `../own`, the same bytes in every run: `npm run vectors`. The README there
 * is for those who read them.
 */
import './deterministic.ts';
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readTarEntries } from '#strongroom/archive/tar/read.js';
import { encodeCard, encodeIdentity, type SuiteName } from '#strongroom/index.js';
import { build, type Design } from './archive.ts';
import type { Base, Case, Context, Edit } from './case.ts';
import { reseed } from './deterministic.ts';
import { altered } from './edited.ts';
import { forged } from './forged.ts';
import { type People, peopleOf, roles } from './people.ts';
import { usualTar, valid } from './valid.ts';

const root = process.argv[2] ?? new URL('../own', import.meta.url).pathname;
const suites: readonly SuiteName[] = ['hybrid', 'cnsa2'];
const otherSuite = { hybrid: 'cnsa2', cnsa2: 'hybrid' } as const;
const base = 'three-segments';
const nothing = { tar: 0, files: [] };

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function write(path: string, bytes: Uint8Array | string): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), bytes);
}

/** Small, and the same whatever the time and system: no time and no name in the gzip header. */
function writeArchive(path: string, bytes: Uint8Array): void {
  const zipped = gzipSync(bytes, { level: 9 });
  zipped[9] = 255;
  write(path, zipped);
}

function writePeople(suite: SuiteName): People {
  const people = peopleOf(suite);
  for (const role of roles) {
    write(`keys/${suite}/${role}.id`, encodeIdentity(people[role], 'none'));
    write(`keys/${suite}/${role}.card`, encodeCard(people[role].card));
  }
  return people;
}

const apply = (bytes: Uint8Array, edits: readonly Edit[]) =>
  edits.reduce<Uint8Array>(
    (now, { at, remove, insert }) =>
      Buffer.concat([now.subarray(0, at), Buffer.from(insert, 'hex'), now.subarray(at + remove)]),
    bytes,
  );

function baseOf(bytes: Uint8Array, slotBytes: number): Base {
  const footer = bytes.length - 64;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [manifest, manifestBytes, tiles] = [8, 16, 24].map((at) =>
    Number(view.getBigUint64(footer + at)),
  ) as [number, number, number];
  const header = 4096 + 2 * slotBytes;
  const at = {
    slotA: 4096,
    slotB: 4096 + slotBytes,
    header,
    segments: header + 74,
    manifest,
    tiles: manifest + manifestBytes,
    seal: manifest + manifestBytes + tiles,
    footer,
  };
  return { bytes, at, length: bytes.length };
}

/** What comes out of a valid archive. */
function opened(tar: Uint8Array) {
  const entries = readTarEntries((at, length) => tar.subarray(at, at + length), tar.length);
  const files = entries.flatMap((entry) => {
    if (entry.type === 'directory') return [];
    const { path, offset, size } = entry;
    return [[path, sha256(tar.subarray(offset, offset + size))]];
  });
  return { entries: entries.length, files: Object.fromEntries(files), tar: sha256(tar) };
}

function vectorsOf(suite: SuiteName, people: People) {
  const slotBytes = suite === 'hybrid' ? 16384 : 20480;
  const context: Context = {
    people,
    slotBytes,
    honest: [{ recipients: [people.reader.card] }, undefined],
  };
  const designed = (one: Case) => {
    reseed(`${suite} ${one.name}`);
    const design: Design = {
      author: people.author,
      tar: usualTar,
      slotBytes,
      slots: context.honest,
      ...one.design?.(context),
    };
    return { ...build(design), tar: design.tar };
  };
  const usual = designed(valid.find(({ name }) => name === base) as Case);
  const card = (role: string) => `keys/${suite}/${role}.card`;
  const identity = (role = 'reader') =>
    role === 'reader of the other suite'
      ? `keys/${otherSuite[suite]}/reader.id`
      : `keys/${suite}/${role}.id`;
  const cases = [...valid, ...altered, ...forged].filter((one) => (one.suite ?? suite) === suite);
  return cases.map((one) => {
    const edits = one.edits?.(baseOf(usual.bytes, slotBytes));
    const { bytes, ring, tar } = edits === undefined ? designed(one) : usual;
    const archive = `archives/${suite}/${edits === undefined ? one.name : base}.srm.gz`;
    if (edits === undefined) writeArchive(archive, bytes);
    const keyring = one.detached ? `archives/${suite}/${one.name}.ring` : undefined;
    if (keyring !== undefined) write(keyring, ring);
    const whole = apply(bytes, edits ?? []);
    return {
      name: `${suite}/${one.name}`,
      what: one.what,
      suite,
      archive,
      ...(edits === undefined ? {} : { edits }),
      sha256: sha256(whole),
      identity: identity(one.identity),
      authors: [card('author')],
      custodians: (one.custodians ?? []).map(card),
      ...(keyring === undefined ? {} : { keyring }),
      ...(one.layer === undefined
        ? { opened: opened(tar) }
        : { refused: { layer: one.layer, released: one.released ?? nothing } }),
    };
  });
}

for (const part of ['keys', 'archives']) rmSync(join(root, part), { recursive: true, force: true });
const everyone = suites.map((suite) => [suite, writePeople(suite)] as const);
const vectors = everyone.flatMap(([suite, people]) => vectorsOf(suite, people));
const names = new Set(vectors.map(({ name }) => name));
if (names.size < vectors.length) throw new Error('two vectors have one name');
write('vectors.json', `${JSON.stringify({ version: 1, vectors }, null, 1)}\n`);
console.log(`${vectors.length} vectors`);
