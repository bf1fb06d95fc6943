/** Must hold: every read path opens what is valid, and refuses the rest at the layer it should. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  cat,
  decodeCard,
  decodeIdentity,
  type ErrorCode,
  list,
  open,
  serve,
  type Trust,
  verify,
} from '#strongroom/index.js';
import { outcome, readFiles, sharedWorkspace } from '../support/archive.ts';
import { pipedProcess } from '../support/piped.ts';
import { serveRanges } from '../support/ranges.ts';
import type { Layer } from './make/case.ts';
import { archiveOf, ownFile, ownFolder, ownVectors, sha256, type Vector } from './own.ts';

const root = sharedWorkspace();
const run = pipedProcess();

/** What may refuse at each layer. */
const codes: Readonly<Record<Layer, readonly ErrorCode[]>> = {
  core: ['NOT_AN_ARCHIVE', 'VERSION_UNSUPPORTED', 'SUITE_UNKNOWN', 'CORE_INVALID', 'TRUNCATED'],
  keyring: ['KEYRING_INVALID', 'KEYRING_MISMATCH', 'KEYRING_UNTRUSTED', 'TRUNCATED'],
  stanza: ['NO_KEY_FITS', 'SUITE_MISMATCH'],
  commit: ['COMMIT_MISMATCH'],
  mac: ['KEYRING_MAC'],
  grant: ['KEYRING_UNTRUSTED'],
  footer: ['TRUNCATED', 'TRAILING_BYTES', 'FOOTER_INVALID', 'SEAL_MISMATCH'],
  seal: ['SEAL_INVALID', 'SEAL_MISMATCH', 'SEAL_UNTRUSTED'],
  header: ['PAYLOAD_INVALID'],
  'header-key': ['PAYLOAD_INVALID'],
  manifest: ['MANIFEST_INVALID'],
  contents: ['MANIFEST_INVALID', 'ENTRY_UNSAFE'],
  tree: ['TREE_INVALID'],
  segment: ['SEGMENT_INVALID', 'TREE_INVALID'],
  'segment-key': ['SEGMENT_INVALID'],
  tar: ['TAR_INVALID', 'TAR_MISMATCH', 'ENTRY_UNSAFE'],
};

/** What only who has a key can see. */
const keyed: readonly Layer[] = [
  'stanza',
  'commit',
  'mac',
  'header-key',
  'contents',
  'segment-key',
  'tar',
];
/** What a reader of the list alone does not look at. */
const unlisted: readonly Layer[] = ['tree', 'segment', 'segment-key', 'tar'];

const cardsOf = (paths: readonly string[]) => paths.map((path) => decodeCard(ownFile(path)));

async function prepare(vector: Vector) {
  const directory = join(root, vector.name.replace('/', '-'));
  mkdirSync(directory);
  const path = join(directory, 'archive.srm');
  writeFileSync(path, archiveOf(vector));
  const trust: Trust = {
    entries: [
      ...cardsOf(vector.authors).map((card) => ({ card, roles: ['author' as const] })),
      ...cardsOf(vector.custodians).map((card) => ({ card, roles: ['custodian' as const] })),
    ],
  };
  const identity = await decodeIdentity(ownFile(vector.identity));
  const keyring = vector.keyring && join(ownFolder, vector.keyring);
  const read = { identity, trust, ...(keyring ? { keyring } : {}), threads: 1 };
  const trusted = cardsOf([...vector.authors, ...vector.custodians]);
  const piped = (options: object, streams: { input?: string; output?: string }) =>
    run({
      operation: 'open',
      path: streams.input === undefined ? path : '-',
      identity,
      trust: trusted,
      options: { ...(keyring ? { keyring } : {}), ...options },
      ...streams,
    });
  return { directory, path, read, piped, output: join(directory, 'out') };
}

type Prepared = Awaited<ReturnType<typeof prepare>>;

async function catOf({ path, read }: Prepared, file: string) {
  const chunks: Uint8Array[] = [];
  const code = await outcome(() => cat(path, file, read, (chunk) => void chunks.push(chunk)));
  return { code, bytes: Buffer.concat(chunks) };
}

/** What a gateway says of the archive, and gives of each of `files`: its bytes only if whole. */
async function throughGateway({ path, read }: Prepared, files: readonly string[]) {
  const gateway = await serve([`own=${path}`], read);
  try {
    const given: Record<string, Uint8Array | undefined> = {};
    for (const file of files) {
      const headers = { authorization: `Bearer ${gateway.credentials.token}` };
      const target = `${gateway.url}/own/${file.split('/').map(encodeURIComponent).join('/')}`;
      try {
        const response = await fetch(target, { headers });
        const bytes = new Uint8Array(await response.arrayBuffer());
        given[file] = response.ok ? bytes : undefined;
      } catch {
        // The gateway broke the response off
        given[file] = undefined;
      }
    }
    return given;
  } finally {
    await gateway.close(0);
  }
}

const contentOf = (files: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(files)
      .filter(([path]) => !path.endsWith('/'))
      .map(([path, content]) => [path, sha256(Buffer.from(content, 'latin1'))]),
  );

