/** Questions, answers and request keys, each rule by itself, without an archive around them. */
import { beforeAll, describe, expect, it } from 'vitest';
import { createCore } from '#strongroom/archive/core.js';
import { deriveArchiveKeys } from '#strongroom/archive/filekey.js';
import { type QuorumStanza, quorumLimits } from '#strongroom/archive/quorum.js';
import { sha384 } from '#strongroom/crypto/hash.js';
import { suites } from '#strongroom/crypto/suites.js';
import { answer, answerDigest, decodeAnswer } from '#strongroom/custody/quorum/answer.js';
import { combine } from '#strongroom/custody/quorum/combine.js';
import { encodeSigned, maxSignedBytes } from '#strongroom/custody/quorum/document.js';
import {
  assertKeyOf,
  createChallenge,
  createRequest,
  decodeQuestion,
  type Question,
} from '#strongroom/custody/quorum/question.js';
import {
  decodeRequestKey,
  encodeRequestKey,
  type RequestKey,
} from '#strongroom/custody/quorum/request-key.js';
import { openShare, shareOf } from '#strongroom/custody/quorum/share.js';
import {
  assertPlans,
  createQuorum,
  custodiansOf,
  openQuorum,
  type QuorumPlan,
} from '#strongroom/custody/quorum/split.js';
import { tally } from '#strongroom/custody/quorum/tally.js';
import { createIdentity, type Identity } from '#strongroom/index.js';
import { encodeJson } from '#strongroom/json.js';
import { importedCard } from '#strongroom/keys/card.js';
import { cheap, refusal } from '../../keys/helpers.ts';
import { noise } from '../../support/archive.ts';
import { documentOf } from './helpers.ts';

const made = '2026-01-01T00:00:00Z';
const asked = '2026-02-01T00:00:00Z';
const until = '2026-03-01T00:00:00Z';
const over = '2026-06-01T00:00:00Z';
const person = (name: string, more: object = {}): Identity =>
  createIdentity({ name, now: made, ...more });
const [ada, ben, cleo] = ['Ada', 'Ben', 'Cleo'].map((name) => person(name)) as [
  Identity,
  Identity,
  Identity,
];
const requester = person('requester', { expires: over });

const core = createCore({
  suite: suites.hybrid,
  segmentBytes: 4096,
  slotBytes: 32768,
  authors: ada.card.signing.map(({ id }) => id),
});
const fileKey = noise(32);
const { commit } = deriveArchiveKeys(fileKey, core);
const plan: QuorumPlan = {
  groups: [
    { name: 'legal', threshold: 1, custodians: [ada.card] },
    { name: 'security', threshold: 1, custodians: [ben.card, cleo.card] },
  ],
};
const details = (more: object = {}) => ({
  core,
  split: quorum.split,
  purpose: 'evaluation',
  expires: until,
  signer: requester,
  now: asked,
  ...more,
});

let quorum: QuorumStanza;
let request: Question;
let key: RequestKey;
beforeAll(async () => {
  quorum = await createQuorum(plan, fileKey, core, commit);
  ({ request, key } = createRequest(details()));
});

