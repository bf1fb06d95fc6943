import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { hex, text, utf8 } from '#strongroom/bytes.js';
import { encodeJson } from '#strongroom/json.js';
import { execAnchor } from '#strongroom/keys/anchor/exec/anchor.js';
import {
  createIdentity,
  decodeIdentity,
  encodeIdentity,
  type Identity,
  identityProtection,
  isProtected,
} from '#strongroom/keys/identity.js';
import { codeOf, refusal, suiteNames } from '../helpers.ts';
import { program, sample } from './program.ts';

const directory = mkdtempSync(join(tmpdir(), 'strongroom-anchor-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const made = (name: string, body: string) => program(directory, name, body);
const good = made('good', sample());
const anchorOf = (path: string, more: object = {}) =>
  execAnchor({ program: path, stderr: 'ignore', ...more });
const keep = async (identity: Identity, path = good) =>
  encodeIdentity(identity, await anchorOf(path).prepare(identity.card));
const openWith = (file: Uint8Array, path = good) =>
  decodeIdentity(file, undefined, [anchorOf(path)]);

describe.each(suiteNames)('an identity of suite %s behind a program', (suite) => {
  test('is read as it was written, and not without the program', async () => {
    const ada = createIdentity({ name: 'Ada', suite });
    const file = await keep(ada);
    const again = await openWith(file);
    expect([again.kemSeed, ...again.signingSeeds]).toEqual([ada.kemSeed, ...ada.signingSeeds]);
    expect(isProtected(file)).toBe(true);
    expect(identityProtection(file)).toMatchObject({ anchor: 'exec', program: 'good.cjs' });
    for (const seed of [ada.kemSeed, ...ada.signingSeeds]) {
      expect(text(file)).not.toContain(hex(seed));
    }
    expect((await refusal(() => decodeIdentity(file))).code).toBe('ANCHOR_NEEDED');
  });
});

describe('what the program is told', () => {
  test('whose identity it is, by pipes alone', async () => {
    const log = join(directory, 'log');
    const path = made(
      'logs',
      `appendFileSync(${JSON.stringify(log)}, JSON.stringify({ header, payload: payload.length,
        argv: process.argv.slice(2), env: Object.keys(process.env) }) + '\\n');${sample()}`,
    );
    const ada = createIdentity({ name: 'Ada' });
    await openWith(await keep(ada, path), path);
    const calls = readFileSync(log, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const { name, fingerprint } = ada.card;
    expect(calls.map(({ header }) => header)).toEqual(
      ['wrap', 'unwrap', 'unwrap'].map((operation) => ({
        fingerprint,
        name,
        operation,
        type: 'strongroom/anchor',
        version: 1,
      })),
    );
    expect(calls.map(({ payload }) => payload)).toEqual([32, 60, 60]);
    for (const { argv, env } of calls) {
      expect(argv).toEqual([]);
      expect(env.filter((one: string) => !(one in process.env))).toEqual([]);
    }
  });
});

describe('a file that was changed', () => {
  const changed = async (change: (header: Record<string, unknown>) => object, line?: string) => {
    const [header = '', secret = ''] = text(await keep(createIdentity({ name: 'Ada' }))).split(
      '\n',
    );
    return utf8(`${text(encodeJson(change(JSON.parse(header))))}\n${line ?? secret}\n`);
  };
  const within = (change: object) => (header: Record<string, unknown>) => ({
    ...header,
    protection: { ...(header.protection as object), ...change },
  });

  test.each([
    { program: '' },
    { program: 'x'.repeat(256) },
    { program: 'a\u0007b' },
    { wrapped: '' },
    { wrapped: 'AA' },
    { wrapped: Buffer.alloc(4097).toString('base64') },
    { anchor: 'tpm' },
    { kdf: 'none' },
    { command: ['rm'] },
  ])('to %j is refused before anything runs', async (change) => {
    const file = await changed(within(change));
    expect(await codeOf(() => openWith(file, '/nowhere'))).toBe('IDENTITY_INVALID');
  });

  test('in its informative name does not open', async () => {
    const error = await refusal(async () => openWith(await changed(within({ program: 'other' }))));
    expect(error.code).toBe('ANCHOR_REFUSED');
  });

  test('to the card of another is refused by the program', async () => {
    const eve = createIdentity({ name: 'Eve' });
    const file = await changed((header) => ({ ...header, card: eve.card.document }));
    expect(await codeOf(() => openWith(file))).toBe('ANCHOR_REFUSED');
  });
});

describe('a program that fails', () => {
  const ada = createIdentity({ name: 'Ada' });

  test.each([
    ['is silent', '', /one line of base64/],
    ['answers no base64', `writeSync(1, 'key=abc\\n');`, /one line of base64/],
    ['answers two lines', `answer(payload); answer(payload);`, /one line of base64/],
    ['fails', 'process.exit(7);', /status 7/],
    ['is killed', `process.kill(process.pid, 'SIGTERM'); setTimeout(() => {}, 9999);`, /SIGTERM/],
    ['answers without end', `for (;;) writeSync(1, 'A'.repeat(4096));`, /more than 8192 bytes/],
    ['wraps too long', `answer(Buffer.alloc(4097));`, /over 4096 bytes/],
    ['copies', 'answer(payload);', /in the clear/],
    [
      'unwraps another key',
      `answer(header.operation === 'wrap' ? randomBytes(60) : randomBytes(32));`,
      /another key/,
    ],
    [
      'unwraps a short key',
      `answer(header.operation === 'wrap' ? randomBytes(60) : randomBytes(31));`,
      /31 bytes for a key of 32/,
    ],
  ])('because it %s makes no identity', async (name, body, words) => {
    const path = made(name.replaceAll(' ', '-'), body);
    const error = await refusal(() => anchorOf(path).prepare(ada.card));
    expect(error.code).toBe('ANCHOR_UNAVAILABLE');
    expect(error.message).toMatch(words);
  });

  test('by being slow is ended, whatever it started', async () => {
    const path = made(
      'slow',
      `require('node:child_process').spawn('sleep', ['30'], { stdio: 'inherit' });`,
    );
    const error = await refusal(() =>
      anchorOf(path, { timeoutMilliseconds: 300 }).prepare(ada.card),
    );
    expect(error.message).toMatch(/did not answer within 0.3 seconds/);
  });

  test('to open says so: another key, or none', async () => {
    const file = await keep(ada);
    const other = made('other', sample('22'.repeat(32)));
    expect(await codeOf(() => openWith(file, other))).toBe('ANCHOR_REFUSED');
    const wrong = made('wrong', 'answer(randomBytes(32));');
    expect(await codeOf(() => openWith(file, wrong))).toBe('ANCHOR_REFUSED');
    expect((await refusal(() => openWith(file, join(directory, 'none')))).message).toMatch(
      /is not there/,
    );
    const plain = join(directory, 'plain');
    writeFileSync(plain, 'text', { mode: 0o644 });
    expect((await refusal(() => openWith(file, plain))).message).toMatch(/not executable/);
  });
});
