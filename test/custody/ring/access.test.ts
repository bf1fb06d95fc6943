/** Granting and revoking: who can open an archive then, and what stays byte for byte. */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { keyringDigest, signKeyring, unlockKeyring } from '#strongroom/archive/keyring.js';
import {
  type Card,
  createIdentity,
  type Identity,
  grant as libraryGrant,
  revoke as libraryRevoke,
  type Role,
  type Trust,
  verify,
} from '#strongroom/index.js';
import { makeArchive, outcome, people, sharedWorkspace, workspace } from '../../support/archive.ts';
import { frontAt, opens, regionsAt, ringAt } from '../helpers.ts';

const trusting = (...entries: [Identity, Role[]][]): Trust => ({
  entries: entries.map(([{ card }, roles]) => ({ card, roles })),
});

describe.each(['hybrid', 'cnsa2'] as const)('suite %s', (suite) => {
  const who = people(suite);
  const { author, reader, insider, stranger } = who;
  const custodian = createIdentity({ name: 'custodian', suite });
  const trust = trusting([author, ['author']], [custodian, ['custodian']]);
  const by = { identity: custodian, trust };
  const root = sharedWorkspace();
  let original: string;
  let archive: string;

  beforeAll(async () => {
    const recipients = [reader.card, insider.card, custodian.card];
    original = await makeArchive(root, { who, files: { a: 'weights' }, recipients });
  });

  /** A copy to change. */
  const copy = (from = original): string => {
    archive = join(workspace(), 'archive.srm');
    copyFileSync(from, archive);
    return archive;
  };
  const grant = (...add: Card[]) => libraryGrant(archive, { ...by, add });
  const revoke = (...remove: (Card | string)[]) => libraryRevoke(archive, { ...by, remove });
  const can = (identity: Identity, keyring?: string) => opens(archive, identity, trust, keyring);

  it('lets others in, and changes nothing but the key ring', async () => {
    copy();
    expect(await can(stranger)).toBe('NO_KEY_FITS');
    const before = await frontAt(archive);
    const report = await libraryGrant(archive, { ...by, add: [stranger.card], reason: 'audit' });
    expect(await can(stranger)).toBe('accepted');
    expect(await can(reader)).toBe('accepted');
    expect(report).toMatchObject({ epoch: 2, recipients: 4, reason: 'audit', output: archive });
    expect(report.added).toMatchObject([{ name: 'stranger', key: stranger.card.kem.id }]);

    const after = await ringAt(archive);
    expect(after.recipients.slice(0, 3)).toEqual(before.ring.document.signed.recipients);
    expect(after.previous).toBe(Buffer.from(keyringDigest(before.ring)).toString('base64'));
    expect(after.reason).toBe('audit');
    const [was, is] = [regionsAt(original), regionsAt(archive)];
    expect(is.core.equals(was.core) && is.rest.equals(was.rest)).toBe(true);
    expect(is.slots[0].every((byte) => byte === 0)).toBe(true);
    const verified = await verify(archive, { trust, identity: stranger });
    expect(verified.keyring).toMatchObject({ epoch: 2, grantedBy: { name: 'custodian' } });
  });

  it('ends the access of some, and leaves no stanza of theirs', async () => {
    copy();
    const [stanza] = (await ringAt(archive)).recipients;
    const report = await revoke(reader.card);
    expect(report.removed).toMatchObject([{ name: 'reader' }]);
    expect(await can(reader)).toBe('NO_KEY_FITS');
    expect(await can(insider)).toBe('accepted');
    const bytes = readFileSync(archive, 'latin1');
    expect(bytes.includes(stanza?.enc as string)).toBe(false);
    expect((await ringAt(archive)).recipients).toHaveLength(2);
  });

  it('keeps a reason to its own epoch', async () => {
    copy();
    await libraryGrant(archive, { ...by, add: [stranger.card], reason: 'audit' });
    await revoke(stranger.card);
    expect(await ringAt(archive)).not.toHaveProperty('reason');
  });

  it('comes back to the same slot again and again', async () => {
    copy();
    for (let epoch = 2; epoch <= 7; epoch += 2) {
      expect(await grant(stranger.card)).toMatchObject({ epoch });
      expect(await revoke(stranger.card)).toMatchObject({ epoch: epoch + 1 });
    }
    expect(await can(stranger)).toBe('NO_KEY_FITS');
    expect(await can(reader)).toBe('accepted');
  });

  it('takes a key id, or the start of one', async () => {
    copy();
    expect(await revoke(reader.card.kem.id)).toMatchObject({ recipients: 2 });
    expect(await revoke(insider.card.kem.id.slice(0, 16))).toMatchObject({ recipients: 1 });
    expect(await outcome(() => revoke(insider.card.kem.id))).toBe('NOT_A_RECIPIENT');
    expect(await outcome(() => revoke(custodian.card.kem.id.slice(0, 15)))).toBe('USAGE');
    expect(await outcome(() => revoke('reader'))).toBe('USAGE');
  });

  describe('refused, with not a byte changed', () => {
    const other = createIdentity({ name: 'other', suite: suite === 'hybrid' ? 'cnsa2' : 'hybrid' });
    const expired = createIdentity({
      name: 'expired',
      suite,
      now: '2020-01-01T00:00:00Z',
      expires: '2020-02-01T00:00:00Z',
    });
    const change = (options: object, which: 'grant' | 'revoke' = 'grant') => {
      const run = (which === 'grant' ? libraryGrant : libraryRevoke) as (
        path: string,
        options: object,
      ) => Promise<unknown>;
      const usual = which === 'grant' ? { add: [stranger.card] } : { remove: [reader.card] };
      return run(archive, { ...by, ...usual, ...options });
    };
    const cases: [string, string, () => Promise<unknown>][] = [
      ['granting twice', 'ALREADY_GRANTED', () => grant(reader.card)],
      ['one card twice', 'ALREADY_GRANTED', () => grant(stranger.card, stranger.card)],
      ['nobody', 'NO_RECIPIENTS', () => grant()],
      ['another suite', 'SUITE_MISMATCH', () => grant(other.card)],
      ['an expired card', 'CARD_EXPIRED', () => grant(expired.card)],
      ['a reason too long', 'USAGE', () => change({ reason: 'x'.repeat(1025) })],
      ['half a character', 'USAGE', () => change({ reason: '\ud800' })],
      [
        'no key',
        'NO_KEY_FITS',
        () =>
          change({
            identity: stranger,
            trust: trusting([author, ['author']], [stranger, ['custodian']]),
          }),
      ],
      ['a reader without the role', 'GRANTER_UNTRUSTED', () => change({ identity: reader })],
      [
        'a witness',
        'GRANTER_UNTRUSTED',
        () =>
          change({
            identity: reader,
            trust: trusting([author, ['author']], [reader, ['witness']]),
          }),
      ],
      [
        'another author',
        'GRANTER_UNTRUSTED',
        () =>
          change({ identity: reader, trust: trusting([author, ['author']], [reader, ['author']]) }),
      ],
      [
        'a ring of nobody trusted',
        'KEYRING_UNTRUSTED',
        () => change({ trust: trusting([custodian, ['custodian']]) }),
      ],
      ['an identity of another suite', 'SUITE_MISMATCH', () => change({ identity: other })],
      ['a detached ring in place', 'USAGE', () => change({ keyring: 'x' })],
      ['revoking nobody', 'USAGE', () => revoke()],
      ['revoking a stranger', 'NOT_A_RECIPIENT', () => revoke(stranger.card)],
      ['revoking oneself', 'LOCKED_OUT', () => revoke(custodian.card)],
      [
        'revoking the last ones',
        'NO_RECIPIENTS',
        () =>
          change(
            { remove: [reader.card, insider.card, custodian.card], lockMeOut: true },
            'revoke',
          ),
      ],
      [
        'a set with one card twice',
        'USAGE',
        () => libraryRevoke(archive, { ...by, recipients: [reader.card, reader.card] }),
      ],
      [
        'a set without oneself',
        'LOCKED_OUT',
        () => libraryRevoke(archive, { ...by, recipients: [reader.card] }),
      ],
      [
        'an empty set',
        'NO_RECIPIENTS',
        () => libraryRevoke(archive, { ...by, recipients: [], lockMeOut: true }),
      ],
      ['an epoch that is asked', 'EPOCH_ROLLBACK', () => change({ minEpoch: 2 })],
    ];
    it.each(cases)('%s: %s', async (_, code, run) => {
      copy();
      expect(await outcome(run)).toBe(code);
      expect(readFileSync(archive).equals(readFileSync(original))).toBe(true);
      expect(existsSync(join(archive, '..', '.archive.srm.lock'))).toBe(false);
    });
  });

  it('ends when there is no epoch after the one in force, and says what helps', async () => {
    copy();
    const { core, ring } = await frontAt(archive);
    const { keys } = await unlockKeyring(ring, core, custodian, archive);
    const { mac: _, ...body } = ring.document.signed;
    const last = { ...body, epoch: Number.MAX_SAFE_INTEGER, previous: body.commit };
    const detached = join(archive, '..', 'last.ring');
    writeFileSync(detached, signKeyring(last, core, keys, custodian).bytes);
    expect(await can(reader, detached)).toBe('accepted');
    const next = { keyring: detached, output: join(archive, '..', 'next.ring') };
    const run = () => libraryGrant(archive, { ...by, ...next, add: [stranger.card] });
    expect(await outcome(run)).toBe('RING_FULL');
    expect(existsSync(next.output)).toBe(false);
  });

  it('lets one lock oneself out if one says so', async () => {
    copy();
    await libraryRevoke(archive, { ...by, remove: [custodian.card], lockMeOut: true });
    expect(await can(custodian)).toBe('NO_KEY_FITS');
    expect(await can(reader)).toBe('accepted');
  });

  it('sets the list: stanzas that stay are the same, others are made', async () => {
    copy();
    const before = (await ringAt(archive)).recipients;
    const recipients = [custodian.card, stranger.card];
    const report = await libraryRevoke(archive, { ...by, recipients });
    expect(report.removed.map(({ key }) => key)).toEqual([reader.card.kem.id, insider.card.kem.id]);
    expect((await ringAt(archive)).recipients[0]).toEqual(before[2]);
    expect(await can(stranger)).toBe('accepted');
    expect(await can(reader)).toBe('NO_KEY_FITS');
  });

  describe('hidden recipients', () => {
    let hidden: string;
    beforeAll(async () => {
      const recipients = [reader.card, custodian.card];
      const files = { a: 'weights' };
      const made = { who, files, recipients, hideRecipients: true, name: 'hidden' };
      hidden = await makeArchive(root, made);
    });

    it('stay hidden when others are granted access', async () => {
      copy(hidden);
      await grant(stranger.card);
      const { recipients } = await ringAt(archive);
      expect(recipients.map(({ key }) => key)).toEqual([undefined, undefined, undefined]);
      expect(await can(stranger)).toBe('accepted');
    });

    it('cannot be told apart, so the list is made anew', async () => {
      copy(hidden);
      const before = (await ringAt(archive)).recipients;
      expect(await outcome(() => revoke(reader.card))).toBe('NOT_A_RECIPIENT');
      await libraryRevoke(archive, { ...by, recipients: [custodian.card, insider.card] });
      const { recipients } = await ringAt(archive);
      for (const { enc, key } of recipients) {
        expect(key).toBeUndefined();
        expect(before.map((stanza) => stanza.enc)).not.toContain(enc);
      }
      expect(await can(reader)).toBe('NO_KEY_FITS');
      expect(await can(insider)).toBe('accepted');
    });
  });

  describe('detached key rings', () => {
    const ring = (name: string) => join(archive, '..', name);

    it('leave the archive as it is, and count for who is given them', async () => {
      copy();
      const output = ring('2.ring');
      const report = await libraryGrant(archive, { ...by, add: [stranger.card], output });
      expect(report).toMatchObject({ epoch: 2, output });
      expect(readFileSync(archive).equals(readFileSync(original))).toBe(true);
      expect(await can(stranger)).toBe('NO_KEY_FITS');
      expect(await can(stranger, output)).toBe('accepted');
    });

    it('follow each other', async () => {
      copy();
      const [two, three] = [ring('2.ring'), ring('3.ring')];
      await libraryGrant(archive, { ...by, add: [stranger.card], output: two });
      const remove = [reader.card];
      await libraryRevoke(archive, { ...by, remove, keyring: two, output: three });
      const second = await frontAt(archive, two);
      expect(await ringAt(archive, three)).toMatchObject({
        epoch: 3,
        previous: Buffer.from(keyringDigest(second.ring)).toString('base64'),
      });
      expect([await can(reader), await can(reader, three)]).toEqual(['accepted', 'NO_KEY_FITS']);
    });

    it('never replace a file', async () => {
      copy();
      const output = ring('2.ring');
      writeFileSync(output, 'mine');
      const run = () => libraryGrant(archive, { ...by, add: [stranger.card], output });
      expect(await outcome(run)).toBe('OUTPUT_EXISTS');
      expect(readFileSync(output, 'utf8')).toBe('mine');
    });
  });
});
