/** Paths for every reader: docs/format.md, "Paths and entries" and "Folding". */

const component = 'x'.repeat(255);
const long = `${`${'d'.repeat(127)}/`.repeat(31)}${'e'.repeat(128)}`;

export const safePaths: readonly string[] = [
  'model.safetensors',
  '.gitattributes',
  'a/b/c',
  'a b/c d',
  '...a',
  'console',
  'com',
  'com10',
  'nul0/aux-1',
  'x.con',
  'lpt/¹',
  // Only ASCII has case here: dotless i, fullwidth letters
  'CON\u0131N$',
  '\uff23\uff2f\uff2e',
  // Not assigned, or since Unicode 17.0, or for private use
  'a\u{e1000}',
  'a\u{1faea}',
  'a\ue000',
  '重み/モデル.bin',
  'e\u0301te',
  '👩‍💻.txt',
  component,
  `${'é'.repeat(127)}x`,
  `${'a/'.repeat(99)}a`,
  long,
];

/** Each with the rule that it breaks. */
export const unsafePaths: readonly (readonly [path: string, rule: string])[] = [
  ['', 'it is empty'],
  ['/', 'it is absolute'],
  ['/etc/passwd', 'it is absolute'],
  ['a\ud800b', 'it is not well-formed Unicode'],
  [`${long}/x`, 'it is over 4096 bytes'],
  [`${'é'.repeat(127)}/`.repeat(17), 'it is over 4096 bytes'],
  ['a\0b', 'it has a control character'],
  ['a\nb', 'it has a control character'],
  ['a\x7f', 'it has a control character'],
  ['a\x9bm', 'it has a control character'],
  ['a\ufdd0', 'it has a code point that is never a character'],
  ['a\u{10ffff}', 'it has a code point that is never a character'],
  ['a\\..\\b', 'it has a backslash'],
  ['C:/x', 'it has a colon'],
  ['model:stream', 'it has a colon'],
  ['a//b', 'a component is empty'],
  ['a/', 'a component is empty'],
  ['.', 'a component is "." or ".."'],
  ['..', 'a component is "." or ".."'],
  ['a/../b', 'a component is "." or ".."'],
  ['a/./b', 'a component is "." or ".."'],
  [`${'a/'.repeat(100)}a`, 'it has over 100 components'],
  [`a/${component}x`, 'a component is over 255 bytes'],
  ['é'.repeat(128), 'a component is over 255 bytes'],
  ['a./b', 'a component ends in a dot or a space'],
  ['a/b ', 'a component ends in a dot or a space'],
  ['a/...', 'a component ends in a dot or a space'],
  ['CON', 'a component is a name that Windows reserves'],
  ['a/nul', 'a component is a name that Windows reserves'],
  ['Aux.tar.gz', 'a component is a name that Windows reserves'],
  ['prn .txt', 'a component is a name that Windows reserves'],
  ['com0/x', 'a component is a name that Windows reserves'],
  ['LPT9.bin', 'a component is a name that Windows reserves'],
  ['com¹', 'a component is a name that Windows reserves'],
  ['lpt³.x', 'a component is a name that Windows reserves'],
  ['CONIN$', 'a component is a name that Windows reserves'],
  ['conout$.txt', 'a component is a name that Windows reserves'],
];

export interface Listed {
  readonly type: 'file' | 'directory';
  readonly path: string;
}

export const files = (...paths: string[]): Listed[] =>
  paths.map((path) => ({ type: 'file', path }));
const directory = (path: string): Listed => ({ type: 'directory', path });

/** Entries that are one on some file system, or of which one is in the other's way. */
export const collisions: readonly (readonly [name: string, entries: readonly Listed[]])[] = [
  ['the same file twice', files('a', 'a')],
  ['the same directory twice', [directory('a'), directory('a')]],
  ['a file and a directory', [directory('a'), ...files('a')]],
  ['case', files('Model.bin', 'model.bin')],
  ['case of a component', files('A/x', 'a/x')],
  ['case of implied directories alone', files('A/x', 'a/y')],
  ['case of an implied directory and one that is there', [...files('A/x'), directory('a')]],
  ['case of a directory and an implied one', [directory('A'), ...files('a/x')]],
  ['case deep inside', files('m/A/b/x', 'm/a/b/y')],
  ['composed and decomposed', files('\u00e9', 'e\u0301')],
  ['decomposed and of another case', files('\u00c9', 'e\u0301')],
  ['sharp s', files('stra\u00dfe', 'STRASSE')],
  ['capital sharp s', files('\u1e9e', 'ss')],
  ['ligature', files('\ufb01le', 'FILE')],
  ['final sigma', files('\u03c3\u03c2', '\u03c3\u03c3')],
  ['the sign of the kelvin', files('\u212a', 'k')],
  ['long s', files('\u017f', 'S')],
  ['dotless i', files('\u0131', 'I')],
  ['iota below', files('\u1fb3', '\u0391\u0399')],
  ['iota below, its accent in another order', files('\u1fb4', '\u03b1\u0345\u0301')],
  ['an implied directory, then itself twice', [...files('a/b'), directory('a'), directory('a')]],
  ['order of marks', files('a\u0323\u0307', 'a\u0307\u0323')],
  ['zero-width joiner', files('.g\u200dit', '.git')],
  ['byte order mark', files('\ufeffa', 'a')],
  ['a file below a file', files('a', 'a/b')],
  ['a file above a file', files('a/b', 'a')],
  ['a file far above a file', files('a/b/c/d', 'a/b')],
  ['a directory below a file', [...files('a'), directory('a/b/c')]],
  ['a file above a file in another case', files('a/b', 'A')],
  ['a file below a file in another case', files('A', 'a/b')],
];

/**
 * Entries that are taken for different though newer tables know better: of Unicode 16.0 and 17.0.
 * Some readers have those and some have not, and all have to agree.
 */
export const distinct: readonly (readonly [name: string, entries: readonly Listed[]])[] = [
  ['a capital younger than its small letter', files('\u{a7dc}', '\u019b')],
  ['a pair of young letters', files('\u{10d50}', '\u{10d70}')],
  ['young marks in another order', files('a\u{10d69}\u0323', 'a\u0323\u{10d69}')],
  ['a code point that is not assigned', files('\u{e1000}', '\u{e1001}')],
];
