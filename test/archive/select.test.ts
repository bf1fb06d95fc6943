/** Which entries globs select. */
import { describe, expect, it } from 'vitest';
import type { Entry } from '#strongroom/archive/entry.js';
import { globMatcher, parents, pathFilter, selectEntries } from '#strongroom/archive/select.js';
import { refusal } from '../keys/helpers.ts';

const paths = ['a', 'a/b', 'a/b/c.bin', 'a/.hidden', 'd.bin', 'e'];
const entries = paths.map((path) => ({ type: 'file', path }) as Entry);
const selected = (globs: string[] | undefined, more?: string[]) =>
  selectEntries(entries, globs, more && new Set(more)).map(({ path }) => path);

it.each([
  ['a/b/c', ['a/b', 'a']],
  ['a', []],
  ['', []],
])('above %j are %j', (path, above) => {
  expect([...parents(path)]).toEqual(above);
});

describe('globs', () => {
  it.each([
    [['*.bin'], ['d.bin']],
    [['**/*.bin'], ['a/b/c.bin', 'd.bin']],
    [['a/b'], ['a/b', 'a/b/c.bin']],
    [['a/b/'], ['a/b', 'a/b/c.bin']],
    [['a//'], ['a', 'a/b', 'a/b/c.bin', 'a/.hidden']],
    [['a/*'], ['a/b', 'a/b/c.bin', 'a/.hidden']],
    [
      ['e', 'd*'],
      ['d.bin', 'e'],
    ],
    [['**'], paths],
  ])('%j select %j', (globs, expected) => {
    expect(selected(globs)).toEqual(expected);
    const filter = pathFilter(globs);
    expect(paths.filter(filter)).toEqual(expected);
  });

  it('select all where there are none', () => {
    expect(selected(undefined)).toEqual(paths);
    expect(paths.filter(pathFilter(undefined))).toEqual(paths);
    expect(paths.filter(pathFilter([]))).toEqual([]);
    expect(globMatcher('*')('.hidden')).toBe(true);
  });

  it('select besides what is named, and that alone without globs', () => {
    expect(selected(['e'], ['a/b'])).toEqual(['a/b', 'e']);
    expect(selected(undefined, ['a/b'])).toEqual(['a/b']);
    expect(selected(undefined, [])).toEqual([]);
  });

  it('that match nothing are refused, also beside one that does', async () => {
    const { code, message } = await refusal(() => selected(['e', 'x*']));
    expect(code).toBe('NO_SUCH_ENTRY');
    expect(message).toBe('nothing in the archive matches x*');
  });

  it('have 1 to 4096 characters, and work up to that length', async () => {
    for (const glob of ['', '/', '//', 'x'.repeat(4097)]) {
      const { code, message, hint } = await refusal(() => pathFilter([glob]));
      expect(code).toBe('USAGE');
      expect(message).toContain('1 to 4096 characters');
      expect(hint).toBe('leave it out for all files');
    }
    expect((await refusal(() => globMatcher(''))).code).toBe('USAGE');
    for (const part of ['x', '?', '*a', '[ab]', '{a,b}', '@(a)', '**/']) {
      const glob = part.repeat(4096 / part.length).padEnd(4096, 'x');
      expect(pathFilter([glob])('a')).toBe(false);
      expect(pathFilter([glob])('\u0100')).toBe(false);
    }
  });
});
