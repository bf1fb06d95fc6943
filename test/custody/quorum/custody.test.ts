/** The life of a quorum: rehearsals, other holders, and the private half of a request. */
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeSigned } from '#strongroom/custody/quorum/document.js';
import {
  challengeQuorum,
  checkQuorum,
  decodeRequestKey,
  encodeRequestKey,
  type Identity,
  inspect,
  list,
  proveShare,
  type QuorumPlan,
  readQuorumSpec,
  reshareQuorum,
  showQuestion,
  verify,
} from '#strongroom/index.js';
import { cheap, codeOf, refusal } from '../../keys/helpers.ts';
import { makeArchive, sharedWorkspace } from '../../support/archive.ts';
import {
  type Asked,
  altered,
  asked,
  type Board,
  board,
  documentOf,
  files,
  guarded,
  leavesOf,
  save,
  timeFromNow,
} from './helpers.ts';

const root = sharedWorkspace();
let made: Board;
let archive: string;

beforeAll(async () => {
  made = board();
  archive = await guarded(root, made);
});

describe('a rehearsal', () => {
  let challenge: string;
  const options = () => ({ archive, trust: made.trust });
  const prove = async (identity: Identity, to = challenge) => {
    const { bytes } = await proveShare(to, { ...options(), identity, confirm: () => true });
    return save(root, `${identity.card.name}.proof`, bytes);
  };
  const details = () => ({
    purpose: 'yearly rehearsal',
    expires: timeFromNow(24),
    signer: made.requester,
  });

  beforeAll(async () => {
    challenge = save(root, 'challenge', (await challengeQuorum(archive, details())).bytes);
  });

  it('counts who could still open it, and nothing of the key leaves', async () => {
    const all = [...made.legal, ...made.security];
    const proofs = await Promise.all(all.slice(1, 5).map((identity) => prove(identity)));
    const report = await checkQuorum(challenge, proofs, options());
    expect(report.groups).toEqual([
      { name: 'legal', threshold: 1, answered: ['Ben'], missing: 0 },
      { name: 'security', threshold: 2, answered: ['Cleo', 'Dan', 'Eva'], missing: 0 },
    ]);
    const { signed } = documentOf({ bytes: readFileSync(proofs[0] as string) });
    expect(Object.keys(signed)).toEqual([
      ...['answers', 'archive', 'card', 'commitment', 'core', 'created'],
      ...['group', 'index', 'split', 'type', 'version'],
    ]);
    const { keyring } = await inspect(archive);
    expect(keyring.quorums?.[0]?.groups[0]?.custodians[1]?.name).toBe('Ben');
  });

  it('says who is missing', async () => {
    const proofs = [await prove(made.security[0] as Identity)];
    const short = await refusal(() => checkQuorum(challenge, proofs, options()));
    expect(short.code).toBe('QUORUM_SHORT');
    expect(short.message).toMatch(/proofs are missing: 1 of legal, 1 of security/);
  });

  it('takes no proof of an earlier one, and none that was changed', async () => {
    const other = save(root, 'other', (await challengeQuorum(archive, details())).bytes);
    const old = await prove(made.legal[0] as Identity, other);
    expect(await codeOf(() => checkQuorum(challenge, [old], options()))).toBe('APPROVAL_REPLAYED');
    const document = documentOf({ bytes: readFileSync(old) });
    for (const path of leavesOf(document)) {
      const bytes = Buffer.from(`${JSON.stringify(altered(document, path))}\n`);
      const changed = save(root, 'changed', bytes);
      expect(['APPROVAL_INVALID', 'CARD_INVALID', 'KEY_INVALID'], path.join('.')).toContain(
        await codeOf(() => checkQuorum(other, [changed], options())),
      );
    }
  });

  it('takes no proof about another share, signed as it may be', async () => {
    const ben = made.legal[1] as Identity;
    const { signed } = documentOf({ bytes: readFileSync(await prove(ben)) });
    const type = 'application/vnd.strongroom.quorum-proof.v1+json';
    const forged = (changes: object) => {
      const file = save(root, 'forged.proof', encodeSigned({ ...signed, ...changes }, type, ben));
      return codeOf(() => checkQuorum(challenge, [file], options()));
    };
    expect(await forged({})).toBe('QUORUM_SHORT');
    const commitment = randomBytes(48).toString('base64');
    expect(await forged({ commitment })).toBe('SHARE_INVALID');
    expect(await forged({ index: 0 })).toBe('NOT_A_HOLDER');
  });

  it('takes no approval for a proof, and no challenge for a request', async () => {
    const ask = await asked(root, made, archive, 'real');
    const approval = await ask.approvalOf(made.legal[0] as Identity);
    expect(await codeOf(() => checkQuorum(challenge, [approval], options()))).toBe(
      'APPROVAL_INVALID',
    );
    expect(await codeOf(() => ask.combine([]).then(() => {}))).toBe('QUORUM_SHORT');
    const proof = { ...options(), identity: made.legal[0] as Identity, confirm: () => true };
    expect(await codeOf(() => proveShare(ask.path, proof))).toBe('REQUEST_INVALID');
    expect((await showQuestion(challenge, options())).kind).toBe('challenge');
  });
});

