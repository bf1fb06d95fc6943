/** Groups that must all agree: who can open, who cannot, and how each mistake is named. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { createCore } from '#strongroom/archive/core.js';
import { openShare, shareOf } from '#strongroom/custody/quorum/share.js';
import { createQuorum, openQuorum } from '#strongroom/custody/quorum/split.js';
import {
  type ApprovedKey,
  type Identity,
  inspect,
  list,
  open,
  requestQuorum,
  type SuiteName,
  showQuestion,
  verify,
} from '#strongroom/index.js';
import { codeOf, refusal } from '../../keys/helpers.ts';
import { leftovers, makeArchive, readFiles, sharedWorkspace } from '../../support/archive.ts';
import {
  type Asked,
  asked,
  type Board,
  board,
  files,
  guarded,
  save,
  timeFromNow,
} from './helpers.ts';

const person = (group: readonly Identity[], i: number) => group[i] as Identity;

describe.each<SuiteName>(['hybrid', 'cnsa2'])('an archive of suite %s under a quorum', (suite) => {
  const root = sharedWorkspace();
  let made: Board;
  let archive: string;
  let ask: Asked;
  /** Paths of everyone's approval, by name. */
  const approvals: Record<string, string> = {};
  const paths = (...names: string[]) => names.map((name) => approvals[name] as string);

  beforeAll(async () => {
    made = board(suite);
    archive = await guarded(root, made);
    ask = await asked(root, made, archive);
    for (const identity of [...made.legal, ...made.security]) {
      approvals[identity.card.name] = await ask.approvalOf(identity);
    }
  });

  it('opens with one of legal and two of security, whoever they are', async () => {
    const pairs = made.security.flatMap(({ card }, i) =>
      made.security.slice(i + 1).map((other) => [card.name, other.card.name] as const),
    );
    expect(pairs).toHaveLength(10);
    for (const pair of pairs) {
      for (const lawyer of ['Ada', 'Ben']) {
        const found = await ask.combine(paths(lawyer, ...pair));
        const entries = await list(archive, { identity: found, trust: made.trust });
        expect(entries.map(({ path }) => path)).toContain('model.bin');
        found.wipe();
      }
    }
  });

  it('gives back the files, into a directory that was not there', async () => {
    const found = await ask.combine(paths('Gus', 'Ada', 'Dan'));
    const output = join(root, `opened-${suite}`);
    await open(archive, { identity: found, trust: made.trust, output });
    expect(readFiles(output)).toEqual(files);
    expect(found.groups).toEqual([
      { name: 'legal', threshold: 1, answered: ['Ada'], missing: 0 },
      { name: 'security', threshold: 2, answered: ['Gus', 'Dan'], missing: 0 },
    ]);
  });

  it('opens with more than are needed', async () => {
    const found = await ask.combine(Object.values(approvals));
    expect((await verify(archive, { identity: found, trust: made.trust })).keyring).toMatchObject({
      quorums: 1,
      recipients: 0,
      unlocked: true,
    });
  });

  it('does not with one too few, and says whose word is missing', async () => {
    for (const { card } of made.security) {
      const short = await refusal(() => ask.combine(paths('Ada', card.name)));
      expect(short.code).toBe('QUORUM_SHORT');
      expect(short.message).toMatch(/missing: 1 of security$/);
      expect(short.hint).not.toMatch(new RegExp(`${card.name}|legal`));
      expect(short.hint?.split(', ')).toHaveLength(4);
    }
    const without = await refusal(() => ask.combine(paths('Cleo', 'Dan', 'Eva')));
    expect(without.message).toMatch(/missing: 1 of legal$/);
    expect(without.hint).toContain('legal: Ada, Ben');
    expect((await refusal(() => ask.combine([]))).message).toMatch(/1 of legal, 2 of security$/);
  });

  it('opens for none of the custodians alone', async () => {
    const refused = await refusal(() =>
      list(archive, { identity: person(made.legal, 0), trust: made.trust }),
    );
    expect(refused.code).toBe('NO_KEY_FITS');
    expect(refused.hint).toContain('quorum request');
  });
});

