import { closeSync, fstatSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { concat, text, utf8 } from '#strongroom/bytes.js';
import {
  normalizePassphrase,
  passphraseFromFd,
  passphraseFromFile,
} from '#strongroom/keys/passphrase.js';
import { codeOf, refusal } from './helpers.ts';

const directory = mkdtempSync(join(tmpdir(), 'strongroom-passphrase-'));
afterAll(() => rmSync(directory, { recursive: true }));

const path = join(directory, 'passphrase');
const fromFile = async (content: Uint8Array | string) => {
  writeFileSync(path, content);
  return text(await passphraseFromFile(path));
};

test.each([
  ['secret', 'secret'],
  ['secret\n', 'secret'],
  ['secret\r\n', 'secret'],
  ['secret\n\n', 'secret\n'],
  [' two words \n', ' two words '],
  ['Zu\u0308rich\n', 'Zürich'],
  ['x'.repeat(65536), 'x'.repeat(65536)],
  [`${'x'.repeat(65536)}\r\n`, 'x'.repeat(65536)],
])('a passphrase is all but one trailing newline', async (content, passphrase) => {
  expect(await fromFile(content)).toBe(passphrase);
});

test.each([
  ['nothing', ''],
  ['a mere newline', '\n'],
  ['one byte too many', 'x'.repeat(65537)],
  ['far too many', 'x'.repeat(200_000)],
])('%s is refused', async (_, content) => {
  expect(await codeOf(() => fromFile(content))).toBe('USAGE');
});

test('what is not UTF-8 is refused without showing it', async () => {
  const error = await refusal(() => fromFile(concat(utf8('hunter2'), Uint8Array.of(0xc3))));
  expect(error.code).toBe('USAGE');
  expect(`${error.message} ${error.hint} ${error.cause}`).not.toContain('hunter');
});

test('a path that cannot be read is named', async () => {
  const missing = join(directory, 'missing');
  expect(await refusal(() => passphraseFromFile(missing))).toMatchObject({
    code: 'NOT_FOUND',
    file: missing,
  });
  expect(await refusal(() => passphraseFromFile(directory))).toMatchObject({
    code: 'IO',
    file: directory,
  });
});

test('a file descriptor is read to its end and stays open', async () => {
  writeFileSync(path, 'secret\n');
  const fd = openSync(path, 'r');
  expect(text(await passphraseFromFd(fd))).toBe('secret');
  expect(fstatSync(fd).size).toBe(7);
  closeSync(fd);
  const error = await refusal(() => passphraseFromFd(fd));
  expect(error).toMatchObject({ code: 'IO', message: expect.stringContaining('file descriptor') });
});

test('normalizing gives a copy', () => {
  const bytes = utf8('secret');
  const copy = normalizePassphrase(bytes);
  bytes.fill(0);
  expect(text(copy)).toBe('secret');
});
