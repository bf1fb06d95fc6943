/** What a manifest may say, whoever signed it, and what each rule refuses. */
import { describe, expect, it } from 'vitest';
import { createCore } from '#strongroom/archive/core.js';
import { type Entry, extractedMode, maxEntries } from '#strongroom/archive/entry.js';
import { deriveArchiveKeys } from '#strongroom/archive/filekey.js';
import {
  isModelName,
  type Manifest,
  openManifest,
  type SealedOms,
  sealManifest,
} from '#strongroom/archive/manifest.js';
import { encryptAll } from '#strongroom/crypto/floe.js';
import { suites } from '#strongroom/crypto/suites.js';
import { isStrongroomError } from '#strongroom/errors.js';
import { encodeJson } from '#strongroom/json.js';
import { refusal } from '../keys/helpers.ts';
import { noise } from '../support/archive.ts';

const core = createCore({
  suite: suites.hybrid,
  segmentBytes: 4096,
  slotBytes: 32768,
  authors: ['11'.repeat(32), '22'.repeat(32)],
});
const keys = deriveArchiveKeys(noise(32), core);

const file = (path: string, offset: number, size: number): Entry => ({
  type: 'file',
  path,
  mode: 0o644,
  mtime: 0,
  offset,
  size,
});
const directory: Entry = { type: 'directory', path: 'd', mode: 0o777, mtime: 2 ** 33 };
const entries = [directory, file('d/a', 512, 4), file('d/b', 516, 0), file('d/c', 516, 484)];
const length = 1000;
const digest = (n: number) => n.toString(16).padStart(64, '0');
const whole: SealedOms = { digests: [[digest(1)], [digest(2)], [digest(3)]], name: 'model' };
const shards: SealedOms = {
  digests: [[digest(1)], [], [digest(2), digest(3), digest(4)]],
  name: 'm'.repeat(255),
  shardSize: 200,
};

const opened = (bytes: Uint8Array, payload = length) =>
  openManifest(bytes, core, keys, payload, 'archive');
/** As an author who means harm would write it. */
const sealed = (changes: object) =>
  encryptAll(
    keys.manifest,
    core.hash,
    core.segmentBytes,
    encodeJson({ entries, length, type: 'strongroom/manifest', version: 1, ...changes }),
  );
const refused = (changes: object) => refusal(() => opened(sealed(changes)));

