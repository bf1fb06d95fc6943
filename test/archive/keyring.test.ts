/** One key ring, and everything that it can be refused for, one thing at a time. */
import { beforeAll, describe, expect, it } from 'vitest';
import { type Core, createCore } from '#strongroom/archive/core.js';
import { deriveArchiveKeys } from '#strongroom/archive/filekey.js';
import {
  chooseKeyring,
  createKeyring,
  decodeKeyring,
  type Keyring,
  type KeyringDocument,
  keyringBytes,
  keyringDigest,
  parseKeyring,
  stanzaFor,
  trustKeyring,
  unlockKeyring,
} from '#strongroom/archive/keyring.js';
import type { QuorumStanza } from '#strongroom/archive/quorum.js';
import { encodeSlot } from '#strongroom/archive/slots.js';
import { sha384 } from '#strongroom/crypto/hash.js';
import { hmacSha384 } from '#strongroom/crypto/kdf.js';
import { createQuorum } from '#strongroom/custody/quorum/split.js';
import { createIdentity, type Identity, trustCards } from '#strongroom/index.js';
import { encodeJson } from '#strongroom/json.js';
import { signDocument } from '#strongroom/keys/signed.js';
import { refusal, suiteNames } from '../keys/helpers.ts';
import { noise, people, trustWhile } from '../support/archive.ts';

const who = people();
const { author, reader, insider, stranger, trust } = who;
const custodian = createIdentity({ name: 'custodian', suite: 'hybrid' });
const coreOf = (by: Identity, seed = 0): Core =>
  createCore({
    suite: by.card.suite,
    segmentBytes: 4096,
    slotBytes: 65536 + seed * 4096,
    authors: by.card.signing.map(({ id }) => id),
  });
const core = coreOf(author);
const fileKey = noise(32);
const keys = deriveArchiveKeys(fileKey, core);
const other = deriveArchiveKeys(noise(32, 2), core);
const recipients = [reader.card, insider.card];
const made = { core, keys, fileKey, recipients, hideRecipients: false, signer: author };
const type = 'application/vnd.strongroom.keyring.v1+json';

let quorum: QuorumStanza;
let ring: Keyring;
beforeAll(async () => {
  const plan = {
    groups: [
      { name: 'legal', threshold: 1, custodians: [insider.card, custodian.card] },
      { name: 'security', threshold: 1, custodians: [stranger.card] },
    ],
  };
  quorum = await createQuorum(plan, fileKey, core, keys.commit);
  ring = createKeyring({ ...made, quorums: [quorum], reason: 'first' });
});

type Signed = KeyringDocument['signed'];
type Changes = { readonly [K in keyof Signed]?: Signed[K] | undefined };

/** The ring with other members, without a fresh signature. */
const encoded = (changes: Changes, signatures = ring.document.signatures) =>
  encodeJson({
    signatures,
    signed: Object.fromEntries(
      Object.entries({ ...ring.document.signed, ...changes }).filter(([, v]) => v !== undefined),
    ),
  });
const decoding = (changes: Changes) => refusal(() => decodeKeyring(encoded(changes), core, 'ring'));

/** The ring with other members, a fresh MAC and fresh signatures. */
function resigned(changes: Changes, by = author, macKey = keys.keyring): Keyring {
  const { mac: _, ...rest } = ring.document.signed;
  const body = { ...rest, ...changes };
  const mac = Buffer.from(hmacSha384(macKey, encodeJson(body))).toString('base64');
  return decodeKeyring(encodeJson(signDocument(type, { ...body, mac }, by)), core, 'ring');
}

describe.each(suiteNames)('a key ring of %s', (suite) => {
  const by = createIdentity({ name: 'author', suite });
  const coreHere = coreOf(by);
  const keysHere = deriveArchiveKeys(fileKey, coreHere);
  const people = Array.from({ length: 40 }, (_, i) => createIdentity({ name: `p${i}`, suite }));
  const cards = people.map(({ card }) => card);

  it.each([
    [1, 0],
    [40, 0],
    [0, 40],
    [3, 5],
  ])(
    'of %i recipients and %i shares is as long as foretold, or a little less',
    async (n, shares) => {
      const groups = [{ name: 'g', threshold: 2, custodians: cards.slice(0, shares) }];
      const quorums =
        shares === 0 ? [] : [await createQuorum({ groups }, fileKey, coreHere, keysHere.commit)];
      const given = { core: coreHere, keys: keysHere, fileKey, hideRecipients: false, signer: by };
      const { bytes } = createKeyring({ ...given, recipients: cards.slice(0, n), quorums });
      const foretold = keyringBytes(by.card.suite, n, shares);
      expect(bytes.length).toBeLessThanOrEqual(foretold);
      expect(foretold - bytes.length).toBeLessThan(2048 + n * 64 + shares * 1280);
    },
  );

  it('of custodians with the longest names, each in a quorum of its own, is no longer', async () => {
    const named = (i: number, length: number) => `${i}`.padStart(2, '0') + '👍'.repeat(length - 2);
    const quorums = await Promise.all(
      Array.from({ length: 16 }, (_, i) => {
        const custodians = [createIdentity({ name: named(i, 128), suite }).card];
        const groups = [{ name: named(i, 64), threshold: 1, custodians }];
        return createQuorum({ groups }, fileKey, coreHere, keysHere.commit);
      }),
    );
    const given = { core: coreHere, keys: keysHere, fileKey, hideRecipients: false, signer: by };
    const { bytes } = createKeyring({ ...given, recipients: [], quorums });
    expect(bytes.length).toBeLessThanOrEqual(keyringBytes(by.card.suite, 0, 16));
  });
});

