import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAssigned } from '#strongroom/archive/fold.js';
import { assertNoCollisions, assertSafePath } from '#strongroom/archive/paths.js';
import { isStrongroomError } from '#strongroom/errors.js';
import { collisions, distinct, files, safePaths, unsafePaths } from '../tables/paths.ts';

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
  it.each(safePaths)('accepts %j', (path) => {
    expect(() => assertSafePath(path)).not.toThrow();
  });

  it.each(unsafePaths)('refuses %j: %s', (path, rule) => {
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
  const directory = (path: string) => ({ type: 'directory' as const, path });

  it.each(collisions)('refuses %s', (_, entries) => {
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

  // Age of DerivedAge.txt: what came with 14.0 is there, and what came with 15.0 and later is not
  it.each([
    [0x41, true],
    [0x377, true],
    [0x378, false],
    [0x870, true],
    [0x88e, true],
    [0x88f, false],
    [0xcdd, true],
    [0xcf3, false],
    [0xfdd0, false],
    [0xffff, false],
    [0x1f6dc, false],
    [0x1f6dd, true],
    [0x1fae8, false],
    [0x31350, false],
    [0xe000, true],
    [0x10fffd, true],
    [0x10fffe, false],
  ])('knows whether Unicode 14.0 assigns %i: %s', (code, assigned) => {
    expect(isAssigned(String.fromCodePoint(code))).toBe(assigned);
  });

  it('finds every character in its other cases and forms', () => {
    for (let code = 0x80; code < 0x110000; code++) {
      const character = String.fromCodePoint(code);
      if (!/[\p{L}\p{M}\p{N}\p{So}]/u.test(character) || !isAssigned(character)) continue;
      const variants = [
        character.toLowerCase(),
        character.toUpperCase(),
        character.normalize('NFC'),
        character.normalize('NFD'),
      ];
      for (const variant of variants) {
        if (variant === character || !isAssigned(variant)) continue;
        thrownBy(() => assertNoCollisions(files(`x${character}x/a`, `x${variant}x/b`)));
      }
    }
  });

  it.each(distinct)('takes %s for different', (_, entries) => {
    expect(() => assertNoCollisions(entries)).not.toThrow();
  });

  it('folds what stands beside a code point that Unicode 14.0 does not assign', () => {
    thrownBy(() => assertNoCollisions(files('\u{a7dc}\u00e9', '\u{a7dc}E\u0301')));
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