describe('a question', () => {
  it('is what it was made of', () => {
    expect(decodeQuestion(request.bytes, ['challenge', 'request'], 'r')).toEqual(request);
    expect(request.signed).toMatchObject({
      created: asked,
      expires: until,
      purpose: 'evaluation',
      split: quorum.split,
      type: 'strongroom/quorum-request',
    });
    expect(request.digest).toEqual(sha384(request.bytes.subarray(0, -1)));
    expect(createChallenge(details()).kind).toBe('challenge');
    expect(createChallenge(details()).digest).not.toEqual(createChallenge(details()).digest);
  });

  it.each([
    ['that expires as it is asked', { expires: asked }, 'USAGE', 'expire before it is asked'],
    ['without a purpose', { purpose: '' }, 'USAGE', 'a purpose has 1 to 1024 characters'],
    ['with a purpose too long', { purpose: 'x'.repeat(1025) }, 'USAGE', 'a purpose has 1 to 1024'],
    ['with a purpose of two lines', { purpose: 'a\nb' }, 'USAGE', 'a purpose has 1 to 1024'],
    [
      'by somebody whose card is over',
      { now: over, expires: '2030-01-01T00:00:00Z' },
      'CARD_EXPIRED',
      'requester',
    ],
  ])('%s is not asked', async (_, more, code, why) => {
    const error = await refusal(() => createChallenge(details(more)));
    expect(error.code).toBe(code);
    expect(error.message).toContain(why);
  });

  const forged = (changes: object) => {
    const body = { ...documentOf(request).signed, ...changes };
    const type = 'application/vnd.strongroom.quorum-request.v1+json';
    return refusal(() => decodeQuestion(encodeSigned(body, type, requester), ['request'], 'r'));
  };
  const { publicKeyBytes } = suites.hybrid.kem;
  it.each([
    ['expires as it is asked', { expires: asked }, 'REQUEST_INVALID', 'expires before it is asked'],
    [
      'was made before its card',
      { created: '2025-01-01T00:00:00Z' },
      'REQUEST_INVALID',
      'not valid',
    ],
    [
      'was made when its card was over',
      { created: over, expires: '2030-01-01T00:00:00Z' },
      'REQUEST_INVALID',
      'not valid',
    ],
    [
      'has a short key',
      { kem: Buffer.alloc(publicKeyBytes - 1).toString('base64') },
      'REQUEST_INVALID',
      'wrong length',
    ],
    // Coefficients of 4095 are above the modulus 3329: FIPS 203, section 7.2
    [
      'has a key that is none',
      { kem: Buffer.alloc(publicKeyBytes, 0xff).toString('base64') },
      'KEY_INVALID',
      '',
    ],
  ])('signed well, that %s is refused', async (_, changes, code, why) => {
    const error = await forged(changes);
    expect(error.code).toBe(code);
    expect(error.message).toContain(why);
  });

  it('that somebody else signed is refused, whichever of their keys it names', async () => {
    const document = documentOf(request);
    const type = 'application/vnd.strongroom.quorum-request.v1+json';
    const theirs = documentOf({ bytes: encodeSigned(document.signed, type, ada) }).signatures;
    const renamed = theirs.map(({ sig }: { sig: string }, i: number) => ({
      keyid: document.signatures[i].keyid,
      sig,
    }));
    for (const signatures of [theirs, renamed, []]) {
      const bytes = Buffer.concat([encodeJson({ ...document, signatures }), Buffer.from('\n')]);
      const error = await refusal(() => decodeQuestion(bytes, ['request'], 'r'));
      expect(error.code).toBe('REQUEST_INVALID');
      expect(error.message).toBe('r: the signature of requester is wrong');
    }
  });

  it('of another kind is refused by name', async () => {
    const challenge = createChallenge(details());
    const error = await refusal(() => decodeQuestion(challenge.bytes, ['request'], 'r'));
    expect(error.code).toBe('REQUEST_INVALID');
    expect(error.message).toContain('it is a challenge, not a request');
    const both = await refusal(() => decodeAnswer(challenge.bytes, 'approval', 'r'));
    expect(both.code).toBe('APPROVAL_INVALID');
  });

  it('with a card that proves nothing is refused', async () => {
    const { kem, signing, suite } = requester.card;
    const keys = [kem, ...signing].map(({ publicKey }) => publicKey);
    const card = importedCard(suite, keys as [Uint8Array], { name: 'imported', now: made });
    const error = await forged({ card: card.document });
    expect(error.code).toBe('REQUEST_INVALID');
    expect(error.message).toContain('imported');
  });

  it('ends with a newline, and is not longer than it may be', async () => {
    const short = await refusal(() =>
      decodeQuestion(request.bytes.subarray(0, -1), ['request'], 'r'),
    );
    expect(short.message).toContain('end with a newline');
    const long = Buffer.concat([Buffer.alloc(maxSignedBytes, 0x20), request.bytes]);
    const error = await refusal(() => decodeQuestion(long, ['request'], 'r'));
    expect(error.code).toBe('REQUEST_INVALID');
    expect(error.message).toContain('longer than');
  });
});

