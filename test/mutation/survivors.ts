/**
 * What survives, and why: survivors.json has each mutant that no unit test notices, by its file,
 * under one of the reasons that it states.
 */
import { readFileSync } from 'node:fs';

interface Place {
  readonly line: number;
  readonly column: number;
}

/** A mutant as Stryker reports it. */
export interface Mutant {
  readonly status: string;
  readonly replacement?: string;
  /** Lines and columns from 1; the end is behind the last character. */
  readonly location: { readonly start: Place; readonly end: Place };
}

interface Survivors {
  /** What kind of change it is, and why nothing has to notice it. */
  readonly reasons: Readonly<Record<string, { readonly what: string; readonly why: string }>>;
  /** By file and reason, as `nameOf` names them. */
  readonly survivors: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

export const readSurvivors = (): Survivors =>
  JSON.parse(readFileSync('test/mutation/survivors.json', 'utf8'));

/** A mutant in words: its line with what is altered in brackets, and what that becomes. */
export function nameOf(source: string, { location, replacement = '' }: Mutant): string {
  const { start, end } = location;
  const lines = source.split('\n');
  const [first = '', last = ''] = [lines[start.line - 1], lines[end.line - 1]];
  const isLong = start.line !== end.line;
  const altered = first.slice(start.column - 1, isLong ? undefined : end.column - 1);
  const behind = last.slice(end.column - 1).trim();
  const line = `${first.slice(0, start.column - 1).trimStart()}⟦${altered}${isLong ? ' …' : ''}⟧`;
  return `${line}${behind} → ${replacement.replace(/\s+/g, ' ')}`;
}

/** Of `names` those that `explained` has not, each as often as it stands there. */
export function missingIn(names: readonly string[], explained: readonly string[]): string[] {
  const left = [...explained];
  return names.filter((name) => {
    const at = left.indexOf(name);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}
