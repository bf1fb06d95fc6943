import { expect, test } from 'vitest';
import { text, utf8 } from '#strongroom/bytes.js';
import { pae } from '#strongroom/crypto/dsse.js';

test('gives the example of the DSSE specification', () => {
  expect(text(pae('http://example.com/HelloWorld', utf8('hello world')))).toBe(
    'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
  );
});

test('counts bytes, and nothing is counted as 0', () => {
  expect(text(pae('', utf8('')))).toBe('DSSEv1 0  0 ');
  expect(text(pae('é', utf8('ß€')))).toBe('DSSEv1 2 é 5 ß€');
});

test('keeps type and body apart', () => {
  expect(pae('a', utf8('b c'))).not.toEqual(pae('a b', utf8('c')));
});
