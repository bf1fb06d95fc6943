/** One share, held against HPKE and SHA-384 called as docs/format.md, "Quorums", says. */
import { createDecipheriv, createHash, hkdfSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createCore } from '#strongroom/archive/core.js';
import { deriveArchiveKeys } from '#strongroom/archive/filekey.js';
import { hpkeOpen, hpkeSeal } from '#strongroom/crypto/hpke.js';
import { combineShares } from '#strongroom/custody/quorum/shamir.js';
import { type HeldShare, openShare, sealShare, shareOf } from '#strongroom/custody/quorum/share.js';
import { createQuorum } from '#strongroom/custody/quorum/split.js';
import { type Card, createIdentity, type Identity } from '#strongroom/index.js';
import { codeOf, suiteNames } from '../../keys/helpers.ts';
import { noise } from '../../support/archive.ts';

const share = noise(33, 40);
const split = Buffer.from(noise(32, 41)).toString('hex');
const place = { split, group: 1, index: 2, threshold: 3, count: 5 };

it.each(suiteNames)(
  'a quorum of %s gives the file key under HKDF of its secrets',
  async (suite) => {
    const people = ['a', 'b', 'c'].map((name) => createIdentity({ name, suite }));
    const [a, b, c] = people.map(({ card }) => card) as [Card, Card, Card];
    const authors = a.signing.map(({ id }) => id);
    const core = createCore({ suite: a.suite, segmentBytes: 4096, slotBytes: 65536, authors });
    const fileKey = noise(32, 45);
    const { commit } = deriveArchiveKeys(fileKey, core);
    const groups = [
      { name: 'one', threshold: 2, custodians: [a, b] },
      { name: 'two', threshold: 1, custodians: [c] },
    ];
    const quorum = await createQuorum({ groups }, fileKey, core, commit);
    const id = Buffer.from(quorum.split, 'hex');
    const held = people.map((one) => shareOf(quorum, one.card) as HeldShare);
    const shares = held.map(({ stanza, place }, i) =>
      openShare(stanza, people[i] as Identity, core, commit, place).subarray(0, 33),
    );
    const secrets = [
      await combineShares(shares.slice(0, 2), 2),
      await combineShares(shares.slice(2), 1),
    ];
    const info = Buffer.concat([Buffer.from('strongroom/v1/quorum'), core.hash, commit]);
    const key = Buffer.from(hkdfSync('sha384', Buffer.concat(secrets), id, info, 32));
    const sealedKey = Buffer.from(quorum.sealed, 'base64');
    const cipher = createDecipheriv('aes-256-gcm', key, Buffer.alloc(12));
    // Two groups: 2 of 2, and 1 of 1
    cipher.setAAD(Buffer.concat([info, id, Uint8Array.of(2, 2, 2, 1, 1)]));
    cipher.setAuthTag(sealedKey.subarray(32));
    const found = Buffer.concat([cipher.update(sealedKey.subarray(0, 32)), cipher.final()]);
    expect(new Uint8Array(found)).toEqual(fileKey);
  },
);

describe.each(suiteNames)('a share of %s', (suite) => {
  const custodian = createIdentity({ name: 'custodian', suite });
  const { card } = custodian;
  const authors = card.signing.map(({ id }) => id);
  const core = createCore({ suite: card.suite, segmentBytes: 4096, slotBytes: 65536, authors });
  const { commit } = deriveArchiveKeys(noise(32, 42), core);
  const info = Buffer.concat([
    Buffer.from('strongroom/v1/share'),
    core.hash,
    commit,
    Buffer.from(split, 'hex'),
    Uint8Array.of(1, 2, 3, 5),
  ]);
  const commitmentTo = (opened: Uint8Array) =>
    createHash('sha384')
      .update('strongroom/v1/share-commitment')
      .update(Buffer.from(split, 'hex'))
      .update(Uint8Array.of(1, 2))
      .update(opened.subarray(33))
      .update(opened.subarray(0, 33))
      .digest('base64');

  it('is sealed to its place, and committed to with its salt', () => {
    const stanza = sealShare(share, card, core, commit, place);
    const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));
    const opened = hpkeOpen(
      core.suite,
      custodian.kemSeed,
      bytes(stanza.enc),
      bytes(stanza.sealed),
      info,
    );
    expect(opened).toHaveLength(65);
    expect(opened?.subarray(0, 33)).toEqual(share);
    expect(stanza.commitment).toBe(commitmentTo(opened as Uint8Array));
    expect(openShare(stanza, custodian, core, commit, place)).toEqual(opened);
  });

  it('that another program sealed is opened, at no other place and under no other key', async () => {
    const whole = noise(65, 43);
    const { enc, sealed } = hpkeSeal(core.suite, card.kem.publicKey, info, whole);
    const text = (each: Uint8Array) => Buffer.from(each).toString('base64');
    const stanza = {
      commitment: commitmentTo(whole),
      enc: text(enc),
      key: card.kem.id,
      name: card.name,
      sealed: text(sealed),
      signers: authors,
    };
    expect(openShare(stanza, custodian, core, commit, place)).toEqual(whole);
    for (const other of [{ group: 0 }, { index: 1 }, { threshold: 2 }, { count: 6 }]) {
      const open = () => openShare(stanza, custodian, core, commit, { ...place, ...other });
      expect(await codeOf(open)).toBe('SHARE_INVALID');
    }
    const committed = { ...stanza, commitment: commitmentTo(noise(65, 44)) };
    expect(await codeOf(() => openShare(committed, custodian, core, commit, place))).toBe(
      'SHARE_INVALID',
    );
    expect(await codeOf(() => openShare(stanza, custodian, core, noise(48), place))).toBe(
      'SHARE_INVALID',
    );
  });
});
