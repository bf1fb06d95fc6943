import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, hex, isZero, text, utf8 } from '#strongroom/bytes.js';
import { encodeJson } from '#strongroom/json.js';
import {
  createIdentity,
  decodeIdentity,
  encodeIdentity,
  type Identity,
  identityCard,
  isProtected,
} from '#strongroom/keys/identity.js';
import { cheap, codeOf, refusal, suiteNames } from './helpers.ts';

const passphrase = utf8('correct horse');
const typed = async () => passphrase.slice();
const notAsked = async (): Promise<Uint8Array> => {
  throw new Error('asked for a passphrase');
};
const secretsOf = ({ kemSeed, signingSeeds }: Identity) => [kemSeed, ...signingSeeds];

/** The file with other members of the first line, and perhaps another second line. */
function rewritten(file: Uint8Array, change: (header: never) => unknown, line?: string) {
  const [header = '', secret = ''] = text(file).split('\n');
  const changed = text(encodeJson(change(JSON.parse(header) as never)));
  return utf8(`${changed}\n${line ?? secret}\n`);
}

describe.each(suiteNames)('an identity of suite %s', (suite) => {
  const ada = createIdentity({ name: 'Ada', suite });
  const eve = createIdentity({ name: 'Eve', suite });
  const plain = encodeIdentity(ada, 'none');
  const locked = encodeIdentity(ada, { passphrase, cost: cheap });

  test('has fresh seeds of the lengths of its suite', () => {
    const { kem, signatures } = ada.card.suite;
    expect(secretsOf(ada).map(({ length }) => length)).toEqual(
      [kem, ...signatures].map(({ seedBytes }) => seedBytes),
    );
    expect(hex(ada.kemSeed)).not.toBe(hex(eve.kemSeed));
    expect(isZero(ada.kemSeed)).toBe(false);
  });

  test('is read as it was written, unprotected', async () => {
    const again = await decodeIdentity(plain, notAsked);
    expect(again.card).toEqual(ada.card);
    expect(secretsOf(again)).toEqual(secretsOf(ada));
    expect(isProtected(plain)).toBe(false);
    expect(text(plain).split('\n')).toHaveLength(3);
    expect(text(plain)).toContain(`\n${secretsOf(ada).map(hex).join('')}\n`);
  });

  test('is read as it was written, under its passphrase', async () => {
    const given = passphrase.slice();
    const again = await decodeIdentity(locked, async () => given);
    expect(secretsOf(again)).toEqual(secretsOf(ada));
    expect(isProtected(locked)).toBe(true);
    expect(isZero(given)).toBe(true);
    for (const seed of secretsOf(ada)) expect(text(locked)).not.toContain(hex(seed));
  });

  test('needs its passphrase', async () => {
    expect(await codeOf(() => decodeIdentity(locked))).toBe('PASSPHRASE_NEEDED');
    for (const wrong of ['correct horse\n', 'Correct horse', 'x']) {
      const read = () => decodeIdentity(locked, async () => utf8(wrong));
      expect(await codeOf(read)).toBe('PASSPHRASE_WRONG');
    }
  });

  test('is bound to its card: the first line of another is refused', async () => {
    const swapped = rewritten(locked, (header: object) => ({
      ...header,
      card: eve.card.document,
    }));
    expect(await codeOf(() => decodeIdentity(swapped, typed))).toBe('PASSPHRASE_WRONG');
    const plainSwapped = rewritten(plain, (header: object) => ({
      ...header,
      card: eve.card.document,
    }));
    expect(await codeOf(() => decodeIdentity(plainSwapped))).toBe('IDENTITY_INVALID');
  });

  const secretLine = plain.lastIndexOf(0x0a, plain.length - 2) + 1;
  // ML-KEM's z only feeds implicit rejection (FIPS 203, algorithm 18): no public key shows it
  const unbound = suite === 'cnsa2' ? [secretLine + 64, secretLine + 128] : [0, 0];
  const isBound = (at: number) => at < (unbound[0] ?? 0) || at >= (unbound[1] ?? 0);

  test('with any byte flipped is refused, and no error shows a secret', async () => {
    const flips = (file: Uint8Array) =>
      fc.tuple(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }));
    const refuses = async (file: Uint8Array, [at, bits]: [number, number]) => {
      const flipped = file.slice();
      flipped[at] = (flipped[at] ?? 0) ^ bits;
      const error = await refusal(() => decodeIdentity(flipped, typed));
      expect(error.code).toMatch(/^(IDENTITY_INVALID|PASSPHRASE_WRONG)$/);
      for (const seed of secretsOf(ada)) expect(error.message).not.toContain(hex(seed));
    };
    const bound = flips(plain).filter(([at]) => isBound(at));
    await fc.assert(
      fc.asyncProperty(bound, (flip) => refuses(plain, flip)),
      { numRuns: 40 },
    );
    await fc.assert(
      fc.asyncProperty(flips(locked), (flip) => refuses(locked, flip)),
      { numRuns: 40 },
    );
  });

  test('with any other digit of a secret is refused, in every seed', async () => {
    for (let at = secretLine; at < plain.length - 1; at += 16) {
      if (!isBound(at)) continue;
      const changed = plain.slice();
      changed[at] = changed[at] === 0x30 ? 0x31 : 0x30;
      expect(await codeOf(() => decodeIdentity(changed))).toBe('IDENTITY_INVALID');
    }
  });

  test('in another layout is refused before a passphrase is asked for', async () => {
    const source = text(locked);
    const [header, secret = ''] = source.split('\n');
    for (const again of [
      source.trimEnd(),
      `${source.trimEnd()} `,
      `${source}\n`,
      source.replaceAll('\n', '\r\n'),
      `${header}\n${secret.toUpperCase()}\n`,
      `${header}\n${secret.slice(2)}\n`,
      `${header}\n${secret.slice(1)}\n`,
      `${header}\n${secret}00\n`,
      `${header}\n${secret.slice(1)} \n`,
      `${header}\n\n`,
      `${header}\n`,
      ` ${source}`,
      '',
      '\n',
      '\n\n',
    ]) {
      const read = () => decodeIdentity(utf8(again), notAsked);
      expect(await codeOf(read)).toBe('IDENTITY_INVALID');
    }
    const long = concat(plain, new Uint8Array(131073).fill(0x30));
    expect(await codeOf(() => decodeIdentity(long, notAsked))).toBe('IDENTITY_INVALID');
  });

  test('shows its card without its secrets', async () => {
    expect(identityCard(plain)).toEqual(ada.card);
    expect(identityCard(locked)).toEqual(ada.card);
    const unsigned = rewritten(plain, (header: { card: object }) => ({
      ...header,
      card: { ...header.card, signatures: eve.card.document.signatures },
    }));
    expect(await codeOf(() => identityCard(unsigned))).toBe('IDENTITY_INVALID');
  });

  test('is wiped', async () => {
    const again = await decodeIdentity(plain);
    again.wipe();
    for (const seed of secretsOf(again)) expect(isZero(seed)).toBe(true);
    expect(isZero(ada.kemSeed)).toBe(false);
  });
});

