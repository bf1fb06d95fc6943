/** Names, and documents that people write, for every reader: docs/format.md, "Conventions". */

export const names: readonly string[] = [
  'Ada',
  'Ada Lovelace',
  '\u{1f600}',
  'Łódź',
  '重み',
  'a\u0301',
  '\u{1faf8}',
  '\u{1f600}'.repeat(128),
];

export const unfitNames: readonly string[] = [
  'Ada  fingerprint',
  ' Ada',
  'Ada ',
  'Ada\u00a0\u00a0x',
  'Ada\u3000x',
  'Ada\nx',
  'Ada\x9bx',
  'Ada\u202ex',
  'Ada\u2066x',
  'Ada\u200bx',
  'Ada\u2800x',
  'Ada\ufdd0',
  'Ada\u{1fffe}',
  'Ada\ud800',
  '',
  'x'.repeat(129),
  '\u{1f600}'.repeat(129),
];

const policy = (version: string, more = '') =>
  `{"type": "strongroom/policy", "version": ${version}, "trust": []${more}}`;

/** Policies in a layout that is allowed. */
export const layouts: readonly string[] = [
  policy('1'),
  `\n\t${policy('1')}\r\n`,
  '{"version":1,"trust":[],"type":"strongroom\\u002fpolicy"}',
];

/** Policies that some JSON parsers read as the first of `layouts`. */
export const badLayouts: readonly (readonly [name: string, text: string])[] = [
  ['a fraction', policy('1.0')],
  ['an exponent', policy('1e0')],
  ['an exponent of a fraction', policy('0.1E+1')],
  ['a leading zero', policy('01')],
  ['a plus', policy('+1')],
  ['a member twice', policy('1', ', "version": 1')],
  ['a member twice, spelled differently', policy('1', ', "\\u0076ersion": 1')],
  ['__proto__', policy('1', ', "__proto__": {}')],
  ['a comma at the end', policy('1', ',')],
  ['a comment', `${policy('1')} // all of it`],
  ['a byte order mark', `\ufeff${policy('1')}`],
  ['nothing', ''],
];
