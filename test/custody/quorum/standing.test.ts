/** Who may ask, answer and be counted, by what a registry or a card says of their key. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  approveRequest,
  type Card,
  challengeQuorum,
  checkQuorum,
  combineApprovals,
  createIdentity,
  fileEpochMemory,
  grant,
  type Identity,
  type KeyState,
  proveShare,
  requestQuorum,
  revoke,
  showQuestion,
  type Trust,
} from '#strongroom/index.js';
import { refusal } from '../../keys/helpers.ts';
import { makeArchive, outcome, sharedWorkspace, workspace } from '../../support/archive.ts';
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

const root = sharedWorkspace();
const past = '2020-01-01T00:00:00Z';
let made: Board;
let archive: string;
let request: Asked;
let approvals: string[];

beforeAll(async () => {
  made = board();
  archive = await guarded(root, made);
  request = await asked(root, made, archive);
  approvals = [];
  for (const one of [made.legal[0], made.security[0], made.security[1]] as Identity[]) {
    approvals.push(await request.approvalOf(one));
  }
});

/** A registry's trust in the author and in everyone given, each active since long ago, then in a state. */
function registered(...keys: (readonly [{ card: Card }, KeyState?])[]): Trust {
  const { author } = made.who;
  const entries = [[author] as const, ...keys].map(([{ card }, state = 'active'], i) => {
    const roles = i === 0 ? (['author', 'custodian'] as const) : [];
    const first = { time: past, state: 'active', roles } as const;
    const compromised = state === 'compromised' ? { compromised: '2026-01-01T00:00:00Z' } : {};
    const last = { time: timeFromNow(1), state, roles, ...compromised };
    return {
      card,
      roles,
      life: state === 'active' ? ([first] as const) : ([first, last] as const),
    };
  });
  return { entries, registered: true };
}

const unfit: KeyState[] = ['suspended', 'deactivated', 'compromised', 'destroyed'];

describe('whoever asks', () => {
  const ben = () => made.legal[1] as Identity;
  const approve = (trust: Trust) => outcome(() => request.approve(ben(), { trust }));

  it('is given the key if theirs is active', async () => {
    expect(await approve(registered([made.requester], [ben()]))).toBe('accepted');
  });

  it.each(unfit)('is refused when %s, also to look at', async (state) => {
    const trust = registered([made.requester, state], [ben()]);
    expect(await approve(trust)).toBe('KEY_STATE');
    expect(await outcome(() => showQuestion(request.path, { archive, trust }))).toBe('KEY_STATE');
  });

  it('is refused when the registry does not have them', async () => {
    expect(await approve(registered([ben()]))).toBe('KEY_UNLISTED');
  });

  it('is refused when the card that is trusted has expired, whatever card they show', async () => {
    const { card } = made.requester;
    const expired = { ...card, created: past, expires: '2020-02-01T00:00:00Z' };
    const trust = { entries: [...made.trust.entries, { card: expired, roles: [] }] };
    expect(await approve(trust)).toBe('CARD_EXPIRED');
  });

  it('is shown by the name that is trusted', async () => {
    const card = { ...made.requester.card, name: 'Vera of the board' };
    const trust = { entries: [...made.trust.entries, { card, roles: [] }] };
    const { requester } = await showQuestion(request.path, { archive, trust });
    expect(requester).toMatchObject({ name: 'Vera of the board', known: true });
  });

  it('does not ask in vain, if they say whom they trust', async () => {
    const about = { purpose: 'p', expires: timeFromNow(1), signer: made.requester };
    const ask = (trust: Trust) =>
      Promise.all([
        outcome(() => requestQuorum(archive, { ...about, trust })),
        outcome(() => challengeQuorum(archive, { ...about, trust })),
      ]);
    expect(await ask(registered([made.requester]))).toEqual(['accepted', 'accepted']);
    expect(await ask(registered([made.requester, 'suspended']))).toEqual([
      'KEY_STATE',
      'KEY_STATE',
    ]);
    expect(await ask({ entries: [] })).toEqual(['KEYRING_UNTRUSTED', 'KEYRING_UNTRUSTED']);
  });
});

