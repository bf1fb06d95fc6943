/** The next epoch of a key ring: what stays, what changes, and which there cannot be. */
import { beforeAll, describe, expect, it } from 'vitest';
import { createCore } from '#strongroom/archive/core.js';
import { deriveArchiveKeys } from '#strongroom/archive/filekey.js';
import {
  createKeyring,
  type Keyring,
  keyringDigest,
  maxRecipients,
  type Stanza,
  stanzaFor,
} from '#strongroom/archive/keyring.js';
import type { QuorumStanza } from '#strongroom/archive/quorum.js';
import { createQuorum } from '#strongroom/custody/quorum/split.js';
import {
  assertGranter,
  assertReason,
  nextKeyring,
  type RingChange,
} from '#strongroom/custody/ring/next.js';
import { createIdentity, grant, type Identity, trustCards } from '#strongroom/index.js';
import { refusal } from '../../keys/helpers.ts';
import { noise, people, trustWhile } from '../../support/archive.ts';

const { author, reader, insider, stranger, trust } = people();
const core = createCore({
  suite: author.card.suite,
  segmentBytes: 4096,
  slotBytes: 65536,
  authors: author.card.signing.map(({ id }) => id),
});
const fileKey = noise(32);
const keys = deriveArchiveKeys(fileKey, core);
let quorum: QuorumStanza;
let previous: Keyring;
beforeAll(async () => {
  const group = { name: 'legal', threshold: 1, custodians: [insider.card] };
  quorum = await createQuorum({ groups: [group] }, fileKey, core, keys.commit);
  previous = createKeyring({
    core,
    keys,
    fileKey,
    recipients: [reader.card],
    quorums: [quorum],
    hideRecipients: false,
    reason: 'first',
    signer: author,
  });
});

const next = (change: RingChange, more: object = {}) =>
  nextKeyring({ core, keys, previous, change, reason: undefined, signer: author, trust, ...more });
const stanza = (): Stanza => stanzaFor(insider.card, fileKey, core, keys, false);

describe('the next key ring', () => {
  it('keeps what the change does not name, but for the reason', () => {
    const { signed } = next({}).document;
    const before = previous.document.signed;
    expect(signed).toMatchObject({
      epoch: 2,
      previous: Buffer.from(keyringDigest(previous)).toString('base64'),
      recipients: before.recipients,
      quorums: [quorum],
      commit: before.commit,
    });
    expect(signed).not.toHaveProperty('reason');
    expect(next({}, { reason: 'second' }).document.signed.reason).toBe('second');
  });

  it('has the recipients and quorums of the change, or none', () => {
    const added = [...previous.document.signed.recipients, stanza()];
    expect(next({ recipients: added }).document.signed.recipients).toEqual(added);
    const alone = next({ quorums: [] }).document.signed;
    expect(alone).not.toHaveProperty('quorums');
    expect(alone.recipients).toHaveLength(1);
    expect(next({ recipients: [] }).document.signed.quorums).toEqual([quorum]);
  });

  it.each<[string, () => unknown, string, string]>([
    [
      'that nobody could open',
      () => next({ recipients: [], quorums: [] }),
      'NO_RECIPIENTS',
      'grant it to someone else first',
    ],
    [
      'of more recipients than there may be',
      () => next({ recipients: Array(maxRecipients + 1).fill(stanza()) }),
      'USAGE',
      '',
    ],
    [
      'after the last epoch',
      () => {
        const { document } = previous;
        const signed = { ...document.signed, epoch: Number.MAX_SAFE_INTEGER };
        return next({}, { previous: { ...previous, document: { ...document, signed } } });
      },
      'RING_FULL',
      'rekey',
    ],
    ['that readers would not trust', () => next({}, { signer: stranger }), 'KEYRING_UNTRUSTED', ''],
  ])('%s is not made', async (_, make, code, hint) => {
    const error = await refusal(make);
    expect(error.code).toBe(code);
    expect(error.hint ?? '').toContain(hint);
  });
});

it.each([
  [undefined, true],
  ['', true],
  ['x'.repeat(1024), true],
  ['🔑'.repeat(1024), true],
  ['x'.repeat(1025), false],
  ['\ud83d', false],
])('a reason may be %j: %s', async (reason, may) => {
  const check = () => assertReason(reason);
  if (may) expect(check).not.toThrow();
  else expect((await refusal(check)).code).toBe('USAGE');
});

describe('whoever writes it', () => {
  const roles = (identity: Identity, ...given: ('author' | 'custodian')[]) => ({
    ...trust,
    entries: [{ card: identity.card, roles: given }],
  });

  it('is the author, trusted as one, or a trusted custodian', async () => {
    expect(() => assertGranter(author, core, trust)).not.toThrow();
    expect(() => assertGranter(author, core, roles(author, 'author'))).not.toThrow();
    expect(() => assertGranter(author, core, roles(author, 'custodian'))).not.toThrow();
    expect(() => assertGranter(stranger, core, roles(stranger, 'custodian'))).not.toThrow();
    for (const [who, whom] of [
      [stranger, roles(stranger, 'author')],
      [author, trustCards([stranger.card])],
    ] as const) {
      expect((await refusal(() => assertGranter(who, core, whom))).code).toBe('GRANTER_UNTRUSTED');
    }
  });

  it('is not believed by a card of theirs that has expired, though another has not', async () => {
    const old = { ...author.card, expires: '2021-01-01T00:00:00Z' };
    const given = { entries: [{ card: old, roles: ['author'] as const }] };
    expect((await refusal(() => assertGranter(author, core, given))).code).toBe('CARD_EXPIRED');
  });

  it('has a key that is active', async () => {
    expect(() => assertGranter(author, core, trustWhile('active', author.card))).not.toThrow();
    const asleep = trustWhile('suspended', author.card);
    expect((await refusal(() => assertGranter(author, core, asleep))).code).toBe('KEY_STATE');
  });

  it('has a card that is valid, of the suite of the archive', async () => {
    const old = createIdentity({
      name: 'old',
      now: '2020-01-01T00:00:00Z',
      expires: '2021-01-01T00:00:00Z',
    });
    const other = createIdentity({ name: 'other', suite: 'cnsa2' });
    expect((await refusal(() => assertGranter(old, core, roles(old, 'custodian')))).code).toBe(
      'CARD_EXPIRED',
    );
    expect((await refusal(() => assertGranter(other, core, roles(other, 'custodian')))).code).toBe(
      'SUITE_MISMATCH',
    );
  });
});

it.each([
  ['an archive at an address', 'https://example.org/m.srm', {}, 'is not changed in place'],
  ['a detached key ring', 'm.srm', { keyring: 'ring' }, 'is not changed in place'],
  ['an address to write to', 'm.srm', { output: 'http://example.org/ring' }, 'over HTTP'],
])('%s is refused before anything is read', async (_, path, more, why) => {
  const error = await refusal(() =>
    grant(path, { identity: author, trust, add: [stranger.card], ...more }),
  );
  expect(error.code).toBe('USAGE');
  expect(error.message).toContain(why);
});
