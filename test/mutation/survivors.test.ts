/** What docs/assurance.md says of mutants, held against the list of those that survive. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Mutant, missingIn, nameOf, readSurvivors } from './survivors.ts';

const { reasons, survivors } = readSurvivors();
const page = readFileSync('docs/assurance.md', 'utf8');
const lists = Object.values(survivors).flatMap((file) => Object.entries(file));
const countOf = (reason: string) =>
  lists.reduce((sum, [each, names]) => sum + (each === reason ? names.length : 0), 0);
const total = lists.reduce((sum, [, names]) => sum + names.length, 0);

describe('docs/assurance.md', () => {
  it('has every reason for which a mutant survives, and how many do', () => {
    expect([...new Set(lists.map(([reason]) => reason))].sort()).toEqual(
      Object.keys(reasons).sort(),
    );
    for (const [reason, { what, why }] of Object.entries(reasons)) {
      expect(page).toContain(`| ${countOf(reason)} | ${what} | ${why} |`);
    }
  });

  it('has a table of areas that adds up to the same', () => {
    const rows = [
      ...page.matchAll(/^\| `(?:crypto|archive|custody).* \| (\d+) \| (\d+) \| (\d+) \|$/gm),
    ];
    const sums = [0, 0, 0];
    for (const [, ...figures] of rows) {
      const [all, killed, explained] = figures.map(Number) as [number, number, number];
      expect(killed + explained).toBe(all);
      for (const [i, figure] of [all, killed, explained].entries())
        sums[i] = (sums[i] ?? 0) + figure;
    }
    const [all, killed, explained] = sums;
    expect(explained).toBe(total);
    expect(page).toContain(`| ${all}: ${killed} killed by unit tests, ${explained} [explained]`);
  });
});

describe('a mutant', () => {
  const source = ['if (a > b) {', '  stop();', '} else go();'].join('\n');
  const place = (line: number, column: number) => ({ line, column });
  const mutant = (from: [number, number], to: [number, number], replacement: string): Mutant => ({
    status: 'Survived',
    replacement,
    location: { start: place(...from), end: place(...to) },
  });

  it('is named by its line, with what is altered in brackets', () => {
    expect(nameOf(source, mutant([1, 5], [1, 10], 'a >= b'))).toBe('if (⟦a > b⟧) { → a >= b');
    expect(nameOf(source, mutant([1, 12], [3, 2], '{}'))).toBe('if (a > b) ⟦{ …⟧else go(); → {}');
  });

  it('is explained as often as it is listed', () => {
    expect(missingIn(['a', 'b', 'a'], ['a', 'b'])).toEqual(['a']);
    expect(missingIn(['a'], ['b', 'a'])).toEqual([]);
  });
});
