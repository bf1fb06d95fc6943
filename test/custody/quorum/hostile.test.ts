/** Documents that someone has changed: every member, with and without a fresh signature. */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { unlockKeyring } from '#strongroom/archive/keyring.js';
import type { QuorumGroup, QuorumStanza } from '#strongroom/archive/quorum.js';
import { hmacSha384 } from '#strongroom/crypto/kdf.js';
import { decodeAnswer } from '#strongroom/custody/quorum/answer.js';
import { encodeSigned } from '#strongroom/custody/quorum/document.js';
import { decodeQuestion } from '#strongroom/custody/quorum/question.js';
import { type Identity, isStrongroomError } from '#strongroom/index.js';
import { encodeJson } from '#strongroom/json.js';
import { signDocument } from '#strongroom/keys/signed.js';
import { frontOf, outcome, regionsOf, sharedWorkspace } from '../../support/archive.ts';
import { slotOf } from '../../support/forge.ts';
import {
  type Asked,
  altered,
  asked,
  type Board,
  board,
  documentOf,
  guarded,
  leavesOf,
  save,
} from './helpers.ts';

const root = sharedWorkspace();
let made: Board;
let archive: string;
let ask: Asked;
let ada: Identity;
let approvals: string[];

beforeAll(async () => {
  made = board();
  archive = await guarded(root, made);
  ask = await asked(root, made, archive);
  ada = made.legal[0] as Identity;
  const others = made.security.slice(0, 2);
  approvals = await Promise.all([ada, ...others].map((identity) => ask.approvalOf(identity)));
});

const fileOf = (document: unknown) => Buffer.concat([encodeJson(document), Buffer.from('\n')]);
const codes = ['REQUEST_INVALID', 'APPROVAL_INVALID', 'CARD_INVALID', 'KEY_INVALID'];

describe('any member changed, the signature left as it was', () => {
  it('a request', () => {
    const document = documentOf(ask.request);
    for (const path of leavesOf(document)) {
      const code = refusedBy(() =>
        decodeQuestion(fileOf(altered(document, path)), ['request'], 'r'),
      );
      expect(codes, path.join('.')).toContain(code);
    }
  });

  it('an approval', async () => {
    const document = documentOf(await ask.approve(ada));
    for (const path of leavesOf(document)) {
      const code = refusedBy(() => decodeAnswer(fileOf(altered(document, path)), 'approval', 'a'));
      expect(codes, path.join('.')).toContain(code);
    }
  });

  it('any member left out or added, and any byte cut', async () => {
    const { bytes } = await ask.approve(ada);
    const document = documentOf({ bytes });
    const decode = (file: Uint8Array) => refusedBy(() => decodeAnswer(file, 'approval', 'a'));
    for (const name of Object.keys(document.signed)) {
      const { [name]: _, ...signed } = document.signed;
      expect(decode(fileOf({ ...document, signed })), name).toBe('APPROVAL_INVALID');
    }
    const more = { ...document, signed: { ...document.signed, note: 1 } };
    expect(decode(fileOf(more))).toBe('APPROVAL_INVALID');
    expect(decode(bytes.subarray(0, -1))).toBe('APPROVAL_INVALID');
    expect(decode(Buffer.concat([bytes, Buffer.from('\n')]))).toBe('APPROVAL_INVALID');
    expect(decode(new Uint8Array(0))).toBe('APPROVAL_INVALID');
  });

  it('one kind of document for another', async () => {
    const request = readFileSync(ask.path);
    expect(refusedBy(() => decodeQuestion(request, ['challenge'], 'r'))).toBe('REQUEST_INVALID');
    expect(refusedBy(() => decodeAnswer(request, 'approval', 'r'))).toBe('APPROVAL_INVALID');
    const approval = readFileSync(approvals[0] as string);
    expect(refusedBy(() => decodeAnswer(approval, 'proof', 'a'))).toBe('APPROVAL_INVALID');
    expect(refusedBy(() => decodeQuestion(approval, ['request'], 'a'))).toBe('REQUEST_INVALID');
  });
});

