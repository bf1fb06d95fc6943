/** Faults by kind and story, and what was wrong with those that were not survived. */
import type { Verdict } from './judge.ts';

interface Row {
  readonly kind: string;
  readonly story: string;
  /** Commands that ran with a fault. */
  rounds: number;
  /** Those that the fault ended or made fail; the others were done before it, or in spite of it. */
  struck: number;
  old: number;
  new: number;
  wrong: number;
}

export class Tally {
  readonly #rows = new Map<string, Row>();
  readonly wrongs: string[] = [];

  add(
    kind: string,
    story: string,
    what: string,
    verdict: Verdict,
    struck: boolean,
    rounds = 1,
  ): void {
    const key = `${kind}\n${story}`;
    const row = this.#rows.get(key) ?? {
      kind,
      story,
      rounds: 0,
      struck: 0,
      old: 0,
      new: 0,
      wrong: 0,
    };
    this.#rows.set(key, row);
    row.rounds += rounds;
    if (struck) row.struck += rounds;
    if (verdict.state !== undefined) row[verdict.state] += rounds;
    if (verdict.wrong === undefined) return;
    row.wrong += 1;
    this.wrongs.push(`${kind}, ${story}, ${what}: ${verdict.wrong}`);
    console.log(`  WRONG ${this.wrongs.at(-1)}`);
  }

  count(select: (row: Row) => boolean, of: 'rounds' | 'struck' | 'wrong'): number {
    return [...this.#rows.values()].filter(select).reduce((sum, row) => sum + row[of], 0);
  }

  show(): void {
    const columns = ['rounds', 'struck', 'old', 'new', 'wrong'] as const;
    const line = (cells: readonly (string | number)[]) =>
      cells
        .map((cell, i) => (i < 2 ? String(cell).padEnd(18) : String(cell).padStart(7)))
        .join(' ');
    console.log(line(['fault', 'in', ...columns]));
    for (const row of this.#rows.values()) {
      console.log(line([row.kind, row.story, ...columns.map((column) => row[column])]));
    }
  }
}
