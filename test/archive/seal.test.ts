/** Seals that are signed as they should be and state what the format does not allow. */
import { beforeAll, describe, expect, it } from 'vitest';
import { areClaims, createSeal, decodeSeal, trustSeal } from '#strongroom/archive/seal.js';
import { type Trust, trustCards } from '#strongroom/index.js';
import { encodeJson } from '#strongroom/json.js';
import { refusal } from '../keys/helpers.ts';
import { noise, outcome, people, trustWhile } from '../support/archive.ts';
import { forge, type Parts, partsOf, signStatement } from '../support/forge.ts';
import { file, tar } from '../support/tar.ts';

const who = people();

/** A statement, loosely: tests put anything into it. */
interface Statement {
  [member: string]: unknown;
  predicate: Record<string, unknown>;
}

let parts: Parts;
let statement: Statement;

beforeAll(() => {
  parts = partsOf(forge({ who, tar: tar(file('a')) }));
  const { payload } = JSON.parse(Buffer.from(parts.seal).toString());
  statement = JSON.parse(Buffer.from(payload, 'base64').toString());
});

const decoded = (body: unknown) =>
  outcome(() => decodeSeal(signStatement(body, who.author), parts.core, 'archive'));

const nested = (levels: number): unknown => (levels === 0 ? 'deep' : [nested(levels - 1)]);

const claims: readonly (readonly [name: string, claims: unknown, outcome: string])[] = [
  ['none', {}, 'accepted'],
  ['integers, texts, lists', { a: [1, 'b', { c: true }], d: Number.MAX_SAFE_INTEGER }, 'accepted'],
  ['nothing, and as much as there may be', { a: 0, b: 'x'.repeat(65536 - 14) }, 'accepted'],
  ['one byte more', { a: 0, b: 'x'.repeat(65536 - 13) }, 'SEAL_INVALID'],
  ['null', { a: null }, 'SEAL_INVALID'],
  ['null beside a text', { a: ['b', null] }, 'SEAL_INVALID'],
  ['null within', { a: [{ b: null }] }, 'SEAL_INVALID'],
  ['a fraction', { a: 0.5 }, 'SEAL_INVALID'],
  ['below zero', { a: -1 }, 'SEAL_INVALID'],
  ['2^53', { a: 2 ** 53 }, 'SEAL_INVALID'],
  ['a list', [], 'SEAL_INVALID'],
  ['over 64 KiB', { a: 'x'.repeat(65536) }, 'SEAL_INVALID'],
  ['nested 1000 deep', { a: nested(1000) }, 'SEAL_INVALID'],
];

describe('claims', () => {
  it.each(claims)('%s', async (_, value, code) => {
    const predicate = { ...statement.predicate, claims: value };
    expect(await decoded({ ...statement, predicate })).toBe(code);
  });

  it.each(claims)('%s can be sealed, or not, but for its length', (_, value, code) => {
    const isTooLong = JSON.stringify(value).length > 65536;
    expect(areClaims(value)).toBe(code === 'accepted' || isTooLong);
  });

  it('and predecessors are in the seal as they were given, or not at all', () => {
    const { predicate } = statement;
    const given = {
      core: parts.core,
      signer: who.author,
      claims: undefined,
      commit: Buffer.from(predicate.commit as string, 'base64'),
      floeHeader: Buffer.from(predicate.floe as string, 'base64'),
      manifest: parts.manifest,
      payload: predicate.payload as { length: number; segments: number },
      contentRoot: noise(32),
    };
    const bare = createSeal(given).predicate;
    expect(bare).not.toHaveProperty('claims');
    expect(bare).not.toHaveProperty('rekeyed');
    const before = {
      archive: 'ab'.repeat(32),
      author: { keys: reversed, name: 'before' },
      contentRoot: 'cd'.repeat(32),
      time: '2026-01-01T00:00:00Z',
    } as const;
    const full = createSeal({ ...given, claims: { a: [1] }, rekeyed: [before] }).predicate;
    expect(full).toMatchObject({ claims: { a: [1] }, rekeyed: [before] });
    expect({ ...full, claims: undefined, rekeyed: undefined, time: '' }).toEqual({
      ...bare,
      time: '',
    });
  });

  it('nested beyond the stack', async () => {
    const [before, after] = JSON.stringify({ ...statement, claims: 0 }).split('"claims":0');
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const body = Buffer.from(`${before}"claims":${deep}${after}`);
    expect(await decoded(body)).toBe('SEAL_INVALID');
  });
});

const reversed = who.author.card.signing.map(({ id }) => id).reverse();
const digest = (name: string, bytes: number) => ({ digest: { [name]: 'ab'.repeat(bytes) } });