describe('any groups, any thresholds', () => {
  const made = board();
  const cards = [...made.legal, ...made.security];
  const { suite } = made.who.author.card;
  const core = createCore({
    suite,
    segmentBytes: 4096,
    slotBytes: 4096,
    authors: made.who.author.card.signing.map(({ id }) => id),
  });
  /** Up to three groups of the seven, the threshold of each, and an order in which they come. */
  const groups = fc
    .shuffledSubarray(cards, { minLength: 3, maxLength: 7 })
    .chain((custodians) => {
      const cut = fc.integer({ min: 1, max: custodians.length - 2 });
      return cut.map((at) => [
        custodians.slice(0, at),
        custodians.slice(at, at + 1),
        custodians.slice(at + 1),
      ]);
    })
    .chain((parts) =>
      fc.tuple(
        ...parts.map((part) =>
          fc.record({
            people: fc.constant(part),
            threshold: fc.integer({ min: 1, max: part.length }),
            taken: fc.shuffledSubarray([...part.keys()], { minLength: part.length }),
          }),
        ),
      ),
    );

  it('enough of each open it, one too few of any do not', async () => {
    const commit = new Uint8Array(48).fill(7);
    await fc.assert(
      fc.asyncProperty(groups, async (all) => {
        const fileKey = new Uint8Array(randomBytes(32));
        const plan = {
          groups: all.map(({ people: part, threshold }, i) => ({
            name: `group ${i}`,
            threshold,
            custodians: part.map(({ card }) => card),
          })),
        };
        const quorum = await createQuorum(plan, fileKey, core, commit);
        const shares = all.map(({ people: part, threshold, taken }) =>
          taken.slice(0, threshold).map((i) => {
            const identity = part[i] as Identity;
            const held = shareOf(quorum, identity.card);
            if (held === undefined) throw new Error('a custodian without a share');
            return openShare(held.stanza, identity, core, commit, held.place).subarray(0, 33);
          }),
        );
        expect(await openQuorum(quorum, shares, core, commit)).toEqual(fileKey);
        for (const [i] of all.entries()) {
          const few = shares.map((given, at) => (at === i ? given.slice(1) : given));
          expect(await codeOf(() => openQuorum(quorum, few, core, commit))).toBe('SHARE_INVALID');
        }
        const other = new Uint8Array(48);
        expect(await codeOf(() => openQuorum(quorum, shares, core, other))).toBe('SHARE_INVALID');
      }),
      { numRuns: 15 },
    );
  });
});

describe('what a custodian is told', () => {
  it('is who asks, why, for which model, until when, and who decides', async () => {
    const root = sharedWorkspace();
    const made = board();
    const archive = await makeArchive(root, {
      who: made.who,
      files,
      recipients: [],
      quorums: [made.plan],
      claims: { name: 'atlas-7b' },
    });
    const ask = await asked(root, made, archive);
    const view = await showQuestion(ask.path, ask.options);
    expect(view).toMatchObject({
      kind: 'request',
      requester: {
        name: 'requester',
        fingerprint: made.requester.card.fingerprint,
        known: false,
      },
      purpose: 'evaluation',
      expires: ask.request.signed.expires,
      claims: { name: 'atlas-7b' },
      author: { name: 'author', fingerprint: made.who.author.card.fingerprint },
      contentRoot: (await inspect(archive)).contentRoot,
      groups: [
        { name: 'legal', threshold: 1, custodians: ['Ada', 'Ben'] },
        { name: 'security', threshold: 2, custodians: ['Cleo', 'Dan', 'Eva', 'Finn', 'Gus'] },
      ],
    });
    let shown: unknown;
    const confirm = (seen: unknown) => {
      shown = seen;
      return false;
    };
    const declined = await codeOf(() => ask.approve(person(made.legal, 0), { confirm }));
    expect(declined).toBe('APPROVAL_DECLINED');
    expect(shown).toEqual(view);
  });
});