describe('other holders', () => {
  const next = ({ security }: Board): QuorumPlan => ({
    groups: [
      { name: 'board', threshold: 2, custodians: security.slice(2).map(({ card }) => card) },
    ],
  });
  const bytesBehind = (path: string) => {
    const bytes = readFileSync(path);
    return bytes.subarray(4096 + 2 * bytes.readUInt32BE(48));
  };
  const give = async (ask: Asked, who: readonly (Identity | undefined)[]) =>
    Promise.all(who.map((identity) => ask.approvalOf(identity as Identity)));

  it('by approvals of the old ones: the payload stays, old answers are worth nothing', async () => {
    const path = await guarded(root, made, 'reshared');
    const before = { size: statSync(path).size, rest: bytesBehind(path) };
    const ask = await asked(root, made, path, 'old');
    const given = await give(ask, [made.legal[0], made.security[0], made.security[1]]);
    const holder = await ask.combine(given);
    const report = await reshareQuorum(path, {
      identity: made.who.author,
      holder,
      trust: made.trust,
      quorums: [next(made)],
      reason: 'new board',
    });
    expect(report).toMatchObject({ epoch: 2, quorums: 1, shares: 3, recipients: 0, output: path });
    expect(statSync(path).size).toBe(before.size);
    expect(bytesBehind(path).equals(before.rest)).toBe(true);

    expect(await codeOf(() => ask.combine(given))).toBe('REQUEST_MISMATCH');
    const again = await asked(root, made, path, 'new');
    expect(await codeOf(() => again.approve(made.legal[0] as Identity))).toBe('NOT_A_HOLDER');
    const mixed = await give(again, [made.security[2]]);
    expect(await codeOf(() => again.combine([...mixed, given[0] as string]))).toBe(
      'APPROVAL_OTHER_SPLIT',
    );
    const found = await again.combine(await give(again, [made.security[2], made.security[4]]));
    const opened = await list(path, { identity: found, trust: made.trust });
    expect(opened.map((entry) => entry.path)).toContain('model.bin');
    expect((await verify(path, { trust: made.trust })).author.name).toBe('author');
  });

  it('by a plain recipient, who keeps access, or none at all', async () => {
    const { who } = made;
    const path = await makeArchive(root, {
      ...{ who, files, name: 'both', recipients: [who.author.card, who.reader.card] },
      quorums: [made.plan],
    });
    const usual = { identity: who.author, trust: made.trust };
    await reshareQuorum(path, { ...usual, quorums: [next(made), made.plan] });
    expect((await inspect(path)).keyring.quorums).toHaveLength(2);
    await reshareQuorum(path, { ...usual, quorums: [] });
    expect((await inspect(path)).keyring.quorums).toBeUndefined();
    expect(await list(path, { identity: who.reader, trust: made.trust })).not.toEqual([]);
  });

  it('not so that nobody could open it, nor by someone whom nobody trusts', async () => {
    const ask = await asked(root, made, archive, 'empty');
    const holder = await ask.combine(
      await give(ask, [made.legal[1], made.security[0], made.security[4]]),
    );
    const usual = { identity: made.who.author, holder, trust: made.trust };
    expect(await codeOf(() => reshareQuorum(archive, { ...usual, quorums: [] }))).toBe(
      'NO_RECIPIENTS',
    );
    const stranger = { ...usual, identity: made.who.stranger, quorums: [next(made)] };
    expect(await codeOf(() => reshareQuorum(archive, stranger))).toBe('GRANTER_UNTRUSTED');
    expect((await inspect(archive)).keyring.epoch).toBe(1);
  });
});