describe('a custodian who signs whatever they like', () => {
  const forged = (changes: object, by = ada) => {
    const { signed } = documentOf({ bytes: readFileSync(approvals[0] as string) });
    const body = { ...signed, ...changes };
    const type = 'application/vnd.strongroom.quorum-approval.v1+json';
    const file = save(root, 'forged', encodeSigned(body, type, by));
    return outcome(() => ask.combine([file, ...approvals.slice(1)]));
  };
  const hex = () => randomBytes(32).toString('hex');
  const base64 = (bytes: number) => randomBytes(bytes).toString('base64');

  it('is accepted with nothing changed', async () => {
    expect(await forged({})).toBe('accepted');
  });

  it.each([
    ['answers', () => ({ answers: base64(48) }), 'APPROVAL_REPLAYED'],
    ['archive', () => ({ archive: hex() }), 'APPROVAL_OTHER_ARCHIVE'],
    ['core', () => ({ core: base64(48) }), 'APPROVAL_OTHER_ARCHIVE'],
    ['split', () => ({ split: hex() }), 'APPROVAL_OTHER_SPLIT'],
    ['group', () => ({ group: 1 }), 'NOT_A_HOLDER'],
    ['no such group', () => ({ group: 9 }), 'NOT_A_HOLDER'],
    ['index', () => ({ index: 1 }), 'NOT_A_HOLDER'],
    ['no such index', () => ({ index: 9 }), 'NOT_A_HOLDER'],
    ['sealed', () => ({ sealed: base64(81) }), 'SHARE_INVALID'],
    ['enc', () => ({ enc: base64(1120) }), 'SHARE_INVALID'],
    ['a short enc', () => ({ enc: base64(1119) }), 'APPROVAL_INVALID'],
    ['created before the card', () => ({ created: '2020-01-01T00:00:00Z' }), 'APPROVAL_INVALID'],
    ['created too late', () => ({ created: '2120-01-01T00:00:00Z' }), 'REQUEST_EXPIRED'],
  ])('%s', async (_, changes, code) => {
    expect(await forged(changes())).toBe(code);
  });

  it('is not someone else', async () => {
    const { stranger } = made.who;
    expect(await forged({ card: stranger.card.document }, stranger)).toBe('NOT_A_HOLDER');
    expect(await forged({ card: stranger.card.document })).toBe('APPROVAL_INVALID');
  });

  it('gives a share of their own making, and is named', async () => {
    const { hpkeSeal } = await import('#strongroom/crypto/hpke.js');
    const { approvalInfo } = await import('#strongroom/custody/quorum/question.js');
    const { suite } = ada.card;
    const { signed } = documentOf(ask.request);
    const publicKey = new Uint8Array(Buffer.from(signed.kem, 'base64'));
    const share = new Uint8Array(randomBytes(65));
    // docs/format.md, "Requests and approvals"
    const digest = createHash('sha384').update(readFileSync(ask.path).subarray(0, -1)).digest();
    const split = Buffer.from(signed.split, 'hex');
    const info = Buffer.concat([Buffer.from('strongroom/v1/approval'), digest, split]);
    expect(Buffer.from(approvalInfo(ask.request, 3, 7))).toEqual(
      Buffer.concat([info, Uint8Array.of(3, 7)]),
    );
    const { enc, sealed } = hpkeSeal(suite, publicKey, approvalInfo(ask.request, 0, 0), share);
    const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
    expect(await forged({ enc: b64(enc), sealed: b64(sealed) })).toBe('SHARE_INVALID');
    await expect(ask.combine([join(root, 'forged'), ...approvals.slice(1)])).rejects.toThrow(/Ada/);
  });
});