describe('the protection of an identity', () => {
  const ada = createIdentity({ name: 'Ada', suite: 'cnsa2' });
  const locked = encodeIdentity(ada, { passphrase, cost: cheap });
  const withProtection = (change: object) =>
    rewritten(locked, (header: { protection: object }) => ({
      ...header,
      protection: { ...header.protection, ...change },
    }));

  test.each([
    { memory: 1048577 },
    { memory: 2 ** 53 - 1 },
    { memory: 31 },
    { memory: 0 },
    { memory: -1 },
    { memory: 32.5 },
    { memory: '32' },
    { passes: 17 },
    { passes: 0 },
    { parallelism: 17, memory: 1024 },
    { parallelism: 0 },
    { parallelism: 5 },
    { salt: 'AAAAAAAAAAAAAAAAAAAAAA' },
    { salt: 'AAAAAAAAAAAAAAAAAAAA' },
    { salt: '' },
    { kdf: 'argon2i' },
    { kdf: 'none' },
    { extra: 1 },
  ])('%j is refused before a passphrase is asked for', async (change) => {
    const read = () => decodeIdentity(withProtection(change), notAsked);
    expect(await codeOf(read)).toBe('IDENTITY_INVALID');
  });

  test.each([{ memory: 33 }, { passes: 2 }, { parallelism: 3 }])(
    '%j instead of what was used gives another key',
    async (change) => {
      const read = () => decodeIdentity(withProtection(change), typed);
      expect(await codeOf(read)).toBe('PASSPHRASE_WRONG');
    },
  );

  test('costs what the format says unless told otherwise', async () => {
    const file = encodeIdentity(ada, { passphrase });
    expect(JSON.parse(text(file).split('\n')[0] ?? '').protection).toMatchObject({
      memory: 65536,
      passes: 3,
      parallelism: 4,
    });
    expect((await decodeIdentity(file, typed)).kemSeed).toEqual(ada.kemSeed);
  });

  test('is never written with a cost that no reader takes', async () => {
    const cost = { memory: 31, passes: 1, parallelism: 4 };
    expect(await codeOf(() => encodeIdentity(ada, { passphrase, cost }))).toBe('USAGE');
  });

  test('takes a passphrase in either Unicode form', async () => {
    const [composed, decomposed] = ['Zürich', 'Zürich'].map((word, i) =>
      utf8(word.normalize(i === 0 ? 'NFC' : 'NFD')),
    ) as [Uint8Array, Uint8Array];
    expect(hex(composed)).not.toBe(hex(decomposed));
    const file = encodeIdentity(ada, { passphrase: decomposed, cost: cheap });
    expect((await decodeIdentity(file, async () => composed)).kemSeed).toEqual(ada.kemSeed);
  });

  test('wants a passphrase that is text and not empty', async () => {
    for (const bad of [new Uint8Array(), Uint8Array.of(0xff, 0xfe)]) {
      expect(await codeOf(() => encodeIdentity(ada, { passphrase: bad, cost: cheap }))).toBe(
        'USAGE',
      );
    }
  });

  test('uses a new salt and nonce every time', () => {
    expect(hex(encodeIdentity(ada, { passphrase, cost: cheap }))).not.toBe(hex(locked));
  });
});