describe('what is written', () => {
  it('is read back, and named by the next one', () => {
    const found = decodeKeyring(ring.bytes, core, 'ring');
    expect(found).toEqual(ring);
    expect(found.document.signed).toMatchObject({ epoch: 1, reason: 'first' });
    expect(found.document.signed.recipients.map(({ key }) => key)).toEqual(
      recipients.map(({ kem }) => kem.id),
    );
    expect(parseKeyring(ring.bytes, 'ring')).toEqual(ring.document);
    expect(keyringDigest(ring)).toEqual(sha384(ring.bytes));
  });

  it('has the reason that it is given, and names nobody if it is asked to', () => {
    const reason = 'audit';
    const { signed } = createKeyring({ ...made, reason, hideRecipients: true }).document;
    expect(signed.reason).toBe(reason);
    expect(signed.recipients.map(({ key }) => key)).toEqual([undefined, undefined]);
    const [first] = createKeyring(made).document.signed.recipients;
    expect(first?.key).toBe(reader.card.kem.id);
  });

  it('has neither reason nor quorums unless it is given them', () => {
    expect(Object.keys(createKeyring(made).document.signed)).toEqual([
      'archive',
      'commit',
      'core',
      'created',
      'epoch',
      'mac',
      'recipients',
      'type',
      'version',
    ]);
  });
});

describe('is refused', () => {
  const stanza = () => ring.document.signed.recipients[0] as Signed['recipients'][number];
  const previous = Buffer.alloc(48).toString('base64');
  const enc = Buffer.alloc(8).toString('base64');
  it.each<[string, () => Changes, string, string]>([
    ['of another archive', () => ({ archive: '00'.repeat(32) }), 'KEYRING_MISMATCH', 'belong'],
    ['of another core', () => ({ core: previous }), 'KEYRING_MISMATCH', 'belong'],
    ['the first, with a previous one', () => ({ previous }), 'KEYRING_INVALID', 'previous one'],
    ['the second, without one', () => ({ epoch: 2 }), 'KEYRING_INVALID', 'previous one'],
    [
      'for nobody',
      () => ({ recipients: [], quorums: undefined }),
      'KEYRING_INVALID',
      'names nobody',
    ],
    [
      'with a short encapsulation',
      () => ({ recipients: [{ ...stanza(), enc }] }),
      'KEYRING_INVALID',
      'a stanza has an encapsulation of the wrong length',
    ],
    [
      'with two stanzas for one key',
      () => ({ recipients: [stanza(), stanza()] }),
      'KEYRING_INVALID',
      'two stanzas name the key',
    ],
    ['of epoch 0', () => ({ epoch: 0 }), 'KEYRING_INVALID', 'epoch'],
    [
      'with two quorums of one split',
      () => ({ quorums: [quorum, quorum] }),
      'KEYRING_INVALID',
      'one split',
    ],
  ])('%s', async (_, changes, code, why) => {
    const error = await decoding(changes());
    expect(error.code).toBe(code);
    expect(error.message).toContain(why);
    expect(error.message).toMatch(/^ring: /);
  });

  it('with another number of signatures than its suite has', async () => {
    const bytes = encoded({}, ring.document.signatures.slice(1));
    const { code, message } = await refusal(() => decodeKeyring(bytes, core, 'ring'));
    expect(code).toBe('KEYRING_UNTRUSTED');
    expect(message).toContain('signatures of its suite');
  });

  it('but not with several hidden stanzas, with a quorum alone, or with two', () => {
    const hidden = recipients.map((card) => stanzaFor(card, fileKey, core, keys, true));
    expect(hidden.map(({ key }) => key)).toEqual([undefined, undefined]);
    expect(resigned({ recipients: hidden }).document.signed.recipients).toHaveLength(2);
    expect(resigned({ recipients: [] }).document.signed.quorums).toHaveLength(1);
    const quorums = [quorum, { ...quorum, split: '00'.repeat(32) }];
    expect(resigned({ quorums }).document.signed.quorums).toHaveLength(2);
  });
});

