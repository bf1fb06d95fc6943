/**
 * Holds a record against a baseline. What is compared are ratios to the reference of the same
 * run, so that a slower machine is not a regression; how much they may fall is the noise of
 * both runs. The same record and baseline always give the same verdicts.
 */
import { type BenchRecord, type Result, ratiosTo, resultOf, type Scene } from './record.ts';
import { median, noise } from './statistics.ts';

export interface Mark {
  /** How many times as fast as the reference: the median over the rounds. */
  readonly ratio: number;
  /** Of the ratios over the rounds: half their range, as a share of the median. */
  readonly noise: number;
  readonly memoryBytes?: number;
}

export interface Baseline {
  readonly format: 1;
  /** By `scene/contestant`. */
  readonly marks: Readonly<Record<string, Mark>>;
}

export type Verdict = 'held' | 'faster' | 'slower' | 'memory' | 'new';

export interface Comparison {
  readonly key: string;
  readonly now: Mark;
  readonly before: Mark | undefined;
  /** By how much the ratio may fall, as a share of the baseline's. */
  readonly allowed: number;
  readonly verdict: Verdict;
}

/** Less is never called a regression, on the machine of the baseline. */
const leastAllowed = 0.05;
/** More is one, however noisy the runs. */
const mostAllowed = 0.6;
/** Peak memory moves with the garbage collector. */
const memoryAllowed = 0.25;

function markOf(scene: Scene, result: Result, reference: Result): Mark {
  const ratios = ratiosTo(reference, result);
  const memory = result.samples.map(({ memoryBytes }) => memoryBytes ?? 0);
  const most = Math.max(...memory);
  // Start-up alone says nothing about memory for data.
  const counts = most > 0 && scene.kind !== 'start-up';
  return {
    ratio: median(ratios),
    noise: noise(ratios),
    ...(counts ? { memoryBytes: most } : {}),
  };
}

/** A mark for every contestant of ours whose reference was measured in the same scene. */
export function marksOf(record: Pick<BenchRecord, 'scenes'>): Record<string, Mark> {
  const marks: Record<string, Mark> = {};
  for (const scene of record.scenes) {
    const reference = resultOf(scene, scene.reference);
    if (reference === undefined) continue;
    for (const result of scene.results) {
      if (!result.ours) continue;
      marks[`${scene.name}/${result.name}`] = markOf(scene, result, reference);
    }
  }
  return marks;
}

function verdictOf(now: Mark, before: Mark | undefined, allowed: number): Verdict {
  if (before === undefined) return 'new';
  if (now.ratio < before.ratio * (1 - allowed)) return 'slower';
  const memoryLimit = (before.memoryBytes ?? Number.POSITIVE_INFINITY) * (1 + memoryAllowed);
  if ((now.memoryBytes ?? 0) > memoryLimit) return 'memory';
  return now.ratio > before.ratio * (1 + allowed) ? 'faster' : 'held';
}

/**
 * One row for every mark of the record, in its order.
 * @param least what may be lost however quiet the runs, as a share of the baseline's ratio.
 */
export function compare(
  record: Pick<BenchRecord, 'scenes'>,
  baseline: Baseline,
  least = leastAllowed,
): Comparison[] {
  return Object.entries(marksOf(record)).map(([key, now]) => {
    const before = baseline.marks[key];
    const sum = now.noise + (before?.noise ?? 0);
    const allowed = Math.min(mostAllowed, Math.max(least, sum));
    return { key, now, before, allowed, verdict: verdictOf(now, before, allowed) };
  });
}

export const isRegression = ({ verdict }: Comparison): boolean =>
  verdict === 'slower' || verdict === 'memory';

/** Marks of the baseline whose scene was run but which the record lacks. */
export function lost(record: Pick<BenchRecord, 'scenes'>, baseline: Baseline): string[] {
  const marks = marksOf(record);
  const isRun = (key: string) => record.scenes.some(({ name }) => key.startsWith(`${name}/`));
  return Object.keys(baseline.marks).filter((key) => isRun(key) && !(key in marks));
}
