import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { schemas } from '#strongroom/keys/signed.js';
import { characters, cutText, hasLength, printable } from '#strongroom/text.js';
import { names, unfitNames } from './tables/texts.ts';

describe('lengths', () => {
  it('counts code points, not UTF-16 units', () => {
    expect(characters('a\u{1f600}e\u0301')).toBe(4);
    expect(hasLength('\u{1f600}'.repeat(128), 1, 128)).toBe(true);
    expect(hasLength('\u{1f600}'.repeat(129), 1, 128)).toBe(false);
    expect(hasLength('a'.repeat(129), 1, 128)).toBe(false);
    expect(hasLength('', 1, 128)).toBe(false);
  });

  it('cuts between characters', () => {
    expect(cutText('a\u{1f600}\u{1f600}', 2)).toBe('a\u{1f600}');
    expect(cutText('ab', 2)).toBe('ab');
  });
});

const isName = (name: string) => schemas.name().safeParse(name).success;

describe('names', () => {
  it.each(names)('takes %j', (name) => expect(isName(name)).toBe(true));

  it.each(unfitNames)('refuses %j', (name) => expect(isName(name)).toBe(false));
});

describe('printable', () => {
  it.each([
    ['plain text, with spaces', 'plain text, with spaces'],
    ['重み/é/👍', '重み/é/👍'],
    ['a\nb\r\tc', 'a\\u{a}b\\u{d}\\u{9}c'],
    ['\x1b]0;title\x07', '\\u{1b}]0;title\\u{7}'],
    ['\x9b31m', '\\u{9b}31m'],
    ['gpj.\u202eexe', 'gpj.\\u{202e}exe'],
    ['a\u2066b\u2069', 'a\\u{2066}b\\u{2069}'],
    ['a\u200bb\u200d\ufeff', 'a\\u{200b}b\\u{200d}\\u{feff}'],
    ['a\u00a0b\u3000c', 'a\\u{a0}b\\u{3000}c'],
    ['a\u2028b\u2029', 'a\\u{2028}b\\u{2029}'],
    ['soft\u00adhyphen', 'soft\\u{ad}hyphen'],
    ['\u3164\u2800\u115f', '\\u{3164}\\u{2800}\\u{115f}'],
    ['\u{e0041}tag', '\\u{e0041}tag'],
    ['\ud800 \udc00', '\\u{d800} \\u{dc00}'],
    ['\ue000\u{10ffff}', '\\u{e000}\\u{10ffff}'],
  ])('shows %j as %s', (text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it('leaves nothing that a terminal acts on', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u);
      }),
    );
  });
});
