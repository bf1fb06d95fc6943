/** What a seal may say of the archives that its content was in before. */
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeSeal } from '#strongroom/archive/seal.js';
import { outcome, people } from '../support/archive.ts';
import { forge, type Parts, partsOf, signStatement } from '../support/forge.ts';
import { file, tar } from '../support/tar.ts';

const who = people();
const keys = who.author.card.signing.map(({ id }) => id);
const link = {
  archive: '00'.repeat(32),
  author: { keys, name: 'Vault Lab' },
  contentRoot: '11'.repeat(32),
  time: '2026-11-23T18:49:00Z',
};

let parts: Parts;
let statement: { predicate: object };

beforeAll(() => {
  parts = partsOf(forge({ who, tar: tar(file('a')) }));
  const { payload } = JSON.parse(Buffer.from(parts.seal).toString());
  statement = JSON.parse(Buffer.from(payload, 'base64').toString());
});

const decoded = (rekeyed: unknown) => {
  const body = { ...statement, predicate: { ...statement.predicate, rekeyed } };
  return outcome(() => decodeSeal(signStatement(body, who.author), parts.core, 'archive'));
};

describe('a seal', () => {
  it.each([
    ['one predecessor', [link], 'accepted'],
    ['as many as there may be', Array(256).fill(link), 'accepted'],
    ['one more', Array(257).fill(link), 'SEAL_INVALID'],
    ['none', [], 'SEAL_INVALID'],
    ['one that is no list', link, 'SEAL_INVALID'],
    ['a digest of the other suite', [{ ...link, contentRoot: '11'.repeat(48) }], 'SEAL_INVALID'],
    [
      'an author of one key',
      [{ ...link, author: { keys: keys.slice(1), name: 'x' } }],
      'SEAL_INVALID',
    ],
    ['an author without a name', [{ ...link, author: { keys, name: '' } }], 'SEAL_INVALID'],
    ['a name of two lines', [{ ...link, author: { keys, name: 'a\nb' } }], 'SEAL_INVALID'],
    ['a time with a fraction', [{ ...link, time: '2026-11-23T18:49:00.5Z' }], 'SEAL_INVALID'],
    ['a member that is not named', [{ ...link, note: '' }], 'SEAL_INVALID'],
    ['a member missing', [{ ...link, time: undefined }], 'SEAL_INVALID'],
  ])('with %s', async (_, rekeyed, code) => {
    expect(await decoded(JSON.parse(JSON.stringify(rekeyed)))).toBe(code);
  });
});
