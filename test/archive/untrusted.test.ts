/** Whoever trusts somebody else is told whose archive it is, and not what would not help them. */
import { beforeAll, expect, it } from 'vitest';
import { type Trust, trustCards, verify } from '#strongroom/index.js';
import { makeArchive, people, sharedWorkspace } from '../support/archive.ts';

const { author, reader, stranger, ...others } = people();
const root = sharedWorkspace();
let archive: string;

beforeAll(async () => {
  const who = { author, reader, stranger, ...others };
  archive = await makeArchive(root, { who, files: { a: 'a' } });
});

const inRole = (card: typeof author.card, role: 'custodian' | 'witness'): Trust => ({
  entries: [{ card, roles: [role] }],
});

const key = `key ${author.card.signing[0]?.id.slice(0, 16)}…`;

it.each<[name: string, trust: Trust, code: string, what: string]>([
  [
    'another author',
    trustCards([stranger.card]),
    'KEYRING_UNTRUSTED',
    `was sealed by ${key}, not by stranger, whom you trust`,
  ],
  [
    'several others',
    trustCards([stranger.card, reader.card]),
    'KEYRING_UNTRUSTED',
    `was sealed by ${key}, who is none of the 2 authors whom you trust`,
  ],
  [
    'no author at all',
    inRole(stranger.card, 'custodian'),
    'KEYRING_UNTRUSTED',
    `was sealed by ${key}, and you trust nobody as an author`,
  ],
  [
    'its author, to grant access alone',
    inRole(author.card, 'custodian'),
    'SEAL_UNTRUSTED',
    'was sealed by author, whom you do not trust as an author',
  ],
  [
    'its author, as a witness',
    inRole(author.card, 'witness'),
    'KEYRING_UNTRUSTED',
    'was sealed by author, whom you do not trust as an author',
  ],
])('trusts %s', async (_, trust, code, what) => {
  await expect(verify(archive, { trust })).rejects.toMatchObject({
    code,
    message: `${archive}: ${what}`,
    hint: expect.stringMatching(what.includes('key') ? /inspect --card CARD/ : /that role/),
  });
});
