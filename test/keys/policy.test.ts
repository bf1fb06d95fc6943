import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { encodeCard, importedCard } from '#strongroom/keys/card.js';
import { createIdentity } from '#strongroom/keys/identity.js';
import { readPolicy, trustCards, trustedCard } from '#strongroom/keys/policy.js';
import { badLayouts, layouts } from '../tables/texts.ts';
import { codeOf, refusal } from './helpers.ts';

const root = mkdtempSync(join(tmpdir(), 'strongroom-policy-'));
afterAll(() => rmSync(root, { recursive: true }));

const ada = createIdentity({ name: 'Ada' }).card;
const bob = createIdentity({ name: 'Bob', suite: 'cnsa2' }).card;
const recipient = importedCard(ada.suite, [ada.kem.publicKey], { name: 'Ada' });
const adaKeys = ada.signing.map(({ id }) => id);
const bobKeys = bob.signing.map(({ id }) => id);

const trusted = join(root, 'trust');
mkdirSync(join(trusted, 'cards'), { recursive: true });
writeFileSync(join(trusted, 'cards/ada.card'), encodeCard(ada));
writeFileSync(join(trusted, 'bob.card'), encodeCard(bob));
writeFileSync(join(trusted, 'recipient.card'), encodeCard(recipient));
writeFileSync(join(trusted, 'broken.card'), encodeCard(ada).slice(1));
writeFileSync(join(trusted, 'long.card'), new Uint8Array(70_000));
writeFileSync(join(root, 'outside.card'), encodeCard(bob));
symlinkSync('../outside.card', join(trusted, 'escape.card'));
symlinkSync('..', join(trusted, 'up'));
symlinkSync('bob.card', join(trusted, 'link.card'));

const path = join(trusted, 'policy.json');
const read = (source: string | object) => {
  writeFileSync(path, typeof source === 'string' ? source : JSON.stringify(source));
  return readPolicy(path);
};
const policy = (...trust: unknown[]) => ({ type: 'strongroom/policy', version: 1, trust });

describe('trust in cards', () => {
  test('is for sealing and for granting, not for witnessing', () => {
    const trust = trustCards([ada, bob]);
    expect(trustedCard(trust, 'author', adaKeys)).toBe(ada);
    expect(trustedCard(trust, 'custodian', bobKeys)).toBe(bob);
    expect(trustedCard(trust, 'witness', adaKeys)).toBeUndefined();
  });

  test('asks for all key ids, in order', () => {
    const trust = trustCards([ada]);
    expect(trustedCard(trust, 'author', bobKeys)).toBeUndefined();
    expect(trustedCard(trust, 'author', [])).toBeUndefined();
    expect(trustedCard(trust, 'author', adaKeys.slice(0, 1))).toBeUndefined();
    expect(trustedCard(trust, 'author', adaKeys.toReversed())).toBeUndefined();
    expect(trustedCard(trust, 'author', [...adaKeys, ...bobKeys])).toBeUndefined();
    expect(trustedCard(trustCards([]), 'author', adaKeys)).toBeUndefined();
    const mute = { entries: [{ card: recipient, roles: ['author'] as const }] };
    expect(trustedCard(mute, 'author', [])).toBeUndefined();
  });

  test('is not for two cards of one key, which it names', async () => {
    const keys = [ada.kem, ...ada.signing].map(({ publicKey }) => publicKey);
    const other = importedCard(ada.suite, keys as [Uint8Array], { name: 'Eve' });
    const error = await refusal(() => trustCards([bob, ada, other]));
    expect(error.message).toBe('two cards with the same key: Ada and Eve');
    expect(await codeOf(() => trustCards([ada, ada]))).toBe('CARD_INVALID');
  });

  test('is not for a card that cannot sign', async () => {
    expect(await codeOf(() => trustCards([ada, recipient]))).toBe('CARD_INVALID');
  });
});

