/** What a question and its answers are held against, one thing at a time. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Core } from '#strongroom/archive/core.js';
import type { Keyring } from '#strongroom/archive/keyring.js';
import type { QuorumStanza } from '#strongroom/archive/quorum.js';
import { suites } from '#strongroom/crypto/suites.js';
import type { Answer } from '#strongroom/custody/quorum/answer.js';
import { approvalInfo, type Question } from '#strongroom/custody/quorum/question.js';
import { assertAsks, assertQuorate, tally } from '#strongroom/custody/quorum/tally.js';
import { refusal } from '../../keys/helpers.ts';
import { frontOf, sharedWorkspace } from '../../support/archive.ts';
import { asked, type Board, board, guarded } from './helpers.ts';

const root = sharedWorkspace();
const later = '2100-01-01T00:00:00Z';
let made: Board;
let core: Core;
let ring: Keyring;
let quorum: QuorumStanza;
let question: Question;
let approvals: Answer[];

beforeAll(async () => {
  made = board();
  const archive = await guarded(root, made);
  const front = await frontOf(readFileSync(archive));
  core = front.core;
  ring = front.ring;
  quorum = ring.document.signed.quorums?.[0] as QuorumStanza;
  const ask = await asked(root, made, archive);
  question = ask.request;
  approvals = await Promise.all([...made.legal, ...made.security].map((one) => ask.approve(one)));
});

describe('a question', () => {
  const altered = (changes: object): Question => ({
    ...question,
    signed: { ...question.signed, ...changes },
  });
  const asks = (given: Question, now?: string) =>
    refusal(() => assertAsks(given, core, ring, 'q', now));

  it('asks the quorum that it names, until the second in which it expires', async () => {
    const { expires } = question.signed;
    const before = `${new Date(Date.parse(expires) - 1000).toISOString().slice(0, 19)}Z`;
    expect(assertAsks(question, core, ring, 'q', before)).toBe(quorum);
    expect((await asks(question, expires)).code).toBe('REQUEST_EXPIRED');
    expect((await asks(question, later)).code).toBe('REQUEST_EXPIRED');
  });

  it.each([
    ['the id', { archive: '00'.repeat(32) }],
    ['the core', { core: Buffer.alloc(48).toString('base64') }],
  ])(
    'about %s of another archive is refused, though it names a split of this one',
    async (_, c) => {
      expect(await asks(altered(c))).toMatchObject({
        code: 'REQUEST_MISMATCH',
        message: 'q: the request is about another archive',
        file: 'q',
      });
    },
  );

  it('by somebody of another suite is refused: their key could not be sealed to', async () => {
    const card = { ...question.card, suite: suites.cnsa2 };
    expect((await asks({ ...question, card })).code).toBe('SUITE_MISMATCH');
  });

  it('for a split that is no longer there is refused, and says to ask anew', async () => {
    const { code, hint } = await asks(altered({ split: '00'.repeat(32) }));
    expect(code).toBe('REQUEST_MISMATCH');
    expect(hint).toContain('ask anew');
  });

  it('to a key ring without quorums is refused', async () => {
    const { quorums: _, ...signed } = ring.document.signed;
    const without = { ...ring, document: { ...ring.document, signed } };
    const { code } = await refusal(() => assertAsks(question, core, without, 'q'));
    expect(code).toBe('REQUEST_MISMATCH');
  });
});

it('what a share is sealed with names the request, the split and the place in it', () => {
  const { digest, signed } = question;
  const expected = Buffer.concat([
    Buffer.from('strongroom/v1/approval'),
    digest,
    Buffer.from(signed.split, 'hex'),
    Uint8Array.of(1, 4),
  ]);
  expect(Buffer.from(approvalInfo(question, 1, 4))).toEqual(expected);
});

describe('answers', () => {
  const [ada, ben, cleo, dan] = [0, 1, 2, 3];
  const of = (...who: number[]) => who.map((i) => approvals[i] as Answer);
  const changed = (i: number, changes: object): Answer => {
    const answer = approvals[i] as Answer;
    return { ...answer, signed: { ...answer.signed, ...changes } };
  };

  it('count for the group that they hold a share of', () => {
    expect(tally(question, of(ada, cleo), quorum)).toMatchObject([
      { name: 'legal', threshold: 1, missing: 0, open: ['Ben'] },
      { name: 'security', threshold: 2, missing: 1, open: ['Dan', 'Eva', 'Finn', 'Gus'] },
    ]);
    const enough = tally(question, of(ada, ben, cleo, dan), quorum);
    expect(enough.map(({ missing }) => missing)).toEqual([0, 0]);
    expect(enough.map(({ given }) => given.length)).toEqual([2, 2]);
  });

  it('that are missing are named, group by group, with who could still give them', async () => {
    expect(assertQuorate(tally(question, of(ada, cleo, dan), quorum), 'approval', 'r')).toBe(
      undefined,
    );
    const { code, message, hint } = await refusal(() =>
      assertQuorate(tally(question, [], quorum), 'approval', 'r'),
    );
    expect(code).toBe('QUORUM_SHORT');
    expect(message).toBe('r: approvals are missing: 1 of legal, 2 of security');
    expect(hint).toContain('legal: Ada, Ben; security: Cleo, Dan, Eva, Finn, Gus');
  });

  it('of one custodian count once', async () => {
    const twice = [...of(ada), { ...changed(ada, {}), name: 'again' }];
    const { code, message, file } = await refusal(() => tally(question, twice, quorum));
    expect(code).toBe('APPROVAL_DUPLICATE');
    expect(message).toContain('again: Ada has answered in');
    expect(file).toBe('again');
  });

  it.each([
    ['a proof', () => ({ ...changed(ada, {}), kind: 'proof' as const }), 'APPROVAL_INVALID'],
    ['another archive', () => changed(ada, { archive: '0' }), 'APPROVAL_OTHER_ARCHIVE'],
    ['another core', () => changed(ada, { core: '0' }), 'APPROVAL_OTHER_ARCHIVE'],
    ['another split', () => changed(ada, { split: '0' }), 'APPROVAL_OTHER_SPLIT'],
    ['another request', () => changed(ada, { answers: '0' }), 'APPROVAL_REPLAYED'],
    ['a share of somebody else', () => changed(ada, { index: 1 }), 'NOT_A_HOLDER'],
    ['no share', () => changed(ada, { index: 2 }), 'NOT_A_HOLDER'],
    ['no group', () => changed(ada, { group: 2 }), 'NOT_A_HOLDER'],
  ])('about %s are refused', async (_, answer, code) => {
    const error = await refusal(() => tally(question, [answer()], quorum));
    expect(error.code).toBe(code);
  });

  it('that come in the second in which the request expires, or later, are too late', async () => {
    const { expires } = question.signed;
    const late = (created: string) =>
      refusal(() => tally(question, [changed(ada, { created })], quorum));
    expect((await late(expires)).code).toBe('REQUEST_EXPIRED');
    expect((await late(later)).code).toBe('REQUEST_EXPIRED');
  });
});
