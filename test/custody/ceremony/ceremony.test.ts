import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { utf8 } from '#strongroom/bytes.js';
import { StrongroomError } from '#strongroom/errors.js';
import {
  createIdentity,
  encodeIdentity,
  type GroupPlan,
  holdCeremony,
  type Identity,
  type QuorumPlan,
  readCard,
  readIdentity,
  readQuorumSpec,
  type Trust,
  verifyTranscript,
} from '#strongroom/index.js';
import { cheap, codeOf, refusal } from '../../keys/helpers.ts';
import { people, writePlan } from './helpers.ts';

const root = mkdtempSync(join(tmpdir(), 'strongroom-ceremony-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
afterEach(() => {
  expect(readdirSync(root).filter((name) => name.endsWith('.partial'))).toEqual([]);
});

const at = (name: string) => join(root, name);
const trusting = async (...cards: string[]): Promise<Trust> => ({
  entries: await Promise.all(
    cards.map(async (card) => ({ card: await readCard(card), roles: ['witness' as const] })),
  ),
});
const offline = { routes: [], cost: cheap };

describe('a ceremony', () => {
  const { console, lines, asked } = people();
  const vault = at('vault');
  let planPath: string;

  beforeAll(async () => {
    planPath = writePlan(root);
    await holdCeremony(planPath, { console, output: vault, ...offline });
  });

  test('leaves a key and a card for everyone, a quorum and a transcript', () => {
    const names = ['ada', 'lea', 'sam', 'sue', 'wim'];
    expect(readdirSync(vault)).toEqual(
      [
        ...names.flatMap((name) => [`${name}.key`, `${name}.key.card`]),
        'quorum.json',
        'transcript.json',
      ].sort(),
    );
    for (const name of names) expect(statSync(join(vault, `${name}.key`)).mode & 0o777).toBe(0o600);
    expect(statSync(vault).mode & 0o777).toBe(0o700);
  });

  test('protects each key by the passphrase of its owner', async () => {
    const file = await readIdentity(join(vault, 'sam.key'));
    expect(file.isProtected).toBe(true);
    const sam = await file.unlock(async () => utf8('passphrase of Sam'));
    expect(sam.card.name).toBe('Sam');
    const other = await readIdentity(join(vault, 'sue.key'));
    expect(await codeOf(() => other.unlock(async () => utf8('passphrase of Sam')))).toBe(
      'PASSPHRASE_WRONG',
    );
  });

  test('makes the quorum of the plan', async () => {
    const { groups } = await readQuorumSpec(join(vault, 'quorum.json'));
    expect(
      groups.map(({ name, threshold, custodians }) => [
        name,
        threshold,
        custodians.map((card) => card.name),
      ]),
    ).toEqual([
      ['legal', 1, ['Lea']],
      ['security', 2, ['Sam', 'Sue']],
    ]);
  });

  test('has every fingerprint read out, and typed by its owner and by another', async () => {
    for (const name of ['Ada', 'Wim', 'Lea', 'Sam', 'Sue']) {
      const { fingerprint } = await readCard(join(vault, `${name.toLowerCase()}.key.card`));
      expect(lines.join('\n')).toContain(
        `read your fingerprint aloud; everyone writes it down: ${fingerprint}`,
      );
      const whose = (who: string) => (who === name ? 'your' : `${name}'s`);
      const typed = asked.filter(
        ({ who, what }) =>
          what.includes(`of ${whose(who)} fingerprint`) && (who === name || what.includes(name)),
      );
      const others = typed.map(({ who }) => who).filter((who) => who !== name);
      expect(typed.length).toBeGreaterThanOrEqual(2);
      expect(others).toEqual([name === 'Wim' ? 'Ada' : 'Wim']);
    }
  });

  test('asks custodians for their passphrase again before the transcript is signed', () => {
    const secret = asked.filter(({ what }) => what.includes('passphrase'));
    expect(secret.map(({ who }) => who)).toEqual([
      'Ada',
      'Wim',
      'Lea',
      'Sam',
      'Sue',
      'Lea',
      'Sam',
      'Sue',
      'Ada',
      'Wim',
    ]);
  });

  test('is proven by its transcript to whoever trusts a witness', async () => {
    const trust = await trusting(join(vault, 'wim.key.card'));
    const report = await verifyTranscript(join(vault, 'transcript.json'), { trust });
    expect(report).toMatchObject({ title: 'Root custody', routes: [], deviations: [] });
    expect(report.plan).toBe(createHash('sha384').update(readFileSync(planPath)).digest('hex'));
    expect(report.people.map(({ name, role, trusted }) => [name, role, trusted])).toEqual([
      ['Ada', 'administrator', false],
      ['Wim', 'witness', true],
      ['Lea', 'custodian', false],
      ['Sam', 'custodian', false],
      ['Sue', 'custodian', false],
    ]);
    expect(report.steps.map(({ text }) => text)).toContain('the custodians recovered the test key');
  });

  test('tells whether a quorum is the one that was made', async () => {
    const trust = await trusting(join(vault, 'wim.key.card'));
    const quorum = await readQuorumSpec(join(vault, 'quorum.json'));
    const verify = (groups: QuorumPlan['groups']) =>
      verifyTranscript(join(vault, 'transcript.json'), { trust, quorum: { groups } });
    expect(await verify(quorum.groups)).toMatchObject({ title: 'Root custody' });
    const [legal, security] = quorum.groups as [GroupPlan, GroupPlan];
    const impostor = createIdentity({ name: 'Sam' }).card;
    const forged: [string, GroupPlan[]][] = [
      [
        'a key under a known name',
        [legal, { ...security, custodians: [impostor, ...security.custodians.slice(1)] }],
      ],
      [
        'a custodian too many',
        [legal, { ...security, custodians: [...security.custodians, impostor] }],
      ],
      ['one who is missing', [legal, { ...security, custodians: security.custodians.slice(1) }]],
      ['a lower threshold', [legal, { ...security, threshold: 1 }]],
      ['a group that is missing', [security]],
    ];
    for (const [what, groups] of forged) {
      expect(await codeOf(() => verify(groups)), what).toBe('TRANSCRIPT_MISMATCH');
    }
  });

  test('is proven to nobody else', async () => {
    const transcript = join(vault, 'transcript.json');
    // The administrator and custodians are no witnesses
    for (const name of ['ada', 'sam']) {
      const trust = await trusting(join(vault, `${name}.key.card`));
      expect(await codeOf(() => verifyTranscript(transcript, { trust }))).toBe(
        'TRANSCRIPT_UNTRUSTED',
      );
    }
    const { entries } = await trusting(join(vault, 'wim.key.card'));
    const asAuthor = { entries: entries.map(({ card }) => ({ card, roles: ['author' as const] })) };
    expect(await codeOf(() => verifyTranscript(transcript, { trust: asAuthor }))).toBe(
      'TRANSCRIPT_UNTRUSTED',
    );
  });

  test('does not write over another', async () => {
    const again = holdCeremony(planPath, { console, output: vault, ...offline });
    expect(await codeOf(() => again)).toBe('OUTPUT_EXISTS');
  });
});

test('gives everyone a file of their own, whatever their names are', async () => {
  const { console } = people();
  const groups = [{ name: 'g', threshold: 1, custodians: ['Zoë', 'Zoe', 'Zoe 2', '李'] }];
  const output = at('names');
  const planPath = writePlan(root, { groups }, 'names.json');
  const report = await holdCeremony(planPath, { console, output, ...offline });
  expect(report.people.map(({ identity }) => identity?.slice(output.length + 1))).toEqual([
    ...['ada.key', 'wim.key'],
    ...['zoe.key', 'zoe-2.key', 'zoe-2-2.key', 'key.key'],
  ]);
});

describe('a ceremony that stops', () => {
  const outcomeOf = async (
    instead: Parameters<typeof people>[0],
    more: object = offline,
  ): Promise<StrongroomError> => {
    const { console } = people(instead);
    const output = at('stopped');
    const error = await refusal(() => holdCeremony(writePlan(root), { console, output, ...more }));
    expect(existsSync(output)).toBe(false);
    return error;
  };

  test.each([
    ['the wrong name', /type your name/, 'Eve', /the name of Ada: wrong 3 times/],
    ['a wrong fingerprint', /fingerprint/, '00000 00000', /the fingerprint of Ada: wrong 3 times/],
  ])('by %s leaves no key', async (_, prompt, answer, words) => {
    const error = await outcomeOf(({ what }) => (prompt.test(what) ? answer : undefined));
    expect(error.code).toBe('CEREMONY_STOPPED');
    expect(error.message).toMatch(words);
  });

  test('by a custodian who cannot recover leaves no key', async () => {
    const error = await outcomeOf(({ who, what }) =>
      who === 'Sue' && what.includes('test key') ? 'forgotten' : undefined,
    );
    expect(error).toMatchObject({
      code: 'CEREMONY_STOPPED',
      message: 'Sue could not unlock their key',
    });
  });

  test('by a witness who does not sign leaves no key', async () => {
    const error = await outcomeOf(({ who, what }) => {
      if (who !== 'Wim' || !what.includes('to sign')) return undefined;
      throw new StrongroomError('INTERRUPTED', 'interrupted');
    });
    expect(error.code).toBe('INTERRUPTED');
  });

  test('because the machine is online leaves no key', async () => {
    const error = await outcomeOf(({ what }) => (what.startsWith('go on') ? 'no' : undefined), {
      routes: ['eth0'],
    });
    expect(error).toMatchObject({ code: 'CEREMONY_STOPPED' });
  });
});

describe('deviations', () => {
  test('are on record: a network, mistakes, and what people say', async () => {
    const said = ['the lamp failed', `${'Lou came late'.padEnd(1023, '.')}\u{1f550}`];
    const once = new Set<string>();
    const first = (key: string, answer: string) => {
      if (once.has(key)) return undefined;
      once.add(key);
      return answer;
    };
    const { console } = people(({ who, what }) => {
      if (what.startsWith('what went otherwise')) return said.shift();
      if (who === 'Lea' && what.includes('fingerprint')) return first('typed', 'xxxxx');
      if (who === 'Sam' && what.includes('test key')) return first('secret', 'not this one');
      return undefined;
    });
    const output = at('deviating');
    const report = await holdCeremony(writePlan(root), {
      console,
      output,
      routes: ['eth0', 'wlan0'],
      cost: cheap,
    });
    expect(report.deviations).toBe(5);
    const trust = await trusting(join(output, 'wim.key.card'));
    const { deviations, routes } = await verifyTranscript(report.transcript, { trust });
    expect(routes).toEqual(['eth0', 'wlan0']);
    expect(deviations.map(({ text }) => text.slice(0, 60))).toEqual([
      'the machine is online: eth0, wlan0 has a default route',
      'Lea gave a wrong answer: the fingerprint of Lea',
      'Sam typed a wrong passphrase',
      'the lamp failed',
      expect.stringContaining('Lou came late'),
    ]);
  });
});

describe('a rehearsal', () => {
  test('keeps the transcript alone, which is refused as that of a ceremony', async () => {
    const { console } = people();
    const output = at('practice');
    const uma = createIdentity({ name: 'Uma' });
    writeFileSync(at('uma.key'), encodeIdentity(uma, 'none'), { mode: 0o600 });
    const witnesses = [{ name: 'Uma', identity: 'uma.key' }];
    const planPath = writePlan(root, { witnesses }, 'practice.json');
    const report = await holdCeremony(planPath, { console, output, rehearsal: true, ...offline });
    expect(readdirSync(output)).toEqual(['transcript.json']);
    expect(report.people.every(({ identity }) => identity === undefined)).toBe(true);
    const trust: Trust = { entries: [{ card: uma.card, roles: ['witness'] }] };
    expect((await refusal(() => verifyTranscript(report.transcript, { trust }))).message).toMatch(
      /of a rehearsal only/,
    );
    const options = { trust, rehearsal: true };
    expect(await verifyTranscript(report.transcript, options)).toMatchObject({ deviations: [] });
  });
});

describe('an identity that is brought', () => {
  const bring = (identity: Identity, name = 'Uma', more: object = {}) => {
    const bytes = encodeIdentity(identity, {
      passphrase: utf8(`passphrase of ${name}`),
      cost: cheap,
    });
    writeFileSync(at('brought.key'), bytes, { mode: 0o600 });
    const witnesses = [{ name, identity: 'brought.key' }];
    const { console } = people();
    const planPath = writePlan(root, { witnesses, ...more }, 'brought.json');
    return holdCeremony(planPath, { console, output: at('brought'), ...offline });
  };

  test('signs the transcript, stays where it is, and may be of another suite', async () => {
    const uma = createIdentity({ name: 'Uma', suite: 'cnsa2' });
    const report = await bring(uma);
    expect(readdirSync(at('brought'))).not.toContain('uma.key');
    const trust: Trust = { entries: [{ card: uma.card, roles: ['witness'] }] };
    const { people: found } = await verifyTranscript(report.transcript, { trust });
    expect(found[1]).toMatchObject({ name: 'Uma', trusted: true });
  });

  test('of another name, or expired, is refused at once', async () => {
    rmSync(at('brought'), { recursive: true, force: true });
    const error = await refusal(() => bring(createIdentity({ name: 'Eve' })));
    expect(error.code).toBe('CEREMONY_PLAN_INVALID');
    const old = createIdentity({
      name: 'Uma',
      now: '2020-01-01T00:00:00Z',
      expires: '2021-01-01T00:00:00Z',
    });
    expect(await codeOf(() => bring(old))).toBe('CARD_EXPIRED');
  });
});
