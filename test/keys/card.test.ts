import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { base64, concat, fromHex, text, utf8 } from '#strongroom/bytes.js';
import { suites } from '#strongroom/crypto/suites.js';
import { encodeJson } from '#strongroom/json.js';
import {
  assertSealable,
  type Card,
  type CardDocument,
  cardOf,
  decodeCard,
  encodeCard,
  importedCard,
  isValidAt,
} from '#strongroom/keys/card.js';
import { createIdentity } from '#strongroom/keys/identity.js';
import { codeOf, refusal, suiteNames } from './helpers.ts';

const now = '2026-11-23T18:49:00Z';
const expires = '2027-11-23T18:49:00Z';
const refused = expect.stringMatching(/^(CARD|KEY)_INVALID$/);

const file = (document: unknown) => concat(encodeJson(document), utf8('\n'));
const keysOf = ({ kem, signing }: Card): [Uint8Array, ...Uint8Array[]] => [
  kem.publicKey,
  ...signing.map(({ publicKey }) => publicKey),
];

describe.each(suiteNames)('a card of suite %s', (suite) => {
  const { card } = createIdentity({ name: 'Ada ❤ Łódź', suite, expires, now });
  const other = createIdentity({ name: 'Eve', suite, now }).card;
  const bytes = encodeCard(card);

  test('is read as it was made', () => {
    expect(decodeCard(bytes)).toEqual(card);
    expect(card).toMatchObject({ name: 'Ada ❤ Łódź', created: now, expires, imported: false });
    expect(card.suite).toBe(suites[suite]);
  });

  test('with any byte flipped is refused', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(bytes.length - 1),
        fc.integer({ min: 1, max: 255 }),
        async (at, bits) => {
          const flipped = bytes.slice();
          flipped[at] = (flipped[at] ?? 0) ^ bits;
          expect(await codeOf(() => decodeCard(flipped))).toEqual(refused);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('shortened, lengthened or made up is refused', async () => {
    const junk = fc.uint8Array({ maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), junk, async (end, tail) => {
        const cut = concat(bytes.subarray(0, end), tail);
        const doubled = concat(bytes, tail, utf8('\n'));
        expect(await codeOf(() => decodeCard(cut))).toBe('CARD_INVALID');
        expect(await codeOf(() => decodeCard(doubled))).toBe('CARD_INVALID');
        expect(await codeOf(() => decodeCard(tail))).toBe('CARD_INVALID');
      }),
      { numRuns: 60 },
    );
  });

  const { signed } = card.document;
  const changes: Record<keyof CardDocument['signed'], unknown> = {
    created: '2025-11-23T18:49:00Z',
    expires: '2037-11-23T18:49:00Z',
    imported: true,
    kem: other.document.signed.kem,
    name: 'Eve',
    sign: other.document.signed.sign,
    suite: suite === 'hybrid' ? 'cnsa2' : 'hybrid',
    type: 'strongroom/keyring',
    version: 2,
  };
  test.each(Object.entries(changes))('with another %s is refused', async (member, value) => {
    const changed = { ...card.document, signed: { ...signed, [member]: value } };
    expect(await codeOf(() => decodeCard(file(changed)))).toBe('CARD_INVALID');
  });

  test.each(Object.keys(signed))('without %s is refused', async (member) => {
    const { [member as keyof typeof signed]: _, ...rest } = signed;
    const changed = { ...card.document, signed: rest };
    expect(await codeOf(() => decodeCard(file(changed)))).toBe('CARD_INVALID');
  });

  test('with the signatures of another, or none, is refused', async () => {
    for (const signatures of [other.document.signatures, [], card.document.signatures.slice(1)]) {
      expect(await codeOf(() => decodeCard(file({ signatures, signed })))).toBe('CARD_INVALID');
    }
  });

  test('with an unknown member is refused, wherever it is', async () => {
    const [first, ...rest] = card.document.signatures;
    for (const name of ['extra', '__proto__', 'toJSON']) {
      const extra = Object.defineProperty({}, name, { value: 1, enumerable: true });
      const plus = (value: object | undefined) => {
        const entries = [...Object.entries(value ?? {}), ...Object.entries(extra)];
        return JSON.parse(
          `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${JSON.stringify(inner)}`)}}`,
        );
      };
      for (const changed of [
        plus(card.document),
        { ...card.document, signed: plus(signed) },
        { signed, signatures: [plus(first), ...rest] },
      ]) {
        expect(await codeOf(() => decodeCard(file(changed)))).toBe('CARD_INVALID');
      }
    }
  });

  test('in another spelling is refused', async () => {
    const source = text(bytes).trimEnd();
    for (const [again, why] of [
      [source, /newline/],
      [`${source}\n\n`, /canonical/],
      [`${source}\r\n`, /carriage/],
      [` ${source}\n`, /canonical/],
      [`\uFEFF${source}\n`, /not JSON/],
      [source.replace('{"sig', '{ "sig').concat('\n'), /canonical/],
      [source.replace('"Ada', '"\\u0041da').concat('\n'), /canonical/],
      [source.replace('"version":1', '"version":1.0').concat('\n'), /canonical/],
      [source.replace('"version":1', '"version":1,"version":1').concat('\n'), /canonical/],
    ] as const) {
      const error = await refusal(() => decodeCard(utf8(again)));
      expect(error).toMatchObject({ code: 'CARD_INVALID', message: expect.stringMatching(why) });
    }
    const error = await refusal(() => decodeCard(utf8(`${source}\r\n`)));
    expect(error.hint).toMatch(/line ends/);
  });

  test('over the limit is refused unread', async () => {
    const error = await refusal(() => decodeCard(new Uint8Array(65537).fill(0x20)));
    expect(error).toMatchObject({ code: 'CARD_INVALID', message: expect.stringMatching(/65536/) });
  });

  test('with a malformed public key is refused, signed or not', async () => {
    const keys = keysOf(card);
    // All ones are above the modulus in every coefficient: FIPS 203, section 7.2
    const kem = keys[0].slice().fill(0xff, 0, 384);
    const made = () => importedCard(card.suite, [kem, ...keys.slice(1)], { name: 'x', now });
    expect(await codeOf(made)).toBe('KEY_INVALID');
    const short = [base64(keys[0].subarray(1)), ...keys.slice(1).map(base64)];
    const [kemText, ...sign] = short;
    const changed = { signatures: [], signed: { ...signed, imported: true, kem: kemText, sign } };
    expect(await codeOf(() => decodeCard(file(changed)))).toBe('CARD_INVALID');
  });

  test('has a fingerprint of its key ids, as the format says', () => {
    const digest = createHash('sha384').update('strongroom/v1/card');
    for (const { id } of [card.kem, ...card.signing]) digest.update(fromHex(id));
    const bits = [...digest.digest()].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    const digits = Array.from({ length: 25 }, (_, i) =>
      '0123456789ABCDEFGHJKMNPQRSTVWXYZ'.charAt(Number.parseInt(bits.slice(5 * i, 5 * i + 5), 2)),
    ).join('');
    expect(card.fingerprint.replaceAll('-', '')).toBe(digits);
    expect(card.fingerprint).toMatch(/^(.{5}-){4}.{5}$/);
    expect(card.fingerprint).not.toBe(other.fingerprint);
  });

  test('has key ids over its SubjectPublicKeyInfo', () => {
    const info = concat(card.suite.kem.spkiPrefix, card.kem.publicKey);
    const digest = createHash('sha384').update(info).digest('hex');
    expect(card.kem.id).toBe(digest.slice(0, 64));
  });

  test('is sealed for only in its suite and its validity', async () => {
    assertSealable(card, card.suite, now);
    assertSealable(card, card.suite, '2027-11-23T18:48:59Z');
    const another = suites[suite === 'hybrid' ? 'cnsa2' : 'hybrid'];
    expect(await codeOf(() => assertSealable(card, another, now))).toBe('SUITE_MISMATCH');
    for (const time of [expires, '2030-01-01T00:00:00Z', '2026-11-23T18:48:59Z']) {
      expect(isValidAt(card, time)).toBe(false);
      expect(await codeOf(() => assertSealable(card, card.suite, time))).toBe('CARD_EXPIRED');
    }
    expect(isValidAt(other, '9999-12-31T23:59:59Z')).toBe(true);
  });

  test('is imported with all signing keys or with none', async () => {
    const [kem, ...signing] = keysOf(card);
    const recipient = importedCard(card.suite, [kem], { name: 'Ada', now });
    const full = importedCard(card.suite, [kem, ...signing], { name: 'Ada', now });
    for (const imported of [recipient, full]) {
      expect(decodeCard(encodeCard(imported))).toEqual(imported);
      expect(imported).toMatchObject({ imported: true, document: { signatures: [] } });
    }
    expect(recipient.signing).toEqual([]);
    expect(recipient.kem).toEqual(card.kem);
    expect(full.fingerprint).toBe(card.fingerprint);
    expect(recipient.fingerprint).not.toBe(card.fingerprint);
  });

  test('that is imported has no signatures, and only such a card lacks keys', async () => {
    const full = importedCard(card.suite, keysOf(card), { name: 'Ada', now }).document;
    const { imported: _, ...own } = full.signed;
    const { signatures } = card.document;
    for (const changed of [
      { ...full, signatures },
      { signatures: [], signed: own },
      { signatures: [], signed: { ...own, sign: [] } },
      { signatures, signed: { ...signed, sign: [] } },
      { signatures: [], signed: { ...full.signed, imported: false } },
      { signatures: [], signed: { ...full.signed, sign: [...full.signed.sign, 'AA=='] } },
    ]) {
      expect(await codeOf(() => decodeCard(file(changed)))).toBe('CARD_INVALID');
    }
  });
});

test('a card of two suites is refused', async () => {
  const [hybrid, cnsa2] = suiteNames.map((suite) => createIdentity({ name: 'x', suite }).card);
  const signed = { ...hybrid?.document.signed, kem: cnsa2?.document.signed.kem };
  const changed = { signatures: [], signed: { ...signed, imported: true } };
  expect(await codeOf(() => decodeCard(file(changed)))).toBe('CARD_INVALID');
});

test('one of two signing keys is neither all nor none', async () => {
  const { card } = createIdentity({ name: 'x', now });
  const { signed } = card.document;
  for (const sign of [signed.sign.slice(0, 1), signed.sign.toReversed()]) {
    const document = { signatures: [], signed: { ...signed, imported: true as const, sign } };
    expect(await codeOf(() => cardOf(document))).toBe('CARD_INVALID');
  }
});

test('a low-order Ed25519 or X25519 key is refused', async () => {
  const { card } = createIdentity({ name: 'x', now });
  const [kem, mlDsa] = keysOf(card) as [Uint8Array, Uint8Array];
  const identityPoint = Uint8Array.of(1, ...new Uint8Array(31));
  const signing = () => importedCard(card.suite, [kem, mlDsa, identityPoint], { name: 'x', now });
  expect(await codeOf(signing)).toBe('KEY_INVALID');
  const recipient = () => importedCard(card.suite, [kem.slice().fill(0, 1184)], { name: 'x', now });
  expect(await codeOf(recipient)).toBe('KEY_INVALID');
});

test.each([
  ['', 'empty'],
  ['x'.repeat(129), 'too long'],
  ['a\nb', 'a newline'],
  ['a\u0085b', 'a C1 control character'],
  ['a\u007fb', 'DEL'],
  ['a\ud800b', 'half a surrogate pair'],
])('the name %j is no name: %s', async (name) => {
  expect(await codeOf(() => createIdentity({ name, suite: 'cnsa2' }))).toBe('USAGE');
  const { card } = createIdentity({ name: 'x', suite: 'cnsa2', now });
  const signed = { ...card.document.signed, imported: true, name: 'NAME' };
  const source = text(encodeJson({ signatures: [], signed })).replace(
    '"NAME"',
    JSON.stringify(name),
  );
  expect(await codeOf(() => decodeCard(utf8(`${source}\n`)))).toBe('CARD_INVALID');
});

test('a card that would never be valid is not made', async () => {
  const make = (times: { now?: string; expires?: string }) => () =>
    createIdentity({ name: 'x', suite: 'cnsa2', ...times });
  expect(await codeOf(make({ now, expires: now }))).toBe('USAGE');
  expect(await codeOf(make({ now: expires, expires: now }))).toBe('USAGE');
  expect(await codeOf(make({ now: 'today' }))).toBe('USAGE');
  expect(await codeOf(make({ expires: '2030-01-01' }))).toBe('USAGE');
});