describe('the private half of a request', () => {
  const passphrase = () => Promise.resolve(Buffer.from('open sesame'));

  it('comes back from its file, plain and under a passphrase', async () => {
    const { key } = await asked(root, made, archive, 'kept');
    const plain = encodeRequestKey(key, 'none');
    expect((await decodeRequestKey(plain)).seed).toEqual(key.seed);
    const safe = encodeRequestKey(key, { passphrase: await passphrase(), cost: cheap });
    expect(Buffer.from(safe).includes(Buffer.from(key.seed).toString('hex'))).toBe(false);
    expect(await decodeRequestKey(safe, passphrase)).toMatchObject({
      seed: key.seed,
      request: key.request,
    });
    expect(await codeOf(() => decodeRequestKey(safe))).toBe('PASSPHRASE_NEEDED');
    const wrong = () => Promise.resolve(Buffer.from('close sesame'));
    expect(await codeOf(() => decodeRequestKey(safe, wrong))).toBe('PASSPHRASE_WRONG');
    const text = Buffer.from(safe).toString('latin1');
    const other = randomBytes(48).toString('base64');
    const moved = Buffer.from(text.replace(key.request, other), 'latin1');
    expect(await codeOf(() => decodeRequestKey(moved, passphrase))).toBe('PASSPHRASE_WRONG');
  });

  it('is refused when it is malformed', async () => {
    const { key } = await asked(root, made, archive, 'bad');
    const good = Buffer.from(encodeRequestKey(key, 'none')).toString('latin1');
    const bad = [
      '',
      good.slice(0, -1),
      `${good}\n`,
      good.toUpperCase(),
      good.replace('{"', '{ "'),
      good.replace(/[0-9a-f]\n$/, 'g\n'),
      good.replace(/[0-9a-f]\n$/, '\n'),
      good.replace('"version":1', '"version":2'),
    ];
    for (const text of bad) {
      expect(await codeOf(() => decodeRequestKey(Buffer.from(text, 'latin1')))).toBe(
        'REQUEST_KEY_INVALID',
      );
    }
  });
});

describe('a quorum on paper', () => {
  it('is groups, thresholds and cards beside it', async () => {
    const { encodeCard } = await import('#strongroom/index.js');
    const [ada, ben] = made.legal as [Identity, Identity];
    save(root, 'ada.card', encodeCard(ada.card));
    save(root, 'ben.card', encodeCard(ben.card));
    const spec = {
      type: 'strongroom/quorum',
      version: 1,
      groups: [{ name: 'legal', threshold: 1, cards: ['ada.card', 'ben.card'] }],
    };
    const write = (value: unknown) => save(root, 'quorum.json', Buffer.from(JSON.stringify(value)));
    const { groups } = await readQuorumSpec(write(spec));
    expect(groups).toMatchObject([{ name: 'legal', threshold: 1 }]);
    expect(groups[0]?.custodians.map(({ name }) => name)).toEqual(['Ada', 'Ben']);
    for (const bad of [{ ...spec, version: 2 }, { ...spec, note: 1 }, [], 'x']) {
      expect(await codeOf(() => readQuorumSpec(write(bad)))).toBe('QUORUM_INVALID');
    }
    for (const card of ['none.card', '\0.card']) {
      const none = { ...spec, groups: [{ name: 'x', threshold: 1, cards: [card] }] };
      expect(await codeOf(() => readQuorumSpec(write(none)))).toBe('NOT_FOUND');
    }
    expect(await codeOf(() => readQuorumSpec(join(root, 'none.json')))).toBe('NOT_FOUND');
  });
});