describe('a trust policy', () => {
  test('gives each card its roles', async () => {
    const trust = await read(
      `\n{ "version": 1,\r\n\t"trust": [
        {"roles": ["author"], "card": "cards/ada.card"},
        {"card": "./link.card", "roles": ["custodian", "witness"]}
      ], "type": "strongroom/policy" }\n`,
    );
    expect(trust.entries.map(({ card, roles }) => [card.name, roles])).toEqual([
      ['Ada', ['author']],
      ['Bob', ['custodian', 'witness']],
    ]);
    expect(trustedCard(trust, 'author', adaKeys)?.name).toBe('Ada');
    expect(trustedCard(trust, 'custodian', adaKeys)).toBeUndefined();
    expect(trustedCard(trust, 'author', bobKeys)).toBeUndefined();
    expect(trustedCard(trust, 'witness', bobKeys)?.name).toBe('Bob');
  });

  test.each([
    ['../outside.card', /below/],
    ['cards/../../outside.card', /below/],
    ['cards/../bob.card', /below/],
    [join(trusted, 'bob.card'), /below/],
    ['C:\\bob.card', /below/],
    ['cards\\ada.card', /below/],
    ['bob.card\0', /below/],
    ['escape.card', /symbolic link/],
    ['up/outside.card', /symbolic link/],
    ['up', /symbolic link/],
    ['cards', /regular file/],
    ['.', /regular file/],
    ['missing.card', /no such file/],
    ['bob.card/x', /not a directory/],
    ['broken.card', /not JSON/],
    ['long.card', /longer than 65536/],
    ['recipient.card', /no signing keys/],
  ])('that names %j is refused, with its place', async (card, why) => {
    const error = await refusal(() =>
      read(policy({ card: 'cards/ada.card', roles: ['author'] }, { card, roles: ['author'] })),
    );
    expect(error).toMatchObject({ code: 'POLICY_INVALID', file: path });
    expect(error.message).toContain(`${path}: trust[1] (${card}): `);
    expect(error.message).toMatch(why);
  });

  test('that names the same keys twice is refused', async () => {
    const bothRoles = (second: string) =>
      read(policy({ card: 'bob.card', roles: ['author'] }, { card: second, roles: ['custodian'] }));
    for (const second of ['bob.card', 'link.card']) {
      const error = await refusal(() => bothRoles(second));
      expect(error.message).toMatch(/trust\[1\].*same keys as trust\[0\]/);
    }
  });

  const entry = { card: 'bob.card', roles: ['author'] };
  test.each([
    ['nothing', ''],
    ['no object', '[]'],
    ['null', 'null'],
    ['not JSON', '{"type":'],
    ['a comment', '// x\n{}'],
    ['another type', { ...policy(entry), type: 'strongroom/card' }],
    ['another version', { ...policy(entry), version: 2 }],
    ['an unknown member', { ...policy(entry), extra: 1 }],
    ['an unknown member of an entry', policy({ ...entry, name: 'Bob' })],
    ['no trust', { type: 'strongroom/policy', version: 1 }],
    ['an entry without roles', policy({ ...entry, roles: [] })],
    ['a role twice', policy({ ...entry, roles: ['author', 'author'] })],
    ['an unknown role', policy({ ...entry, roles: ['admin'] })],
    ['an empty path', policy({ ...entry, card: '' })],
    ['too many entries', policy(...Array(1001).fill(entry))],
    ['too many bytes', JSON.stringify(policy(entry)) + ' '.repeat(1048576)],
  ])('with %s is refused', async (_, source) => {
    const error = await refusal(() => read(source));
    expect(error).toMatchObject({ code: 'POLICY_INVALID', file: path });
    expect(error.message).toContain(path);
  });

  test.each(layouts)('may be written as %j', async (source) => {
    expect(await read(source)).toEqual({ entries: [] });
  });

  test.each(badLayouts)('with %s is refused', async (_, source) => {
    expect((await refusal(() => read(source))).code).toBe('POLICY_INVALID');
  });

  test.each([
    '{"type":"strongroom/policy","version":1,"trust":[],"trust":[]}',
    '{"type":"strongroom/policy","version":1,"trust":[],"\\u0074rust" : []}',
    '{"type":"strongroom/policy","version":1,"trust":[{"card":"bob.card","roles":["author"]}],"trust":[]}',
    '{"type":"strongroom/policy","version":1,"trust":[{"card":"bob.card","roles":["author"],"roles":["witness"]}]}',
  ])('with a member twice is refused: %s', async (source) => {
    expect((await refusal(() => read(source))).message).toMatch(/there twice/);
  });

  test('may repeat names in different objects, and quote what looks like a member', async () => {
    const odd =
      '{"type":"strongroom/policy","version":1,"trust":[{"card":"\\"a\\":{","roles":["author"]}]}';
    expect((await refusal(() => read(odd))).message).toMatch(/trust\[0\]/);
  });

  test('that does not exist is not found', async () => {
    expect(await codeOf(() => readPolicy(join(root, 'missing.json')))).toBe('NOT_FOUND');
    expect(await codeOf(() => readPolicy(root))).toBe('IO');
  });

  test('may trust nobody', async () => {
    expect(await read(policy())).toEqual({ entries: [] });
  });
});