describe('the key of a request', () => {
  const wrong = async (given: Partial<RequestKey>, of = request) =>
    refusal(() => assertKeyOf(of, { ...key, ...given }));

  it('is its own', async () => {
    expect(() => assertKeyOf(request, key)).not.toThrow();
    const other = createRequest(details());
    for (const [given, of, why] of [
      [other.key, request, 'belongs to another request'],
      [{ request: other.key.request }, request, 'belongs to another request'],
      [{ request: key.request }, createChallenge(details()), 'belongs to another request'],
      [{ seed: other.key.seed }, request, 'not the key that the request names'],
      [{ seed: key.seed.subarray(1) }, request, 'not the key that the request names'],
    ] as const) {
      const error = await wrong(given, of);
      expect(error.code).toBe('REQUEST_KEY_INVALID');
      expect(error.message).toContain(why);
    }
  });

  it('names a challenge as no request, even with its digest', async () => {
    const challenge = createChallenge(details());
    const request = Buffer.from(challenge.digest).toString('base64');
    expect((await wrong({ request }, challenge)).message).toContain('another request');
  });

  it('is kept with a passphrase or without', async () => {
    const passphrase = () => Promise.resolve(new Uint8Array(Buffer.from('a b c d')));
    const plain = encodeRequestKey(key, 'none');
    expect((await decodeRequestKey(plain)).seed).toEqual(key.seed);
    const locked = encodeRequestKey(key, { passphrase: await passphrase(), cost: cheap });
    expect(Buffer.from(locked).includes(Buffer.from(key.seed).toString('hex'))).toBe(false);
    const opened = await decodeRequestKey(locked, passphrase);
    expect(opened.seed).toEqual(key.seed);
    expect(opened.request).toBe(key.request);
    expect((await refusal(() => decodeRequestKey(locked))).code).toBe('PASSPHRASE_NEEDED');
    const wrongOne = () => Promise.resolve(new Uint8Array(Buffer.from('wrong')));
    const error = await refusal(() => decodeRequestKey(locked, wrongOne));
    expect(error.code).toBe('PASSPHRASE_WRONG');
    expect(error.message).toBe('the passphrase does not open the request key');
  });

  it.each([
    ['one line', (text: string) => text.slice(0, text.indexOf('\n') + 1), 'two lines'],
    ['no line', () => 'x', 'two lines'],
    ['three lines', (text: string) => `${text}\n`, 'two lines'],
    ['no newline at its end', (text: string) => text.slice(0, -1), 'two lines'],
    ['no digits', (text: string) => text.replace(/[0-9a-f]\n$/, 'g\n'), 'not hex digits'],
    ['another version', (text: string) => text.replace('"version":1', '"version":2'), 'version'],
  ])('of %s is refused', async (_, change, why) => {
    const text = Buffer.from(encodeRequestKey(key, 'none')).toString();
    const error = await refusal(() => decodeRequestKey(Buffer.from(change(text))));
    expect(error.code).toBe('REQUEST_KEY_INVALID');
    expect(error.message).toContain(why);
  });

  it('that is locked has more than a lock', async () => {
    const text = Buffer.from(
      encodeRequestKey(key, { passphrase: Buffer.from('p'), cost: cheap }),
    ).toString();
    const [line] = text.split('\n');
    for (const [bytes, code] of [
      [28, 'REQUEST_KEY_INVALID'],
      [29, 'PASSPHRASE_NEEDED'],
    ] as const) {
      const short = Buffer.from(`${line}\n${'00'.repeat(bytes)}\n`);
      expect((await refusal(() => decodeRequestKey(short))).code).toBe(code);
    }
  });
});

describe('an answer', () => {
  const answered = (question: Question, by: Identity, now = asked) =>
    answer(question, quorum, by, core, commit, now);

  it('is read back, and named by the digest of its document', () => {
    for (const [question, kind] of [
      [request, 'approval'],
      [createChallenge(details()), 'proof'],
    ] as const) {
      const given = answered(question, ben);
      expect(given).toMatchObject({ kind, name: `new ${kind}` });
      expect(given.signed).toMatchObject({ created: asked, group: 1, index: 0 });
      expect(decodeAnswer(given.bytes, kind, given.name)).toEqual(given);
      const digest = sha384(given.bytes.subarray(0, -1));
      expect(answerDigest(given)).toBe(Buffer.from(digest).toString('base64'));
    }
  });

  it('is given by a holder alone, whose card is valid', async () => {
    const nobody = await refusal(() => answered(request, requester));
    expect(nobody.code).toBe('NOT_A_HOLDER');
    expect(nobody.message).toBe('requester holds no share of this quorum');
    const before = await refusal(() => answered(request, ada, '2025-01-01T00:00:00Z'));
    expect(before.code).toBe('CARD_EXPIRED');
  });

  it.each([
    ['made before its card', { created: '2025-01-01T00:00:00Z' }, 'not valid'],
    ['with a short encapsulation', { enc: Buffer.alloc(9).toString('base64') }, 'wrong length'],
  ])('%s is refused', async (_, changes, why) => {
    const body = { ...documentOf(answered(request, ada)).signed, ...changes };
    const type = 'application/vnd.strongroom.quorum-approval.v1+json';
    const error = await refusal(() => decodeAnswer(encodeSigned(body, type, ada), 'approval', 'a'));
    expect(error.code).toBe('APPROVAL_INVALID');
    expect(error.message).toContain(why);
  });

  it('and another, one of each group, give the key', async () => {
    const answers = [answered(request, ada), answered(request, cleo)];
    const groups = tally(request, answers, quorum);
    expect(await combine(request, key, groups, quorum, core, commit, 'r')).toEqual(fileKey);
    const short = tally(request, answers.slice(1), quorum);
    const error = await refusal(() => combine(request, key, short, quorum, core, commit, 'r'));
    expect(error.code).toBe('QUORUM_SHORT');
    const other = createRequest(details()).key;
    const wrong = await refusal(() => combine(request, other, groups, quorum, core, commit, 'r'));
    expect(wrong.code).toBe('REQUEST_KEY_INVALID');
  });

  it('that is a proof counts for the share that it names', async () => {
    const challenge = createChallenge(details());
    const proof = answered(challenge, ben);
    expect(tally(challenge, [proof], quorum)[1]?.missing).toBe(0);
    const other = answered(challenge, cleo).signed as { commitment?: string };
    const forged = { ...proof, signed: { ...proof.signed, commitment: other.commitment } };
    const error = await refusal(() => tally(challenge, [forged as typeof proof], quorum));
    expect(error.code).toBe('SHARE_INVALID');
    expect(error.message).toContain('is about another share');
  });

  it('that cannot be opened is named, with whose it is', async () => {
    const theirs = { ...documentOf(answered(request, ada)).signed };
    theirs.sealed = documentOf(answered(request, cleo)).signed.sealed;
    const type = 'application/vnd.strongroom.quorum-approval.v1+json';
    const bad = decodeAnswer(encodeSigned(theirs, type, ada), 'approval', 'bad.approval');
    const groups = tally(request, [bad, answered(request, cleo)], quorum);
    const error = await refusal(() => combine(request, key, groups, quorum, core, commit, 'r'));
    expect(error).toMatchObject({ code: 'SHARE_INVALID', file: 'bad.approval' });
    expect(error.message).toContain('the share of Ada does not open');
  });
});