describe('whoever answers', () => {
  const ben = () => made.legal[1] as Identity;

  it.each(unfit)('does not when %s', async (state) => {
    const trust = registered([made.requester], [ben(), state]);
    expect(await outcome(() => request.approve(ben(), { trust }))).toBe('KEY_STATE');
    const about = { purpose: 'drill', expires: timeFromNow(1), signer: made.requester };
    const challenge = save(root, `${state}.drill`, (await challengeQuorum(archive, about)).bytes);
    const proving = { archive, trust, identity: ben(), confirm: () => true };
    expect(await outcome(() => proveShare(challenge, proving))).toBe('KEY_STATE');
  });

  it.each([
    ['active', 'accepted'],
    ['suspended', 'accepted'],
    ['deactivated', 'accepted'],
    ['destroyed', 'accepted'],
    ['compromised', 'KEY_COMPROMISED'],
  ] as const)('and is %s later: %s', async (state, expected) => {
    const trust = registered([made.requester], [made.legal[0] as Identity, state]);
    const combine = async () => (await request.combine(approvals, { trust })).wipe();
    expect(await outcome(combine)).toBe(expected);
  });

  it('with a key whose trusted card had expired is not counted', async () => {
    const { card } = made.security[0] as Identity;
    const expired = { ...card, created: past, expires: '2020-02-01T00:00:00Z' };
    const trust = { entries: [...made.trust.entries, { card: expired, roles: [] }] };
    expect(await outcome(() => request.combine(approvals, { trust }))).toBe('APPROVAL_INVALID');
  });
});

describe('an older key ring', () => {
  it('is not asked about, answered, combined or checked', async () => {
    const directory = workspace();
    const { author, reader } = made.who;
    const both = { recipients: [author.card], quorums: [made.plan], who: made.who, files };
    const path = await makeArchive(directory, both);
    const { path: req, key, approvalOf } = await asked(directory, made, path);
    const given: string[] = [];
    for (const one of [made.legal[0], made.security[0], made.security[1]] as Identity[]) {
      given.push(await approvalOf(one));
    }
    const about = { purpose: 'p', expires: timeFromNow(1), signer: made.requester };
    const drill = save(directory, 'drill', (await challengeQuorum(path, about)).bytes);

    // The newer one is seen, detached, and the older one is still inside
    const epochMemory = fileEpochMemory({ directory: join(directory, 'state') });
    const { trust } = made;
    const keyring = join(directory, 'newer.ring');
    await grant(path, { identity: author, trust, add: [reader.card], output: keyring });
    await showQuestion(req, { archive: path, trust, keyring, epochMemory });

    const seen = { archive: path, trust, epochMemory };
    const answering = { ...seen, identity: made.legal[1] as Identity, confirm: () => true };
    for (const attempt of [
      () => requestQuorum(path, { ...about, ...seen }),
      () => showQuestion(req, seen),
      () => approveRequest(req, answering),
      () => proveShare(drill, answering),
      () => combineApprovals(req, given, { ...seen, key }),
      () => checkQuorum(drill, [], seen),
    ]) {
      expect(await outcome(attempt)).toBe('EPOCH_ROLLBACK');
    }
    expect(await outcome(() => approveRequest(req, { ...answering, keyring }))).toBe('accepted');
  });
});

describe('revoking someone who holds a share', () => {
  it('says that the share stays', async () => {
    const { author } = made.who;
    const holder = made.legal[0] as Identity;
    const path = await makeArchive(workspace(), {
      ...{ who: made.who, files, quorums: [made.plan] },
      recipients: [author.card, holder.card],
    });
    const by = { identity: author, trust: made.trust };
    const done = await revoke(path, { ...by, remove: [holder.card] });
    expect(done).toMatchObject({ recipients: 1, stillHoldShares: ['Ada'] });
    const again = await refusal(() => revoke(path, { ...by, remove: [holder.card] }));
    expect(again).toMatchObject({ code: 'NOT_A_RECIPIENT' });
    expect(again.hint).toMatch(/holds a share of a quorum: "strongroom quorum reshare"/);
  });
});

it('is a person of their own: a key of someone else under a known name is not known', async () => {
  const impostor = createIdentity({ name: 'requester' });
  const trust = { entries: [...made.trust.entries, { card: made.requester.card, roles: [] }] };
  const about = { purpose: 'p', expires: timeFromNow(1), signer: impostor };
  const path = save(root, 'impostor.req', (await requestQuorum(archive, about)).request.bytes);
  const { requester } = await showQuestion(path, { archive, trust });
  expect(requester.known).toBe(false);
});