const valid = ownVectors.filter(({ opened }) => opened !== undefined);
const refused = ownVectors.filter((vector) => vector.refused !== undefined);
const named = (vectors: readonly Vector[]) =>
  vectors.map((vector) => [`${vector.name}: ${vector.what}`, vector] as const);

describe('valid', () => {
  it.each(named(valid))('%s', async (_, vector) => {
    const prepared = await prepare(vector);
    const { path, read, piped, output, directory } = prepared;
    const { entries, files, tar } = vector.opened as NonNullable<Vector['opened']>;
    expect(await list(path, read)).toHaveLength(entries);
    await verify(path, read);
    await verify(path, { ...read, identity: undefined });
    await open(path, { ...read, output });
    expect(contentOf(readFiles(output))).toEqual(files);
    const stdout = join(directory, 'stdout');
    expect(await piped({ output: '-' }, { output: stdout })).toBe('accepted');
    expect(sha256(readFileSync(stdout))).toBe(tar);
    const fromPipe = join(directory, 'from-pipe');
    expect(await piped({ output: fromPipe }, { input: path })).toBe('accepted');
    expect(contentOf(readFiles(fromPipe))).toEqual(files);
    for (const [file, digest] of Object.entries(files)) {
      const { code, bytes } = await catOf(prepared, file);
      expect([file, code, sha256(bytes)]).toEqual([file, 'accepted', digest]);
    }
    const { url } = await serveRanges(readFileSync(path));
    const overHttp = join(directory, 'over-http');
    await verify(url, read);
    await open(url, { ...read, output: overHttp });
    expect(contentOf(readFiles(overHttp))).toEqual(files);
    const served = await throughGateway(prepared, Object.keys(files));
    for (const [file, digest] of Object.entries(files)) {
      expect([file, sha256(served[file] ?? new Uint8Array(1))]).toEqual([file, digest]);
    }
    rmSync(directory, { recursive: true });
  });
});

describe('refused', () => {
  const usual = (suite: string) =>
    ownVectors.find(({ name }) => name === `${suite}/three-segments`)?.opened as NonNullable<
      Vector['opened']
    >;

  it.each(named(refused))('%s', async (_, vector) => {
    const prepared = await prepare(vector);
    const { path, read, piped, output, directory } = prepared;
    const { layer, released } = vector.refused as NonNullable<Vector['refused']>;
    const stdout = join(directory, 'stdout');
    const found = {
      verify: await outcome(() => verify(path, { ...read, identity: undefined })),
      list: await outcome(() => list(path, read)),
      open: await outcome(() => open(path, { ...read, output })),
      stdout: await piped({ output: '-' }, { output: stdout }),
      pipe: await piped({ output }, { input: path }),
      http: await outcome(async () =>
        open((await serveRanges(readFileSync(path))).url, { ...read, output }),
      ),
    };
    const right = expect.toBeOneOf([...codes[layer]]);
    expect(found).toEqual({
      verify: keyed.includes(layer) ? 'accepted' : right,
      list: unlisted.includes(layer) ? 'accepted' : right,
      open: right,
      stdout: right,
      pipe: expect.not.stringMatching(/^(accepted|thrown.*)$/),
      http: right,
    });
    // Nothing has a name, and no plaintext came out but what every reader may release
    expect(readdirSync(directory).sort()).toEqual(['archive.srm', 'stdout']);
    expect(readFileSync(stdout).length).toBeLessThanOrEqual(released.tar);
    for (const file of ['a.txt', 'dir/b.bin', 'c.txt']) {
      const { code, bytes } = await catOf(prepared, file);
      if (released.files.includes(file)) {
        expect([file, code]).toEqual([file, 'accepted']);
        if (layer.startsWith('segment')) {
          expect(sha256(bytes)).toBe(usual(vector.suite).files[file]);
        }
      } else {
        expect([file, code]).not.toEqual([file, 'accepted']);
        // What was verified before may have come out of a file of several segments
        if (!layer.startsWith('segment')) expect(bytes).toHaveLength(0);
      }
    }
    // A gateway does not begin with what no list can be read of, and ends responses it cannot go on with
    let served: Awaited<ReturnType<typeof throughGateway>> = {};
    const begun = await outcome(async () => {
      served = await throughGateway(prepared, ['a.txt', 'dir/b.bin', 'c.txt']);
    });
    const mayBegin = expect.toBeOneOf(['accepted', ...codes[layer]]);
    expect(begun).toEqual(unlisted.includes(layer) ? mayBegin : right);
    const given = Object.keys(served).filter((file) => served[file] !== undefined);
    expect(given.sort()).toEqual(begun === 'accepted' ? [...released.files].sort() : []);
    rmSync(directory, { recursive: true });
  });
});

it('are what the generator writes', () => {
  const again = join(root, 'again');
  const fileOf = (path: string) => new URL(path, import.meta.url).pathname;
  // The Node of the lockfile, since others may not read TypeScript
  const node = fileOf('../../node_modules/.bin/node');
  const { status, stderr } = spawnSync(node, [fileOf('make/main.ts'), again], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  const digests = (folder: string) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== 'README.md')
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        return `${path.slice(folder.length)} ${sha256(readFileSync(path))}`;
      })
      .sort();
  expect(digests(again)).toEqual(digests(ownFolder));
});