describe('a statement', () => {
  it.each([
    ['another type', { _type: 'https://in-toto.io/Statement/v0.1' }],
    ['another predicate type', { predicateType: 'urn:strongroom:seal:v2' }],
    ['an unknown member', { note: '' }],
    ['no subject', { subject: [] }],
    ['two subjects', { subject: Array(2).fill(digest('strongroom-tree-blake3', 32)) }],
    ['the hash of the other suite', { subject: [digest('strongroom-tree-sha384', 48)] }],
    [
      'a digest of another name as well',
      {
        subject: [
          { digest: { other: 'ab'.repeat(32), 'strongroom-tree-blake3': 'ab'.repeat(32) } },
        ],
      },
    ],
    ['a digest too long', { subject: [digest('strongroom-tree-blake3', 48)] }],
  ])('with %s', async (_, change) => {
    expect(await decoded({ ...statement, ...change })).toBe('SEAL_INVALID');
  });

  it.each([
    [
      'more than 2^40 segments',
      { payload: { length: 2 ** 52 + 4096, segments: 2 ** 40 + 1 } },
      'SEAL_INVALID',
    ],
    ['no segments', { payload: { length: 0, segments: 0 } }, 'SEAL_INVALID'],
    ['a segment too few', { payload: { length: 8193, segments: 2 } }, 'SEAL_MISMATCH'],
    ['another suite', { suite: 'cnsa2' }, 'SEAL_MISMATCH'],
    ['another archive', { archive: '00'.repeat(32) }, 'SEAL_MISMATCH'],
    ['another core', { core: Buffer.alloc(48).toString('base64') }, 'SEAL_MISMATCH'],
    ['its authors the other way round', { author: { keys: reversed, name: 'a' } }, 'SEAL_MISMATCH'],
    [
      'a manifest by the hash of the other suite',
      { manifest: { digest: 'ab'.repeat(48), length: 1 } },
      'SEAL_INVALID',
    ],
    ['a time with a fraction', { time: '2026-11-23T18:49:00.5Z' }, 'SEAL_INVALID'],
    ['a time elsewhere', { time: '2026-11-23T18:49:00+01:00' }, 'SEAL_INVALID'],
  ])('with %s', async (_, change, code) => {
    const predicate = { ...statement.predicate, ...change };
    expect(await decoded({ ...statement, predicate })).toBe(code);
  });
});

describe('the author of a seal', () => {
  const author = who.author.card;
  const { signing } = author;
  const trusted = (trust: Trust, change: object = {}) => {
    const predicate = { ...statement.predicate, ...change };
    const bytes = signStatement({ ...statement, predicate }, who.author);
    return outcome(() =>
      trustSeal(decodeSeal(bytes, parts.core, 'archive'), parts.core, trust, 'archive'),
    );
  };

  it('is trusted by their card', async () => {
    expect(await trusted(trustCards([who.reader.card, author]))).toBe('accepted');
  });

  it.each([
    ['nobody is trusted', { entries: [] }],
    ['others are', trustCards([who.reader.card])],
    ['they are trusted as custodian alone', { entries: [{ card: author, roles: ['custodian'] }] }],
  ] satisfies [string, Trust][])('is not when %s', async (_, trust) => {
    expect(await trusted(trust)).toBe('SEAL_UNTRUSTED');
  });

  it('has signed it, and nobody else with their keys named', async () => {
    const { signatures, ...rest } = JSON.parse(`${Buffer.from(parts.seal)}`);
    for (const i of signing.keys()) {
      const wrong = signatures.map((each: { sig: string }, at: number) =>
        at === i ? { ...each, sig: each.sig.replace(/^./, (c) => (c === 'A' ? 'B' : 'A')) } : each,
      );
      const bytes = encodeJson({ ...rest, signatures: wrong });
      const seal = () => decodeSeal(bytes, parts.core, 'archive');
      const verdict = () => trustSeal(seal(), parts.core, trustCards([author]), 'archive');
      expect(await outcome(verdict)).toBe('SEAL_UNTRUSTED');
    }
  });

  it('had an active key when they signed it', async () => {
    const seal = decodeSeal(parts.seal, parts.core, 'archive');
    const verdict = (trust: Trust) => trustSeal(seal, parts.core, trust, 'archive');
    expect(await refusal(() => verdict(trustWhile('suspended', author)))).toMatchObject({
      code: 'SEAL_UNTRUSTED',
      message: expect.stringMatching(
        /^archive: was sealed at \S+ with the key of author, which was in state suspended$/,
      ),
    });
    expect(verdict(trustWhile('active', author))).toBe(author);
  });

  it('had a card when they signed it', async () => {
    const trust = trustCards([author]);
    expect(await trusted(trust, { time: '2020-01-01T00:00:00Z' })).toBe('SEAL_UNTRUSTED');
  });
});