describe('a manifest', () => {
  it.each<[string, Manifest]>([
    ['of files and directories', { entries, length }],
    ['of nothing', { entries: [], length: 0 }],
    ['of files that fill all of the payload', { entries: [file('a', 0, length)], length }],
    ['with digests of whole files', { entries, length, oms: whole }],
    ['with digests of shards, none of an empty file', { entries, length, oms: shards }],
  ])('%s is read back', (_, manifest) => {
    const bytes = sealManifest(manifest, core, keys);
    expect(opened(bytes, manifest.length)).toEqual(manifest);
  });

  it('is refused where a byte of it is another, or the key', async () => {
    const bytes = sealManifest({ entries, length }, core, keys);
    for (const at of [0, 80, bytes.length - 1]) {
      const altered = new Uint8Array(bytes);
      altered[at] = (altered[at] ?? 0) ^ 1;
      const error = await refusal(() => opened(altered));
      expect(error.code).toBe('MANIFEST_INVALID');
      expect(error.message).toBe('archive: the manifest does not decrypt');
      expect(isStrongroomError(error.cause)).toBe(true);
    }
    const other = deriveArchiveKeys(noise(32, 2), core);
    const { code } = await refusal(() => openManifest(bytes, core, other, length, 'archive'));
    expect(code).toBe('MANIFEST_INVALID');
  });

  it.each<[string, object, string, string]>([
    ['of another length', { length: 999 }, 'MANIFEST_INVALID', 'another length than the seal'],
    ['of another version', { version: 2 }, 'MANIFEST_INVALID', 'version'],
    ['with a member more', { comment: '' }, 'MANIFEST_INVALID', 'comment'],
    [
      'with a mode of 01000',
      { entries: [{ ...directory, mode: 0o1000 }] },
      'MANIFEST_INVALID',
      'mode',
    ],
    [
      'with a time too late',
      { entries: [{ ...directory, mtime: 2 ** 33 + 1 }] },
      'MANIFEST_INVALID',
      'mtime',
    ],
    [
      'with a time before 1970',
      { entries: [{ ...directory, mtime: -1 }] },
      'MANIFEST_INVALID',
      'mtime',
    ],
    [
      'with a directory of a size',
      { entries: [{ ...directory, size: 0 }] },
      'MANIFEST_INVALID',
      'size',
    ],
    ['with an unsafe path', { entries: [file('../a', 0, 1)] }, 'ENTRY_UNSAFE', '../a'],
    ['with an unsafe directory', { entries: [{ ...directory, path: '/d' }] }, 'ENTRY_UNSAFE', '/d'],
    ['with a path twice', { entries: [file('a', 0, 1), file('a', 1, 1)] }, 'ENTRY_UNSAFE', 'a'],
    [
      'with a file within a file',
      { entries: [file('a', 0, 1), file('a/b', 1, 1)] },
      'ENTRY_UNSAFE',
      'a',
    ],
    [
      'with files that overlap',
      { entries: [file('a', 0, 10), file('b', 9, 1)] },
      'MANIFEST_INVALID',
      'b overlaps the file before it',
    ],
    [
      'with files that overlap, and a directory between them',
      { entries: [file('a', 0, 10), directory, file('b', 9, 1)] },
      'MANIFEST_INVALID',
      'b overlaps the file before it',
    ],
    [
      'with files out of order',
      { entries: [file('a', 10, 10), file('b', 0, 10)] },
      'MANIFEST_INVALID',
      'b overlaps the file before it',
    ],
    [
      'with a file that reaches beyond',
      { entries: [file('a', 999, 2)] },
      'MANIFEST_INVALID',
      'a reaches beyond the payload',
    ],
    [
      'with an empty file beyond the end',
      { entries: [file('a', 1001, 0)] },
      'MANIFEST_INVALID',
      'a reaches beyond the payload',
    ],
    [
      'with digests of fewer files',
      { oms: { ...whole, digests: whole.digests.slice(1) } },
      'MANIFEST_INVALID',
      'does not have the digests',
    ],
    [
      'with digests of more files',
      { oms: { ...whole, digests: [...whole.digests, [digest(4)]] } },
      'MANIFEST_INVALID',
      'does not have the digests',
    ],
    [
      'with a shard too many',
      { oms: { ...shards, digests: [[digest(1), digest(2)], [], shards.digests[2]] } },
      'MANIFEST_INVALID',
      'does not have the digests',
    ],
    [
      'with a shard too few',
      { oms: { ...shards, digests: [[digest(1)], [], [digest(2), digest(3)]] } },
      'MANIFEST_INVALID',
      'does not have the digests',
    ],
    [
      'with a digest that is none',
      { oms: { ...whole, digests: [['0'], ['0'], ['0']] } },
      'MANIFEST_INVALID',
      'not a SHA-256 digest',
    ],
    [
      'with shards of nothing',
      { oms: { ...shards, shardSize: 0 } },
      'MANIFEST_INVALID',
      'shardSize',
    ],
    [
      'of a model without a name',
      { oms: { ...whole, name: '' } },
      'MANIFEST_INVALID',
      'not a name',
    ],
  ])('%s is refused', async (_, changes, code, why) => {
    const error = await refused(changes);
    expect(error.code).toBe(code);
    expect(error.message).toContain(why);
  });

  it('of more entries than an archive may hold is not written', async () => {
    const many = Array(maxEntries + 1).fill(0) as unknown as Entry[];
    const { code } = await refusal(() => sealManifest({ entries: many, length: 0 }, core, keys));
    expect(code).toBe('SOURCE_UNSUPPORTED');
  });
});

it.each([
  ['m', true],
  ['m'.repeat(255), true],
  ['日本', true],
  ['', false],
  ['m'.repeat(256), false],
  ['a\nb', false],
  ['a\u0085', false],
  ['a\ud800', false],
])('a model may be called %j: %s', (name, may) => {
  expect(isModelName(name)).toBe(may);
});

it.each([
  ['file', 0o644, 0o644],
  ['file', 0o000, 0o644],
  ['file', 0o100, 0o755],
  ['file', 0o777, 0o755],
  ['file', 0o677, 0o644],
  ['directory', 0o000, 0o755],
  ['directory', 0o777, 0o755],
] as const)('a %s of mode %o is extracted with %o', (type, mode, extracted) => {
  expect(extractedMode({ ...file('a', 0, 0), type, mode } as Entry)).toBe(extracted);
});
