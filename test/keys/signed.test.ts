import { describe, expect, test } from 'vitest';
import { base64, fromBase64, utf8 } from '#strongroom/bytes.js';
import { encodeJson } from '#strongroom/json.js';
import { createIdentity } from '#strongroom/keys/identity.js';
import {
  type Signature,
  schemas,
  signaturesVerify,
  signBytes,
  signDocument,
} from '#strongroom/keys/signed.js';
import { timeOf } from '#strongroom/time.js';
import { suiteNames } from './helpers.ts';

const type = 'application/vnd.strongroom.test+json';
const body = utf8('{"a":1}');

describe.each(suiteNames)('signatures of suite %s', (suite) => {
  const ada = createIdentity({ name: 'Ada', suite });
  const eve = createIdentity({ name: 'Eve', suite });
  const good = signBytes(type, body, ada);
  const verify = (signatures: readonly Signature[]) =>
    signaturesVerify(type, body, signatures, ada.card);

  test('verify, and name the keys in the order of the suite', () => {
    expect(verify(good)).toBe(true);
    expect(good.map(({ keyid }) => keyid)).toEqual(ada.card.signing.map(({ id }) => id));
  });

  test('a document is signed over its canonical JSON', () => {
    const { signed, signatures } = signDocument(type, { b: [2], a: 'ü' }, ada);
    expect(signaturesVerify(type, encodeJson(signed), signatures, ada.card)).toBe(true);
    expect(signaturesVerify(type, utf8('{"a":"ü","b":[2]}'), signatures, ada.card)).toBe(true);
  });

  test('another type, body or card is refused', () => {
    expect(signaturesVerify(`${type}x`, body, good, ada.card)).toBe(false);
    expect(signaturesVerify(type, utf8('{"a":2}'), good, ada.card)).toBe(false);
    expect(signaturesVerify(type, body, good, eve.card)).toBe(false);
  });

  test('every signature must verify: one broken among good ones is refused', () => {
    const forged = signBytes(type, body, eve);
    for (const i of good.keys()) {
      const sig = forged[i]?.sig ?? '';
      expect(verify(good.map((one, j) => (i === j ? { ...one, sig } : one)))).toBe(false);
    }
  });

  test('missing, surplus, repeated and reordered signatures are refused', () => {
    expect(verify([])).toBe(false);
    expect(verify(good.slice(1))).toBe(false);
    expect(verify(good.slice(0, -1))).toBe(false);
    expect(verify([...good, ...good])).toBe(false);
    expect(verify([...good, ...signBytes(type, body, eve)])).toBe(false);
    if (good.length > 1) expect(verify(good.toReversed())).toBe(false);
  });

  test('wrong key ids, lengths and spellings are refused', () => {
    const [first, ...rest] = good as [Signature, ...Signature[]];
    const bytes = fromBase64(first.sig);
    const other = eve.card.signing[0]?.id ?? '';
    expect(verify([{ ...first, keyid: other }, ...rest])).toBe(false);
    for (const sig of [
      '',
      base64(bytes.subarray(1)),
      base64(Uint8Array.of(...bytes, 0)),
      `${first.sig}\n`,
      first.sig.replaceAll('=', ''),
      'ü'.repeat(first.sig.length),
    ]) {
      if (sig !== first.sig) expect(verify([{ ...first, sig }, ...rest])).toBe(false);
    }
  });

  test('a card without signing keys verifies nothing, not even no signatures', () => {
    expect(signaturesVerify(type, body, [], { ...ada.card, signing: [] })).toBe(false);
    expect(signaturesVerify(type, body, good, { ...ada.card, signing: [] })).toBe(false);
  });
});

describe('schemas', () => {
  const accepts = (schema: { safeParse(value: unknown): { success: boolean } }, value: unknown) =>
    schema.safeParse(value).success;

  test.each([
    ['2026-11-23T18:49:00Z', true],
    ['2024-02-29T00:00:00Z', true],
    ['2023-02-29T00:00:00Z', false],
    ['2026-11-23T18:49:00.0Z', false],
    ['2026-11-23T18:49Z', false],
    ['2026-11-23T18:49:60Z', false],
    ['2026-11-23T24:00:00Z', false],
    ['2026-11-23T18:49:00+00:00', false],
    ['2026-11-23t18:49:00z', false],
    ['2026-11-23 18:49:00Z', false],
    ['2026-11-23T18:49:00Z\n', false],
    ['+12026-11-23T18:49:00Z', false],
  ])('time %j: %s', (value, fits) => expect(accepts(schemas.time, value)).toBe(fits));

  test('timeOf writes a time', () => {
    expect(timeOf(new Date(Date.UTC(2026, 10, 23, 18, 49, 0, 999)))).toBe('2026-11-23T18:49:00Z');
    expect(accepts(schemas.time, timeOf())).toBe(true);
  });

  test.each([
    ['AAA=', true],
    ['AAB=', false],
    ['AAA', false],
    ['AAAA', false],
    ['AA==', false],
    ['AA A=', false],
    ['_-8=', false],
    ['/+8=', true],
    ['', false],
  ])('two bytes in base64 %j: %s', (value, fits) =>
    expect(accepts(schemas.base64(2), value)).toBe(fits),
  );

  test.each([
    ['0'.repeat(64), true],
    ['A'.repeat(64), false],
    ['0'.repeat(63), false],
    [`${'0'.repeat(64)}\n`, false],
  ])('key id %j: %s', (value, fits) => expect(accepts(schemas.keyId, value)).toBe(fits));
});