describe('a key ring whose quorum was changed', () => {
  /** The archive with another document in its slot; signed by the author, MAC and all, if asked. */
  const ringWith = async (change: ((quorum: never) => unknown) | undefined, resign: boolean) => {
    const bytes = readFileSync(archive);
    const { core, ring } = await frontOf(bytes);
    const found = await ask.combine(approvals);
    const { keys } = await unlockKeyring(ring, core, found, 'archive');
    const { mac: _, ...signed } = structuredClone(ring.document.signed);
    const [quorum] = signed.quorums ?? [];
    const { quorums: __, ...bare } = signed;
    const body = change === undefined ? bare : { ...bare, quorums: [change(quorum as never)] };
    const mac = Buffer.from(hmacSha384(keys.keyring, encodeJson(body))).toString('base64');
    const type = 'application/vnd.strongroom.keyring.v1+json';
    const document = resign
      ? signDocument(type, { ...body, mac }, made.who.author)
      : { ...ring.document, signed: { ...body, mac: ring.document.signed.mac } };
    const path = join(root, 'altered.srm');
    const slot = slotOf(core, document);
    const [at] = regionsOf(bytes).at.slotA;
    writeFileSync(
      path,
      Buffer.concat([bytes.subarray(0, at), slot, bytes.subarray(at + slot.length)]),
    );
    return path;
  };
  const tried = (path: string) => outcome(() => ask.combine(approvals, { archive: path }));

  it('is refused, whichever member it is', async () => {
    const { ring } = await frontOf(readFileSync(archive));
    const [quorum] = ring.document.signed.quorums ?? [];
    const paths = leavesOf(quorum).filter(([, group]) => group !== '1');
    for (const path of [...paths, ['groups', '1', 'threshold'], ['groups', '1', 'name']]) {
      const forged = await ringWith((was) => altered(was, path), false);
      expect(
        ['KEYRING_INVALID', 'KEYRING_UNTRUSTED', 'REQUEST_MISMATCH'],
        path.join('.'),
      ).toContain(await tried(forged));
    }
  });

  it('is refused even if the author signs it, unless it only changes names', async () => {
    const outcomes: Record<string, unknown> = {};
    const paths = [
      ['split'],
      ['sealed'],
      ['groups', '0', 'name'],
      ['groups', '1', 'threshold'],
      ...['commitment', 'enc', 'key', 'name', 'sealed'].map((name) => [
        'groups',
        '0',
        'shares',
        '0',
        name,
      ]),
      ['groups', '0', 'shares', '0', 'signers', '0'],
    ];
    for (const path of paths) {
      outcomes[path.join('.')] = await tried(await ringWith((was) => altered(was, path), true));
    }
    expect(outcomes).toEqual({
      split: 'REQUEST_MISMATCH',
      sealed: 'SHARE_INVALID',
      'groups.0.name': 'accepted',
      // One of five is another threshold than the key is bound to
      'groups.1.threshold': 'SHARE_INVALID',
      'groups.0.shares.0.commitment': 'SHARE_INVALID',
      // The approvals were given before: what is sealed to the custodian is not looked at again
      'groups.0.shares.0.enc': 'accepted',
      'groups.0.shares.0.key': 'NOT_A_HOLDER',
      'groups.0.shares.0.name': 'accepted',
      'groups.0.shares.0.sealed': 'accepted',
      'groups.0.shares.0.signers.0': 'NOT_A_HOLDER',
    });
  });

  it('is noticed by the custodian whose share it is', async () => {
    for (const name of ['enc', 'sealed', 'commitment']) {
      const path = ['groups', '0', 'shares', '0', name];
      const forged = await ringWith((was) => altered(was, path), true);
      expect(await outcome(() => ask.approve(ada, { archive: forged }))).toBe('SHARE_INVALID');
    }
  });

  const first = ({ groups }: QuorumStanza) => groups[0] as QuorumGroup;
  it.each<[string, (quorum: QuorumStanza) => unknown]>([
    ['nobody in a group', (q) => ({ ...q, groups: [{ ...first(q), shares: [] }] })],
    ['no groups', (q) => ({ ...q, groups: [] })],
    ['a threshold of none', (q) => ({ ...q, groups: [{ ...first(q), threshold: 0 }] })],
    ['a threshold too high', (q) => ({ ...q, groups: [{ ...first(q), threshold: 3 }] })],
    [
      'two groups of one name',
      (q) => ({ ...q, groups: q.groups.map((g) => ({ ...g, name: 'g' })) }),
    ],
    [
      'one custodian in two groups',
      (q) => ({ ...q, groups: [first(q), { ...first(q), name: 'g' }] }),
    ],
    [
      'a name with a control character',
      (q) => ({ ...q, groups: [{ ...first(q), name: '\u009b' }] }),
    ],
    ['a member that is not defined', (q) => ({ ...q, note: 1 })],
    [
      'too few signers',
      (q) => ({
        ...q,
        groups: [
          { ...first(q), shares: first(q).shares.map((each) => ({ ...each, signers: [] })) },
        ],
      }),
    ],
    [
      'an encapsulation that is too short',
      (q) => ({
        ...q,
        groups: [
          { ...first(q), shares: first(q).shares.map((each) => ({ ...each, enc: 'AAAA' })) },
        ],
      }),
    ],
  ])('%s', async (_, change) => {
    expect(await tried(await ringWith(change as never, true))).toBe('KEYRING_INVALID');
  });

  it('that names nobody at all', async () => {
    expect(await tried(await ringWith(undefined, true))).toBe('KEYRING_INVALID');
  });
});

function refusedBy(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isStrongroomError(error)) return error.code;
    throw error;
  }
  return 'accepted';
}
