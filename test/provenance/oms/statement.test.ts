/** Statements of model signing: what they list, in which order, and what is refused. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  decodeStatement,
  encodeStatement,
  ignores,
  type MeasuredModel,
} from '#strongroom/provenance/oms/statement.js';
import { outcome } from '../../support/archive.ts';

const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

const model = (names: readonly string[], more: Partial<MeasuredModel> = {}): MeasuredModel => ({
  name: 'm',
  files: names.map((path) => ({ path, size: 1 })),
  digests: names.map((path) => [sha256(path)]),
  followSymlinks: false,
  ...more,
});

const parse = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString());
const namesIn = (bytes: Uint8Array): string[] =>
  parse(bytes).predicate.resources.map(({ name }: { name: string }) => name);

describe('what is listed', () => {
  it('is in the order of code points, not of UTF-16 units', () => {
    // U+FF5E comes before U+1F600, whose first unit U+D83D comes before U+FF5E's
    const names = ['\u{1f600}', '\uff5e', 'b', 'a/b', 'a-b', 'a', 'Z', 'é', 'z'];
    const ordered = ['Z', 'a', 'a-b', 'a/b', 'b', 'z', 'é', '\uff5e', '\u{1f600}'];
    expect(namesIn(encodeStatement(model(names)))).toEqual(ordered);
  });

  it('has the root of the joined digests in that order', () => {
    const statement = encodeStatement(model(['b', 'a']));
    const joined = Buffer.concat(['a', 'b'].map((path) => Buffer.from(sha256(path), 'hex')));
    expect(parse(statement).subject).toEqual([{ name: 'm', digest: { sha256: sha256(joined) } }]);
    expect(decodeStatement(statement, 'here').root).toBe(sha256(joined));
  });

  it('leaves out git and signatures at the root, and nothing below', () => {
    const names = ['.git/config', '.gitignore', '.gitattributes', '.github/x', 'model.sig'];
    const kept = ['.gitx', 'sub/.gitignore', 'sub/model.sig', 'model.sigx'];
    const statement = encodeStatement(model([...names, 'model.intoto.jsonl', ...kept, 'my.sig']), [
      'my.sig',
    ]);
    expect(namesIn(statement)).toEqual([...kept].sort());
  });

  it('numbers shards by bytes, each file from its start', () => {
    const sharded = model([], {
      shardSize: 10,
      files: [
        { path: 'b', size: 20 },
        { path: 'a', size: 12 },
        { path: 'empty', size: 0 },
      ],
      digests: [[sha256('b0'), sha256('b1')], [sha256('a0'), sha256('a1')], []],
    });
    const statement = encodeStatement(sharded);
    expect(namesIn(statement)).toEqual(['a:0:10', 'a:10:12', 'b:0:10', 'b:10:20']);
    const [first] = parse(statement).predicate.resources;
    expect(first.algorithm).toBe('sha256-sharded-10');
    expect(decodeStatement(statement, 'here').shardSize).toBe(10);
  });

  it('is the same bytes whatever order files were found in', () => {
    const [a, b] = [model(['x', 'y', 'z']), model(['z', 'x', 'y'])].map((m) => encodeStatement(m));
    expect(a).toEqual(b);
  });
});

describe('paths that are ignored', () => {
  it.each([
    ['a', 'a', true],
    ['a', 'a/b', true],
    ['a', 'ab', false],
    ['./a/', 'a/b', true],
    ['.', 'anything', true],
    ['a/b', 'a/c', false],
  ])('%s: %s', (ignored, path, is) => {
    expect(ignores([ignored])(path)).toBe(is);
  });
});

describe('a statement is refused', () => {
  // biome-ignore lint/suspicious/noExplicitAny: tests put anything anywhere
  type Loose = any;
  const altered = (change: (statement: Loose) => void) => {
    const statement = parse(encodeStatement(model(['a', 'b'])));
    change(statement);
    return Buffer.from(JSON.stringify(statement));
  };
  const reading = (bytes: Uint8Array) => outcome(() => decodeStatement(bytes, 'here'));

  it('unless something is wrong with it', async () => {
    expect(await reading(altered(() => {}))).toBe('accepted');
  });

  const wrong: readonly (readonly [string, (statement: Loose) => void])[] = [
    ['another type', (s) => (s._type = 'https://in-toto.io/Statement/v0.1')],
    ['another predicate', (s) => (s.predicateType = 'https://example.com/v1')],
    ['two subjects', (s) => s.subject.push(s.subject[0])],
    ['another root', (s) => (s.subject[0].digest.sha256 = sha256('x'))],
    ['another order than the root', (s) => s.predicate.resources.reverse()],
    ['a file less', (s) => s.predicate.resources.pop()],
    ['another digest', (s) => (s.predicate.resources[0].digest = sha256('x'))],
    ['BLAKE2b', (s) => (s.predicate.serialization.hash_type = 'blake2b')],
    ['a file in BLAKE3', (s) => (s.predicate.resources[0].algorithm = 'blake3')],
    ['shards without a size', (s) => (s.predicate.serialization.method = 'shards')],
    ['an unknown member of the predicate', (s) => (s.predicate.more = 1)],
    ['an unknown member of the serialization', (s) => (s.predicate.serialization.more = 1)],
    ['no resources', (s) => delete s.predicate.resources],
  ];
  it.each(wrong)('%s', async (_, change) => {
    expect(await reading(altered(change))).toBe('OMS_INVALID');
  });

  it('when it is not JSON, or nests too deep', async () => {
    expect(await reading(Buffer.from('{'))).toBe('OMS_INVALID');
    const deep = `{"a":${'['.repeat(500)}${']'.repeat(500)}}`;
    expect(await reading(Buffer.from(deep))).toBe('OMS_INVALID');
  });
});

it('takes the numbers of other programs, and no member twice', async () => {
  const sharded = { shardSize: 2 ** 20, files: [], digests: [] };
  const text = Buffer.from(encodeStatement(model([], sharded))).toString();
  const other = text.replace('"shard_size":1048576', '"shard_size":1048576.0');
  expect(decodeStatement(Buffer.from(other), 'here').shardSize).toBe(2 ** 20);
  const twice = text.replace('"shard_size":1048576', '"shard_size":4,"shard_size":1048576');
  expect(await outcome(() => decodeStatement(Buffer.from(twice), 'here'))).toBe('OMS_INVALID');
});