describe('a share', () => {
  const held = (by: Identity) => shareOf(quorum, by.card);

  it('is found where both kinds of keys are named', () => {
    expect(held(cleo)).toMatchObject({
      groupName: 'security',
      place: { split: quorum.split, group: 1, index: 1, threshold: 1, count: 2 },
    });
    expect(held(requester)).toBeUndefined();
    expect(shareOf(quorum, { ...cleo.card, kem: ada.card.kem })).toBeUndefined();
    expect(shareOf(quorum, { ...cleo.card, signing: ada.card.signing })).toBeUndefined();
    expect(shareOf(quorum, { ...cleo.card, signing: cleo.card.signing.slice(1) })).toBeUndefined();
  });

  it.each(['group', 'index', 'threshold', 'count'] as const)(
    'opens at its own place alone: %s',
    async (what) => {
      const { stanza, place } = held(cleo) ?? expect.unreachable();
      expect(openShare(stanza, cleo, core, commit, place)).toHaveLength(65);
      const elsewhere = { ...place, [what]: place[what] + 1 };
      const error = await refusal(() => openShare(stanza, cleo, core, commit, elsewhere));
      expect(error.code).toBe('SHARE_INVALID');
      expect(error.message).toBe('the share of Cleo does not open');
    },
  );

  it('that is not the one committed to is refused', async () => {
    const { stanza, place } = held(cleo) ?? expect.unreachable();
    const { commitment } = held(ben)?.stanza ?? expect.unreachable();
    const error = await refusal(() =>
      openShare({ ...stanza, commitment }, cleo, core, commit, place),
    );
    expect(error.code).toBe('SHARE_INVALID');
    expect(error.message).toContain('not the one that was committed to');
  });
});

describe('a split', () => {
  const shares = async () =>
    [ada, ben].map((by) => {
      const { stanza, place } = shareOf(quorum, by.card) ?? expect.unreachable();
      return [openShare(stanza, by, core, commit, place).subarray(0, 33)];
    });

  it('gives the key back', async () => {
    expect(await openQuorum(quorum, await shares(), core, commit)).toEqual(fileKey);
  });

  it.each([
    ['another threshold', (q: QuorumStanza) => (q.groups[1] as { threshold: number }).threshold++],
    ['another split', (q: QuorumStanza) => Object.assign(q, { split: '00'.repeat(32) })],
    [
      'another sealed key',
      (q: QuorumStanza) => Object.assign(q, { sealed: Buffer.alloc(48).toString('base64') }),
    ],
    ['a share fewer in a group', (q: QuorumStanza) => q.groups[1]?.shares.pop()],
  ])('with %s gives none', async (_, change) => {
    const altered = structuredClone(quorum);
    change(altered);
    const given = (await shares()).map((each) => [...each, ...each].slice(0, 1));
    const error = await refusal(() => openQuorum(altered, given, core, commit));
    expect(error.code).toBe('SHARE_INVALID');
  });

  it('of another archive gives none', async () => {
    const other = deriveArchiveKeys(noise(32, 2), core).commit;
    const error = await refusal(async () => openQuorum(quorum, await shares(), core, other));
    expect(error.code).toBe('SHARE_INVALID');
    expect(error.hint).toContain('reshare');
  });
});

