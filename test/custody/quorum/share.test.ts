/** One share, held against HPKE and SHA-384 called as docs/format.md, "Quorums", says. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createCore } from '#strongroom/archive/core.js';
import { deriveArchiveKeys } from '#strongroom/archive/filekey.js';
import { hpkeOpen, hpkeSeal } from '#strongroom/crypto/hpke.js';
import { openShare, sealShare } from '#strongroom/custody/quorum/share.js';
import { createIdentity } from '#strongroom/index.js';
import { codeOf, suiteNames } from '../../keys/helpers.ts';
import { noise } from '../../support/archive.ts';

const share = noise(33, 40);
const split = Buffer.from(noise(32, 41)).toString('hex');
const place = { split, group: 1, index: 2, threshold: 3, count: 5 };

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