describe('a quorum is refused', () => {
  type Group = QuorumStanza['groups'][number];
  type Share = Group['shares'][number];
  const group = (at: number) => quorum.groups[at] as Group;
  const share = (changes: Partial<Share>): Group => ({
    ...group(1),
    shares: [{ ...(group(1).shares[0] as Share), ...changes }],
  });
  const first = () => group(0).shares[0] as Share;
  it.each<[string, () => Group, string]>([
    ['with two groups of one name', () => ({ ...group(1), name: 'legal' }), 'one name'],
    ['that asks for more than there are', () => ({ ...group(1), threshold: 2 }), 'more shares'],
    [
      'with a short encapsulation',
      () => share({ enc: Buffer.alloc(8).toString('base64') }),
      'a share has an encapsulation of the wrong length',
    ],
    ['with a signing key too few', () => share({ signers: ['11'.repeat(32)] }), 'signing keys'],
    ['with one holder twice', () => share({ key: first().key }), 'name the same key'],
    ['with one signer twice', () => share({ signers: first().signers }), 'name the same key'],
    [
      'with one key of a signer twice',
      () => share({ signers: [first().signers[0] as string, '22'.repeat(32)] }),
      'name the same key',
    ],
  ])('%s', async (_, second, why) => {
    const quorums = [{ ...quorum, groups: [group(0), second()] }];
    const { code, message } = await decoding({ quorums });
    expect(code).toBe('KEYRING_INVALID');
    expect(message).toContain(why);
  });
});

describe('of two slots', () => {
  const next = () =>
    resigned({ epoch: 2, previous: Buffer.from(keyringDigest(ring)).toString('base64') });
  const slot = ({ bytes }: Keyring) => encodeSlot(bytes, core.slotBytes);
  const empty = new Uint8Array(core.slotBytes);

  it('the one with the higher epoch counts, wherever it is', () => {
    const epochOf = (slots: readonly [Uint8Array, Uint8Array]) => {
      const chosen = chooseKeyring(slots, core, 'archive');
      return [chosen.slot, chosen.document.signed.epoch];
    };
    expect(epochOf([slot(ring), empty])).toEqual([0, 1]);
    expect(epochOf([empty, slot(ring)])).toEqual([1, 1]);
    expect(epochOf([slot(ring), slot(next())])).toEqual([1, 2]);
    expect(epochOf([slot(next()), slot(ring)])).toEqual([0, 2]);
  });

  it.each([
    ['both are empty', () => [empty, empty] as const, 'holds no key ring'],
    [
      'both are of one epoch',
      () => [slot(ring), slot(ring)] as const,
      'both key rings are of epoch 1',
    ],
  ])('none counts where %s', async (_, slots, why) => {
    const error = await refusal(() => chooseKeyring(slots(), core, 'archive'));
    expect(error.code).toBe('KEYRING_INVALID');
    expect(error.message).toContain(why);
  });

  it('one that is altered hides none: which of them it is, is said', async () => {
    for (const [at, letter] of [
      [0, 'A'],
      [1, 'B'],
    ] as const) {
      const slots = [slot(ring), slot(next())] as [Uint8Array, Uint8Array];
      slots[at][100] = (slots[at][100] ?? 0) ^ 1;
      const { code, message } = await refusal(() => chooseKeyring(slots, core, 'archive'));
      expect(code).toBe('KEYRING_INVALID');
      expect(message).toContain(letter);
    }
  });
});