describe('a plan', () => {
  const group = (more: object) => ({ name: 'g', threshold: 1, custodians: [ada.card], ...more });
  const imported = () => {
    const { kem, suite } = ada.card;
    return importedCard(suite, [kem.publicKey], { name: 'bare', now: made });
  };
  const check = (groups: QuorumPlan['groups'], plans = 1) =>
    assertPlans(Array(plans).fill({ groups }), suites.hybrid, asked);

  it('may be as large as a key ring has room for', () => {
    expect(() => assertPlans([plan], suites.hybrid, asked)).not.toThrow();
    expect(() => assertPlans([], suites.hybrid, asked)).not.toThrow();
    expect(() => check([group({ name: 'n'.repeat(64) })], quorumLimits.quorums)).not.toThrow();
    const cards = Array.from({ length: 255 }, (_, i) => ({
      ...ada.card,
      kem: { ...ada.card.kem, id: `kem ${i}` },
      signing: ada.card.signing.map((each) => ({ ...each, id: `${each.id} ${i}` })),
    }));
    expect(() => check([group({ custodians: cards, threshold: 255 })])).not.toThrow();
    const groups = cards
      .slice(0, 16)
      .map((each) => group({ name: each.kem.id, custodians: [each] }));
    expect(() => check(groups)).not.toThrow();
    expect(custodiansOf([plan]).map(({ name }) => name)).toEqual(['Ada', 'Ben', 'Cleo']);
  });

  it.each<[string, () => QuorumPlan['groups'], string, string]>([
    ['without groups', () => [], 'QUORUM_INVALID', '1 to 16 groups'],
    [
      'with 17 groups',
      () => Array.from({ length: 17 }, (_, i) => group({ name: `${i}` })),
      'QUORUM_INVALID',
      '1 to 16 groups',
    ],
    [
      'with two groups of one name',
      () => [group({}), group({ custodians: [ben.card] })],
      'QUORUM_INVALID',
      'two groups are named g',
    ],
    [
      'with a group without a name',
      () => [group({ name: '' })],
      'QUORUM_INVALID',
      '1 to 64 characters',
    ],
    [
      'with a name too long',
      () => [group({ name: 'n'.repeat(65) })],
      'QUORUM_INVALID',
      '1 to 64 characters',
    ],
    [
      'with 256 custodians',
      () => [group({ custodians: Array(256).fill(ada.card) })],
      'QUORUM_INVALID',
      'more than 255',
    ],
    [
      'with a threshold of 0',
      () => [group({ threshold: 0 })],
      'QUORUM_INVALID',
      '0 of 1 cannot agree',
    ],
    [
      'with a threshold of 1.5',
      () => [group({ threshold: 1.5, custodians: [ada.card, ben.card] })],
      'QUORUM_INVALID',
      'cannot agree',
    ],
    [
      'with more than there are',
      () => [group({ threshold: 2 })],
      'QUORUM_INVALID',
      '2 of 1 cannot agree',
    ],
    [
      'with one person twice',
      () => [group({ custodians: [ada.card, ada.card] })],
      'QUORUM_INVALID',
      'named twice',
    ],
    [
      'with one person in two groups',
      () => [group({}), group({ name: 'h' })],
      'QUORUM_INVALID',
      'named twice',
    ],
    [
      'with a card that cannot sign',
      () => [group({ custodians: [imported()] })],
      'QUORUM_INVALID',
      'no signing keys',
    ],
    [
      'with a card that is over',
      () => [group({ custodians: [person('old', { expires: asked }).card] })],
      'CARD_EXPIRED',
      'old',
    ],
    [
      'of another suite',
      () => [group({ custodians: [person('c', { suite: 'cnsa2' }).card] })],
      'SUITE_MISMATCH',
      '',
    ],
  ])('%s is refused', async (_, groups, code, why) => {
    const error = await refusal(() => check(groups()));
    expect(error.code).toBe(code);
    expect(error.message).toContain(why);
  });

  it('is one of 16 at most', async () => {
    const error = await refusal(() => check([group({})], quorumLimits.quorums + 1));
    expect(error.code).toBe('QUORUM_INVALID');
    expect(error.message).toContain('more than 16');
  });
});
