import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { text, utf8 } from '#strongroom/bytes.js';
import { base64Decode, base64Lines, hexDecode, hexEncode } from '#strongroom/keys/secret-text.js';

const bytes = fc.uint8Array({ maxLength: 200 });
const plain = (value: Uint8Array | undefined) => value && Buffer.from(value).toString('hex');

describe('hex', () => {
  test('is what others write, both ways', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        const digits = Buffer.from(value).toString('hex');
        expect(text(hexEncode(value))).toBe(digits);
        expect(plain(hexDecode(utf8(digits)))).toBe(digits);
      }),
    );
  });

  test.each(['a', '0A', 'g0', '0 ', '0x00', '00\n0'])('%j is refused', (digits) => {
    expect(hexDecode(utf8(digits))).toBeUndefined();
  });
});

describe('base64', () => {
  test('is what others write, both ways, in lines of 64', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        const digits = Buffer.from(value).toString('base64');
        expect(text(base64Lines(value))).toBe(digits.replace(/.{1,64}/g, '$&\n'));
        expect(plain(base64Decode(utf8(digits)))).toBe(plain(value));
        expect(plain(base64Decode(base64Lines(value)))).toBe(plain(value));
      }),
    );
  });

  test('is taken with whitespace anywhere', () => {
    expect(plain(base64Decode(utf8('\r\n A Q\tI\n=\r')))).toBe('0102');
  });

  test.each([
    'A',
    'AA',
    'AAA',
    'AA=',
    'A===',
    '====',
    'AA=A',
    'AA==AA==',
    'AB==',
    'AAB=',
    'AA-_',
    'AÄ==',
  ])('%j is refused', (digits) => {
    expect(base64Decode(utf8(digits))).toBeUndefined();
  });
});
