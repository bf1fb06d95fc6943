import { beforeAll, describe, expect, test } from 'vitest';
import { text, utf8 } from '#strongroom/bytes.js';
import { createRecord, maxEntry } from '#strongroom/custody/ceremony/record.js';
import {
  decodeTranscript,
  encodeTranscript,
  signTranscript,
  type TranscriptBody,
} from '#strongroom/custody/ceremony/transcript.js';
import { importedCard } from '#strongroom/keys/card.js';
import { createIdentity, type Identity } from '#strongroom/keys/identity.js';
import { codeOf, refusal } from '../../keys/helpers.ts';

const time = (minute: number) => `2026-11-23T18:${String(minute).padStart(2, '0')}:00Z`;
const made = (name: string, now = time(10)): Identity => createIdentity({ name, now });

describe('a transcript', () => {
  const [ada, wim, una] = [made('Ada', time(0)), made('Wim', time(0)), made('Una', time(0))];
  const [lea, sam, sue] = [made('Lea'), made('Sam'), made('Sue')];
  const signers = [ada, wim, una];
  const roles = [
    'administrator',
    'witness',
    'witness',
    'custodian',
    'custodian',
    'custodian',
  ] as const;
  const person = (identity: Identity, role: (typeof roles)[number]) => ({
    card: identity.card.document,
    role,
  });
  const body: TranscriptBody = {
    created: time(5),
    deviations: [{ text: 'a lamp failed', time: time(12) }],
    ended: time(30),
    groups: [
      { custodians: ['Lea'], name: 'legal', threshold: 1 },
      { custodians: ['Sam', 'Sue'], name: 'security', threshold: 1 },
    ],
    machine: { node: 'v26.10.0', platform: 'linux x64', routes: [] },
    people: [ada, wim, una, lea, sam, sue].map((one, i) => person(one, roles[i] ?? 'custodian')),
    plan: Buffer.alloc(48).toString('base64'),
    recovery: { custodians: ['Lea', 'Sam'], split: '0'.repeat(64), time: time(20) },
    steps: [
      { text: 'it begins', time: time(5) },
      { text: 'it ends', time: time(30) },
    ],
    suite: 'hybrid',
    title: 'Root custody',
    type: 'strongroom/ceremony-transcript',
    version: 1,
  };
  const fileOf = (signed: TranscriptBody, by: readonly Identity[] = signers) =>
    encodeTranscript(
      signed,
      by.map((signer) => signTranscript(signed, signer)),
    );
  const decode = (bytes: Uint8Array) => decodeTranscript(bytes, 't');
  let file: Uint8Array;
  beforeAll(() => {
    file = fileOf(body);
  });

  test('is read as it was written', () => {
    const { signed, cards } = decode(file);
    expect(signed).toEqual(body);
    expect(cards.map(({ name }) => name)).toEqual(['Ada', 'Wim', 'Una', 'Lea', 'Sam', 'Sue']);
  });

  /** A card by somebody's keys that they did not sign. */
  const imported = (name: string, { card }: Identity) => {
    const keys = [card.kem, ...card.signing].map(({ publicKey }) => publicKey);
    const made = importedCard(card.suite, keys as [Uint8Array], { name, now: time(10) });
    return { card: made.document, role: 'custodian' as const };
  };

  const people = (...list: readonly ReturnType<typeof person>[]) => ({ people: [...list] });
  const [pAda, pWim, pUna, pLea, pSam, pSue] = body.people as [
    ReturnType<typeof person>,
    ReturnType<typeof person>,
    ReturnType<typeof person>,
    ReturnType<typeof person>,
    ReturnType<typeof person>,
    ReturnType<typeof person>,
  ];
  test.each<[string, Partial<TranscriptBody> | object, RegExp]>([
    ['people out of order', people(pAda, pWim, pLea, pUna, pSam, pSue), /in this order/],
    ['no witness', people(pAda, pLea, pSam, pSue), /in this order/],
    [
      'a custodian who is in no group',
      { groups: body.groups.slice(0, 1) },
      /not those of its groups/,
    ],
    [
      'a group with somebody else',
      { groups: [{ custodians: ['Eve', 'Sam', 'Sue'], name: 'g', threshold: 1 }] },
      /not those/,
    ],
    [
      'too few in recovery',
      { recovery: { ...body.recovery, custodians: ['Lea'] } },
      /security: too few/,
    ],
    [
      'one twice in recovery',
      { recovery: { ...body.recovery, custodians: ['Lea', 'Sam', 'Sam'] } },
      /twice/,
    ],
    [
      'a stranger in recovery',
      { recovery: { ...body.recovery, custodians: ['Lea', 'Sam', 'Wim'] } },
      /no custodian/,
    ],
    ['recovery after the end', { recovery: { ...body.recovery, time: time(31) } }, /go back/],
    ['an end before the beginning', { ended: time(4), steps: [], deviations: [] }, /card|go back/],
    ['steps that go back', { steps: [...body.steps].reverse() }, /go back/],
    ['a deviation from before', { deviations: [{ text: 'x', time: time(1) }] }, /go back/],
    [
      'a key from before',
      people(pAda, pWim, pUna, person(made('Lea', time(4)), 'custodian'), pSam, pSue),
      /not made in it/,
    ],
    [
      'a key from after',
      people(pAda, pWim, pUna, person(made('Lea', time(40)), 'custodian'), pSam, pSue),
      /not valid at/,
    ],
    ['a custodian of another suite', { suite: 'cnsa2' }, /another suite/],
    [
      'two administrators',
      people(pAda, pWim, { ...pUna, role: 'administrator' as const }, pLea, pSam, pSue),
      /in this order/,
    ],
    [
      'a witness first',
      people({ ...pAda, role: 'witness' as const }, pWim, pUna, pLea, pSam, pSue),
      /in this order/,
    ],
    [
      'a key that two people have',
      people(pAda, pWim, pUna, pLea, pSam, imported('Sue', sam)),
      /share a key/,
    ],
    [
      'a card that proves nothing',
      people(pAda, pWim, pUna, pLea, pSam, imported('Sue', sue)),
      /Sue is imported/,
    ],
    [
      'a card that is not signed by its keys',
      people(pAda, pWim, pUna, pLea, pSam, {
        ...pSue,
        card: { ...pSue.card, signed: { ...pSue.card.signed, name: 'Sun' } },
      }),
      /signature is not its own/,
    ],
    [
      'a group out of reach',
      { groups: [body.groups[0], { ...body.groups[1], threshold: 3 }] },
      /3 of 2 cannot agree/,
    ],
    [
      'two groups of one name',
      { groups: body.groups.map((group) => ({ ...group, name: 'g' })) },
      /two groups have one name/,
    ],
    ['a deviation from after', { deviations: [{ text: 'x', time: time(31) }] }, /go back/],
    ['recovery before the beginning', { recovery: { ...body.recovery, time: time(4) } }, /go back/],
    ['an unknown member', { extra: true }, /transcript: /],
    ['a rehearsal that is false', { rehearsal: false }, /transcript: /],
    ['two people of one name', people(pAda, pWim, pUna, pLea, pSam, { ...pSam }), /named twice/],
  ])('with %s is refused, though all have signed', async (_, change, words) => {
    const error = await refusal(() => decode(fileOf({ ...body, ...change } as TranscriptBody)));
    expect(error.code).toBe('TRANSCRIPT_INVALID');
    expect(error.message).toMatch(words);
  });

  test.each([
    ['without that of a witness', () => fileOf(body, [ada, wim])],
    ['with one more', () => fileOf(body, [ada, wim, una, lea])],
    ['in another order', () => fileOf(body, [ada, una, wim])],
    ['by a custodian for a witness', () => fileOf(body, [ada, wim, lea])],
  ])('with signatures %s is refused', async (_, bytes) => {
    expect(await codeOf(() => decode(bytes()))).toBe('TRANSCRIPT_INVALID');
  });

  test('that was changed in any word is refused', async () => {
    for (const [from, to] of [
      ['a lamp failed', 'all went well'],
      ['"threshold":1}],"machine"', '"threshold":2}],"machine"'],
      ['"routes":[]', '"routes":["eth0"]'],
      ['Root custody', 'Rook custody'],
      [time(20), time(21)],
    ] as const) {
      const changed = text(file).replace(from, to);
      expect(changed).not.toBe(text(file));
      expect(await codeOf(() => decode(utf8(changed)))).toBe('TRANSCRIPT_INVALID');
    }
  });

  test('in another layout is refused', async () => {
    const source = text(file);
    for (const again of [
      source.trimEnd(),
      ` ${source}`,
      `${source}\n`,
      source.replace(':', ': '),
    ]) {
      expect(await codeOf(() => decode(utf8(again)))).toBe('TRANSCRIPT_INVALID');
    }
  });
});

test('a record has steps and deviations, each with its time and no longer than it may be', () => {
  const record = createRecord();
  record.step('it begins');
  record.deviation('x'.repeat(maxEntry + 1));
  record.step('it ends');
  expect(record.steps.map((entry) => entry.text)).toEqual(['it begins', 'it ends']);
  expect(record.deviations.map((entry) => entry.text.length)).toEqual([maxEntry]);
  for (const { time } of [...record.steps, ...record.deviations]) {
    expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(60_000);
  }
});
