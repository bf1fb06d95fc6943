import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assertNoCollisions, assertSafePath, printable } from '#strongroom/archive/paths.js';
import { isStrongroomError } from '#strongroom/errors.js';

const thrownBy = (act: () => void): Error => {
  try {
    act();
  } catch (error) {
    if (isStrongroomError(error, 'ENTRY_UNSAFE')) return error;
    throw error;
  }
  throw new Error('nothing was refused');
};

describe('assertSafePath', () => {
  const component = 'x'.repeat(255);
  const long = `${`${'d'.repeat(127)}/`.repeat(31)}${'e'.repeat(128)}`;

  it.each([
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
    '重み/モデル.bin',
    'e\u0301te',
    '👩‍💻.txt',
    component,
    `${'é'.repeat(127)}x`,
    long,
  ])('accepts %j', (path) => {
    expect(() => assertSafePath(path)).not.toThrow();
  });

  it.each([
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
    ['a\\..\\b', 'it has a backslash'],
    ['C:/x', 'it has a colon'],
    ['model:stream', 'it has a colon'],
    ['a//b', 'a component is empty'],
    ['a/', 'a component is empty'],
    ['.', 'a component is "." or ".."'],
    ['..', 'a component is "." or ".."'],
    ['a/../b', 'a component is "." or ".."'],
    ['a/./b', 'a component is "." or ".."'],
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
  ])('refuses %j: %s', (path, rule) => {
    expect(thrownBy(() => assertSafePath(path)).message).toContain(`: ${rule}`);
  });

  it('names the path escaped, and cuts one that is too long', () => {
    expect(thrownBy(() => assertSafePath('a\x1b[2Jb')).message).toBe(
      'a\\u{1b}[2Jb: it has a control character',
    );
    expect(thrownBy(() => assertSafePath('x'.repeat(1e6))).message.length).toBeLessThan(200);
  });
});

describe('assertNoCollisions', () => {
  const files = (...paths: string[]) => paths.map((path) => ({ type: 'file' as const, path }));
  const directory = (path: string) => ({ type: 'directory' as const, path });

  it.each([
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
  ])('refuses %s', (_, entries) => {
    thrownBy(() => assertNoCollisions(entries));
    thrownBy(() => assertNoCollisions([...entries].reverse()));
  });

  it('names both paths', () => {
    expect(thrownBy(() => assertNoCollisions(files('x/A', 'x/a'))).message).toBe(
      'x/a: on some file systems the same as x/A',
    );
  });

  it('accepts a directory before, after or without its files', () => {
    const inside = files('a/b/x', 'a/b/y', 'a/c/x', 'ab', 'a.b', 'b/a');
    for (const entries of [
      inside,
      [directory('a'), directory('a/b'), ...inside],
      [...inside, directory('a/b'), directory('a')],
    ]) {
      expect(() => assertNoCollisions(entries)).not.toThrow();
    }
  });

  it('finds every character in its other cases and forms', () => {
    for (let code = 0x80; code < 0x110000; code++) {
      const character = String.fromCodePoint(code);
      if (!/[\p{L}\p{M}\p{N}\p{So}]/u.test(character)) continue;
      const variants = [
        character.toLowerCase(),
        character.toUpperCase(),
        character.normalize('NFC'),
        character.normalize('NFD'),
      ];
      for (const variant of variants) {
        if (variant === character) continue;
        thrownBy(() => assertNoCollisions(files(`x${character}x/a`, `x${variant}x/b`)));
      }
    }
  });

  it('accepts random trees, in any order', () => {
    const names = fc.constantFrom('a', 'b', 'c');
    const paths = fc.uniqueArray(
      fc.array(names, { minLength: 1, maxLength: 4 }).map((parts) => `${parts.join('/')}.f`),
    );
    fc.assert(
      fc.property(paths, (tree) => {
        expect(() => assertNoCollisions(files(...tree))).not.toThrow();
      }),
    );
  });
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
