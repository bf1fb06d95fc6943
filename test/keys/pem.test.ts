import { execFileSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, fromHex, hex, isZero, text, utf8 } from '#strongroom/bytes.js';
import { createIdentity, type Identity } from '#strongroom/keys/identity.js';
import { exportPrivatePem, exportPublicPem, importPem } from '#strongroom/keys/pem.js';
import { codeOf, refusal, suiteNames } from './helpers.ts';

const details = { name: 'Imported', now: '2026-11-23T18:49:00Z' };
const read = (pem: string) => importPem(utf8(pem), details);
const secretsOf = ({ kemSeed, signingSeeds }: Identity) => [kemSeed, ...signingSeeds];
const blocksOf = (pem: string) => pem.match(/-----BEGIN[\s\S]*?-----END .*-----\n/g) ?? [];
const block = (label: string, der: Uint8Array) =>
  `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64')}\n-----END ${label}-----\n`;

describe.each(suiteNames)('PEM of suite %s', (suite) => {
  const ada = createIdentity({ name: 'Ada ❤', suite });
  const secret = text(exportPrivatePem(ada));
  const open = exportPublicPem(ada.card);

  test('has a block for every key, each after a line that says which', () => {
    const names = [ada.card.suite.kem, ...ada.card.suite.signatures].map(({ name }) => name);
    const lines = (pem: string) => pem.split('\n').filter((line) => line.startsWith('Strongroom'));
    expect(lines(open)).toEqual(names.map((name) => `Strongroom card Ada ?: ${name}`));
    expect(lines(secret)).toEqual(names.map((name) => `Strongroom identity Ada ?: ${name}`));
    for (const line of `${open}${secret}`.split('\n')) expect(line.length).toBeLessThanOrEqual(64);
  });

  test('of private keys makes an identity with a card of its own', () => {
    const { card, identity } = read(secret);
    expect(identity && secretsOf(identity)).toEqual(secretsOf(ada));
    expect(card).toMatchObject({ name: 'Imported', imported: false, created: details.now });
    expect(card.fingerprint).toBe(ada.card.fingerprint);
    expect(card).toBe(identity?.card);
  });

  test('of public keys makes an imported card', () => {
    const { card, identity } = read(open);
    expect(identity).toBeUndefined();
    expect(card).toMatchObject({ name: 'Imported', imported: true });
    expect([card.kem, ...card.signing]).toEqual([ada.card.kem, ...ada.card.signing]);
    expect(exportPublicPem(card)).toBe(open.replaceAll('Ada ?', 'Imported'));
  });

  test('of the KEM key alone makes a recipient', () => {
    const [kem = ''] = blocksOf(open);
    const { card } = read(kem);
    expect(card).toMatchObject({ imported: true, kem: ada.card.kem, signing: [] });
    expect(blocksOf(exportPublicPem(card))).toEqual([kem]);
  });

  test('is taken in any order and layout, with text around', () => {
    const blocks = blocksOf(secret).toReversed();
    for (const pem of [
      blocks.join(''),
      blocks.join('some text\n -----BEGIN PRIVATE KEY-----\nmore text -----BEGIN X\n'),
      secret.replaceAll('\n', '\r\n'),
      secret.replaceAll('\n', '\r'),
      secret.replace(/(?<=[A-Za-z0-9+/=])\n(?=[A-Za-z0-9+/=]+\n)/g, ''),
      secret.trimEnd(),
    ]) {
      expect(read(pem).identity?.kemSeed).toEqual(ada.kemSeed);
    }
  });

  test('with a missing, repeated, mixed or foreign key is refused', async () => {
    const other = createIdentity({ name: 'x', suite: suite === 'hybrid' ? 'cnsa2' : 'hybrid' });
    const [secrets, publics] = [blocksOf(secret), blocksOf(open)];
    for (const i of secrets.keys()) {
      const without = secrets.filter((_, j) => i !== j).join('');
      expect(await codeOf(() => read(without))).toBe('PEM_INVALID');
      expect(await codeOf(() => read(secret + secrets[i]))).toBe('PEM_INVALID');
      const mixed = await refusal(() => read(open + secrets[i]));
      expect(mixed).toMatchObject({ code: 'PEM_INVALID', message: expect.stringMatching(/both/) });
      if (i > 0) expect(await codeOf(() => read(`${publics[i]}`))).toBe('PEM_INVALID');
    }
    expect(await codeOf(() => read(open + exportPublicPem(other.card)))).toBe('SUITE_MISMATCH');
    const wanted = () => importPem(utf8(open), { ...details, suite: other.card.suite.name });
    expect(await codeOf(wanted)).toBe('SUITE_MISMATCH');
    expect(importPem(utf8(open), { ...details, suite }).card.suite.name).toBe(suite);
  });

  test('with any byte flipped gives other keys or a refusal, never a crash', async () => {
    const bytes = utf8(open);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(bytes.length - 1),
        fc.integer({ min: 1, max: 255 }),
        async (at, bits) => {
          const flipped = bytes.slice();
          flipped[at] = (flipped[at] ?? 0) ^ bits;
          const code = await codeOf(() => {
            importPem(flipped, details);
            // Text around blocks, and most bits of a public key, are free
            throw Object.assign(new Error(), { accepted: true });
          }).catch((error: { accepted?: boolean }) => {
            if (error.accepted) return 'accepted';
            throw error;
          });
          expect(code).toMatch(/^(accepted|(PEM|KEY)_INVALID)$/);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('of a wrong length is refused', async () => {
    const [kem = ''] = blocksOf(open);
    const der = Buffer.from(kem.split('\n').slice(1, -2).join(''), 'base64');
    for (const changed of [der.subarray(0, -1), concat(der, Uint8Array.of(0))]) {
      const error = await refusal(() => read(block('PUBLIC KEY', changed)));
      expect(error).toMatchObject({
        code: 'PEM_INVALID',
        message: expect.stringContaining(ada.card.suite.kem.name),
      });
    }
  });

  test('of a public key that fails its checks is refused', async () => {
    const { spkiPrefix } = ada.card.suite.kem;
    const kem = ada.card.kem.publicKey.slice().fill(0xff, 0, 384);
    const pem = block('PUBLIC KEY', concat(spkiPrefix, kem));
    expect(await codeOf(() => read(pem))).toBe('KEY_INVALID');
  });
});

// The seed of the examples in RFC 9881 and RFC 9935: 00, 01, 02 and so on
const examples = `
-----BEGIN PRIVATE KEY-----
MFQCAQAwCwYJYIZIAWUDBAQDBEKAQAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ
GhscHR4fICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=
-----END PRIVATE KEY-----
-----BEGIN PRIVATE KEY-----
MDQCAQAwCwYJYIZIAWUDBAMTBCKAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ
GhscHR4f
-----END PRIVATE KEY-----
`;

test('the examples of the RFCs are read, and their fingerprint stays', () => {
  const { identity } = read(examples);
  const count = (length: number) => Uint8Array.from({ length }, (_, i) => i);
  expect(identity && secretsOf(identity).map(hex)).toEqual([hex(count(64)), hex(count(32))]);
  expect(identity?.card.fingerprint).toBe('MYQBF-62QBT-Q78JN-26XAW-C4K1Q');
});

describe('what no suite takes', () => {
  test.each([
    ['RSA', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['elliptic curve', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['X25519', () => generateKeyPairSync('x25519')],
    ['Ed448', () => generateKeyPairSync('ed448')],
  ] as const)('a key for %s is named', async (name, make) => {
    const { privateKey, publicKey } = make();
    for (const pem of [
      privateKey.export({ format: 'pem', type: 'pkcs8' }),
      publicKey.export({ format: 'pem', type: 'spki' }),
    ]) {
      const error = await refusal(() => read(String(pem)));
      expect(error).toMatchObject({ code: 'PEM_INVALID', message: expect.stringContaining(name) });
      expect(error.hint).toContain('X-Wing, ML-DSA-65, Ed25519, ML-KEM-1024, ML-DSA-87');
    }
  });

  const bytes = new Uint8Array(3168);
  test.each([
    [
      'seed and expanded key',
      concat(
        fromHex('30820cc0'),
        fromHex('0440'),
        bytes.subarray(0, 64),
        fromHex('04820c60'),
        bytes,
      ),
    ],
    ['expanded key', concat(fromHex('04820c60'), bytes)],
  ])('a private key as %s is named, with the way to convert it', async (_, inner) => {
    const length = (of: Uint8Array) => Uint8Array.of(0x82, of.length >> 8, of.length & 255);
    const body = concat(
      fromHex('020100300b0609608648016503040403'),
      Uint8Array.of(4),
      length(inner),
      inner,
    );
    const der = concat(Uint8Array.of(0x30), length(body), body);
    const error = await refusal(() => read(block('PRIVATE KEY', der)));
    expect(error).toMatchObject({
      code: 'PEM_INVALID',
      hint: expect.stringContaining('seed-only'),
    });
    expect(error.message).toMatch(/ML-KEM-1024.*not a bare seed/);
  });

  test('other blocks are named', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const options = {
      format: 'pem',
      type: 'pkcs8',
      cipher: 'aes-256-cbc',
      passphrase: 'x',
    } as const;
    const encrypted = await refusal(() => read(String(privateKey.export(options))));
    expect(encrypted.message).toContain('ENCRYPTED PRIVATE KEY');
    expect(encrypted.hint).toContain('decrypt');
    for (const label of ['CERTIFICATE', 'RSA PRIVATE KEY', 'X509 CRL']) {
      const error = await refusal(() => read(block(label, Uint8Array.of(0x30, 0))));
      expect(error).toMatchObject({ code: 'PEM_INVALID' });
      expect(error.message).toContain(label);
    }
  });

  const [kem = ''] = blocksOf(examples);
  test.each([
    ['nothing', ''],
    ['no block', 'just text\n'],
    ['a block without an end', kem.replace(/-----END[\s\S]*/, '')],
    ['another end', kem.replace('END PRIVATE', 'END PUBLIC')],
    ['base64 that is cut', kem.replace('8=\n', '8\n')],
    ['a character outside of base64', kem.replace('MFQ', 'MF-')],
    ['headers inside the block', kem.replace('MFQ', 'Proc-Type: 4,ENCRYPTED\n\nMFQ')],
    ['an empty block', block('PRIVATE KEY', new Uint8Array())],
    ['a few bytes', block('PUBLIC KEY', Uint8Array.of(1, 2, 3))],
    ['too many bytes', `${examples}${' '.repeat(131072)}`],
  ])('%s is refused', async (_, pem) => {
    expect(await codeOf(() => read(pem))).toBe('PEM_INVALID');
  });

  test('details that are not fit for a card are refused', async () => {
    expect(await codeOf(() => importPem(utf8(examples), { name: '' }))).toBe('USAGE');
  });
});

test('what was imported is wiped with the identity, and not with its source', () => {
  const source = utf8(examples);
  const { identity } = importPem(source, details);
  identity?.wipe();
  expect(identity && secretsOf(identity).every(isZero)).toBe(true);
  expect(text(source)).toBe(examples);
});

const pems = suiteNames.flatMap((suite) => {
  const ada = createIdentity({ name: 'Ada', suite });
  const privates = blocksOf(text(exportPrivatePem(ada)));
  const publics = blocksOf(exportPublicPem(ada.card));
  const rows = [ada.card.suite.kem, ...ada.card.suite.signatures];
  return rows.map(({ name }, i) => ({ name, secret: privates[i] ?? '', open: publics[i] ?? '' }));
});

/** Which of our algorithms an OpenSSL of this version knows; X-Wing is in none. */
const known = (version: string) => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const lattice = major > 3 || (major === 3 && minor >= 5);
  return pems.filter(({ name }) => name === 'Ed25519' || (lattice && name.startsWith('ML-')));
};

describe('node:crypto', () => {
  const openssl = process.versions.openssl ?? '';
  test.each(known(openssl))('reads what is written for $name, and writes the same', (pem) => {
    const privateKey = createPrivateKey(pem.secret);
    expect(createPublicKey(pem.open).export({ format: 'pem', type: 'spki' })).toBe(pem.open);
    const derived = createPublicKey(privateKey).export({ format: 'pem', type: 'spki' });
    expect(derived).toBe(pem.open);
    expect(privateKey.export({ format: 'pem', type: 'pkcs8' })).toBe(pem.secret);
  });
});

const openssl =
  (...args: readonly string[]) =>
  (input: string) =>
    execFileSync('openssl', args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] });

const opensslVersion = (() => {
  try {
    return /^OpenSSL (\S+)/.exec(openssl('version')(''))?.[1];
  } catch {
    return undefined;
  }
})();

describe.skipIf(opensslVersion === undefined)('the openssl command', () => {
  test.each(known(opensslVersion ?? ''))('reads what is written for $name', ({ secret, open }) => {
    expect(openssl('pkey', '-pubout')(secret)).toBe(open);
    expect(openssl('pkey', '-pubin')(open)).toBe(open);
  });
});