describe('refused by name', () => {
  const root = sharedWorkspace();
  let made: Board;
  let archive: string;
  let ask: Asked;
  let ada: string;
  let cleo: string;
  let dan: string;

  beforeAll(async () => {
    made = board();
    archive = await guarded(root, made);
    ask = await asked(root, made, archive);
    ada = await ask.approvalOf(person(made.legal, 0));
    cleo = await ask.approvalOf(person(made.security, 0));
    dan = await ask.approvalOf(person(made.security, 1));
  });

  it('a replay: an approval of another request', async () => {
    const second = await asked(root, made, archive, 'second');
    expect(await codeOf(() => second.combine([ada, cleo, dan]))).toBe('APPROVAL_REPLAYED');
  });

  it('the share of another archive', async () => {
    const other = await guarded(root, made, 'other');
    const second = await asked(root, made, other, 'of-other');
    const stray = await second.approvalOf(person(made.security, 1));
    expect(await codeOf(() => ask.combine([ada, cleo, stray]))).toBe('APPROVAL_OTHER_ARCHIVE');
  });

  it('a mixed split', async () => {
    const both = await makeArchive(root, {
      who: made.who,
      files,
      name: 'both',
      recipients: [],
      quorums: [made.plan, made.plan],
    });
    const details = { purpose: 'x', expires: timeFromNow(1), signer: made.requester };
    expect(await codeOf(() => requestQuorum(both, details))).toBe('NO_QUORUM');
    const splits = (await inspect(both)).keyring.quorums?.map(({ split }) => split) ?? [];
    const [one, two] = await Promise.all(
      splits.map((split) => requestQuorum(both, { ...details, split: split.slice(0, 16) })),
    );
    if (one === undefined || two === undefined) throw new Error('two quorums were made');
    const options = { archive: both, trust: made.trust, confirm: () => true };
    const { approveRequest, combineApprovals } = await import('#strongroom/index.js');
    const requests = [one, two].map(({ request }, i) => save(root, `split${i}`, request.bytes));
    const given = await Promise.all(
      [person(made.legal, 0), person(made.security, 0)].map((identity, i) =>
        approveRequest(requests[i] as string, { ...options, identity }),
      ),
    );
    const answers = given.map(({ bytes }, i) => save(root, `mixed${i}`, bytes));
    const combined = () =>
      combineApprovals(requests[0] as string, answers, { ...options, key: one.key });
    expect(await codeOf(combined)).toBe('APPROVAL_OTHER_SPLIT');
  });

  it('an expired request, to approve and to combine', async () => {
    const later = { now: timeFromNow(25) };
    expect(await codeOf(() => ask.approve(person(made.legal, 0), later))).toBe('REQUEST_EXPIRED');
    expect(await codeOf(() => ask.combine([ada, cleo, dan], later))).toBe('REQUEST_EXPIRED');
    expect(await codeOf(() => showQuestion(ask.path, { ...ask.options, ...later }))).toBe(
      'REQUEST_EXPIRED',
    );
  });

  it('two approvals of one custodian', async () => {
    const again = await ask.approvalOf(person(made.security, 0), 'again');
    const refused = await refusal(() => ask.combine([ada, cleo, again]));
    expect(refused.code).toBe('APPROVAL_DUPLICATE');
    expect(refused.message).toContain('Cleo');
    expect(await codeOf(() => ask.combine([ada, cleo, cleo]))).toBe('APPROVAL_DUPLICATE');
  });

  it('someone who holds no share', async () => {
    expect(await codeOf(() => ask.approve(made.who.stranger))).toBe('NOT_A_HOLDER');
  });

  it('a request about another archive', async () => {
    const other = await guarded(root, made, 'third');
    const options = { ...ask.options, archive: other };
    expect(await codeOf(() => showQuestion(ask.path, options))).toBe('REQUEST_MISMATCH');
  });

  it('an archive whose author is not trusted', async () => {
    const { trustCards } = await import('#strongroom/index.js');
    const trust = trustCards([made.who.stranger.card]);
    expect(await codeOf(() => ask.approve(person(made.legal, 0), { trust }))).toBe(
      'KEYRING_UNTRUSTED',
    );
    expect(await codeOf(() => ask.combine([ada, cleo, dan], { trust }))).toBe('KEYRING_UNTRUSTED');
  });

  it('the key of another request', async () => {
    const { key } = await requestQuorum(archive, {
      purpose: 'x',
      expires: timeFromNow(1),
      signer: made.requester,
    });
    expect(await codeOf(() => ask.combine([ada, cleo, dan], { key }))).toBe('REQUEST_KEY_INVALID');
    const same = { ...ask.key, seed: new Uint8Array(randomBytes(32)) };
    expect(await codeOf(() => ask.combine([ada, cleo, dan], { key: same }))).toBe(
      'REQUEST_KEY_INVALID',
    );
  });

  it('an archive without a quorum', async () => {
    const plain = await makeArchive(root, { who: made.who, files, name: 'plain' });
    const details = { purpose: 'x', expires: timeFromNow(1), signer: made.requester };
    expect(await codeOf(() => requestQuorum(plain, details))).toBe('NO_QUORUM');
  });

  it.each([
    ['no purpose', { purpose: '' }],
    ['a purpose that moves the cursor', { purpose: '\u001b[2J' }],
    ['a purpose that is too long', { purpose: 'x'.repeat(1025) }],
    ['an end before the beginning', { expires: timeFromNow(-1) }],
  ])('%s', async (_, details) => {
    const usual = { purpose: 'x', expires: timeFromNow(1), signer: made.requester };
    expect(await codeOf(() => requestQuorum(archive, { ...usual, ...details }))).toBe('USAGE');
  });

  it('a custodian of another suite, when sealing', async () => {
    const navy = board('cnsa2');
    const plan = {
      groups: [{ name: 'g', threshold: 1, custodians: [person(navy.legal, 0).card] }],
    };
    expect(
      await codeOf(() =>
        makeArchive(root, { who: made.who, files, name: 'no', recipients: [], quorums: [plan] }),
      ),
    ).toBe('SUITE_MISMATCH');
  });

  it('quorums that cannot be', async () => {
    const cards = made.security.map(({ card }) => card);
    const group = { name: 'g', threshold: 2, custodians: cards };
    const plans = [
      [],
      [{ ...group, threshold: 0 }],
      [{ ...group, threshold: 6 }],
      [{ ...group, threshold: 1.5 }],
      [{ ...group, custodians: [] }],
      [{ ...group, name: '' }],
      [{ ...group, name: 'x'.repeat(65) }],
      [group, { ...group, custodians: made.legal.map(({ card }) => card) }],
      [group, { name: 'h', threshold: 1, custodians: cards.slice(0, 1) }],
      [{ ...group, custodians: [...cards, ...cards.slice(0, 1)] }],
    ];
    for (const groups of plans) {
      const before = leftovers(root);
      const made2 = { who: made.who, files, name: 'archive-source', quorums: [{ groups }] };
      expect(await codeOf(() => makeArchive(root, made2))).toBe('QUORUM_INVALID');
      expect(leftovers(root, 'archive-source-source')).toEqual(
        before.filter((name) => name !== 'archive-source-source'),
      );
    }
  });
});

describe('beside plain recipients', () => {
  it('either way opens the same', async () => {
    const root = sharedWorkspace();
    const made = board();
    const archive = await makeArchive(root, { who: made.who, files, quorums: [made.plan] });
    const ask = await asked(root, made, archive);
    const given = await Promise.all(
      [person(made.legal, 1), person(made.security, 3), person(made.security, 4)].map((each) =>
        ask.approvalOf(each),
      ),
    );
    const together: ApprovedKey = await ask.combine(given);
    const alone = { identity: made.who.reader, trust: made.trust };
    expect(await list(archive, { identity: together, trust: made.trust })).toEqual(
      await list(archive, alone),
    );
  });
});