describe('is opened', () => {
  const open = (
    given: Keyring,
    holder: Parameters<typeof unlockKeyring>[2],
    signal?: AbortSignal,
  ) => unlockKeyring(given, core, holder, 'archive', signal);

  it('by whoever it names, by hidden ones, and with the file key', async () => {
    const hidden = createKeyring({ ...made, hideRecipients: true });
    for (const [given, holder] of [
      [ring, reader],
      [ring, insider],
      [hidden, insider],
      [ring, { fileKey }],
    ] as const) {
      const found = await open(given, holder);
      expect(found.fileKey).toEqual(fileKey);
      expect(found.keys.commit).toEqual(keys.commit);
    }
  });

  it('with a copy of the file key: the one that was given is the caller’s', async () => {
    const given = new Uint8Array(fileKey);
    const found = await open(ring, { fileKey: given });
    given.fill(0);
    expect(found.fileKey).toEqual(fileKey);
  });

  it('by nobody else, nor by whoever is named with a stanza of another', async () => {
    expect((await refusal(() => open(createKeyring(made), stranger))).code).toBe('NO_KEY_FITS');
    const hidden = stanzaFor(reader.card, fileKey, core, keys, true);
    const theirs = stanzaFor(insider.card, fileKey, core, keys, true);
    const wrong = { ...theirs, key: reader.card.kem.id };
    // Named, it is the stanza of that name alone that is tried
    const given = resigned({ recipients: [wrong, hidden] });
    expect((await refusal(() => open(given, reader))).code).toBe('NO_KEY_FITS');
  });

  it('by an identity of its own suite alone', async () => {
    const foreign = createIdentity({ name: 'foreign', suite: 'cnsa2' });
    expect((await refusal(() => open(ring, foreign))).code).toBe('SUITE_MISMATCH');
  });

  it('not with the key of another archive, nor if its MAC was made with one', async () => {
    const wrong = { fileKey: noise(32, 2) };
    expect((await refusal(() => open(ring, wrong))).code).toBe('COMMIT_MISMATCH');
    const forged = resigned({}, author, other.keyring);
    expect((await refusal(() => open(forged, reader))).code).toBe('KEYRING_MAC');
  });

  it('not any further once it is told to stop', async () => {
    const error = await refusal(() => open(ring, reader, AbortSignal.abort()));
    expect(error.code).toBe('INTERRUPTED');
  });

  it('or says whom to ask', async () => {
    const hintFor = async (changes: Changes, holder: Identity) =>
      (await refusal(() => open(resigned(changes), holder))).hint;
    expect(await hintFor({}, custodian)).toContain('holds a share');
    expect(await hintFor({}, stranger)).toContain('holds a share');
    const nobody = createIdentity({ name: 'nobody', suite: 'hybrid' });
    expect(await hintFor({}, nobody)).not.toContain('quorum');
    expect(await hintFor({ recipients: [] }, nobody)).toContain('a quorum alone can open it');
    const plain = createKeyring(made);
    expect((await refusal(() => open(plain, nobody))).hint).not.toContain('quorum');
  });
});

describe('is trusted', () => {
  const policy = (entries: readonly [Identity, ...('author' | 'custodian')[]][]) => ({
    ...trust,
    entries: entries.map(([{ card }, ...roles]) => ({ card, roles })),
  });
  const trusting = (given: Keyring, whom: Parameters<typeof trustKeyring>[2]) =>
    trustKeyring(given, core, whom, 'archive');
  const refused = (given: Keyring, whom: Parameters<typeof trustKeyring>[2]) =>
    refusal(() => trusting(given, whom));

  it('from its author, and from a custodian', () => {
    expect(trusting(ring, trust)).toBe(author.card);
    const both = policy([
      [author, 'author'],
      [custodian, 'custodian'],
    ]);
    expect(trusting(resigned({}, custodian), both)).toBe(custodian.card);
    expect(trusting(ring, both)).toBe(author.card);
    expect(trusting(ring, policy([[author, 'custodian']]))).toBe(author.card);
  });

  it('from nobody else, whoever they are trusted as', async () => {
    const author2 = policy([
      [author, 'author'],
      [stranger, 'author'],
    ]);
    const error = await refused(resigned({}, stranger), author2);
    expect(error.code).toBe('KEYRING_UNTRUSTED');
    expect(error.message).toContain('whom you do not trust for that');
    const unknown = await refused(ring, trustCards([stranger.card]));
    expect(unknown.code).toBe('KEYRING_UNTRUSTED');
    expect(unknown.message).toContain('was sealed by');
  });

  it('with the signatures of whoever it names', async () => {
    const [mine, theirs] = [ring, resigned({}, custodian)].map(({ document }) => document);
    const signatures = (mine as KeyringDocument).signatures.map(({ keyid }, i) => ({
      keyid,
      sig: (theirs as KeyringDocument).signatures[i]?.sig as string,
    }));
    const forged = decodeKeyring(encoded({}, signatures), core, 'ring');
    const error = await refused(forged, trust);
    expect(error.code).toBe('KEYRING_UNTRUSTED');
    expect(error.message).toContain('the signature of author on the key ring is wrong');
  });

  it('from when the key of whoever granted was active', async () => {
    expect(await refused(ring, trustWhile('suspended', author.card))).toMatchObject({
      code: 'KEYRING_UNTRUSTED',
      message: expect.stringMatching(
        /^archive: was granted access at \S+ with the key of author, which was in state suspended$/,
      ),
    });
    expect(trusting(ring, trustWhile('active', author.card))).toBe(author.card);
  });

  it('from when the card of whoever granted was valid', async () => {
    const error = await refused(resigned({ created: '2020-01-01T00:00:00Z' }), trust);
    expect(error.code).toBe('KEYRING_UNTRUSTED');
    expect(error.message).toContain('when the card of author was not valid');
  });
});
