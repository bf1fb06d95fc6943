/**
 * Interleaved rounds: every contestant once a round, the order of the teams rotated, so that
 * what the machine does meanwhile meets all alike. The first round warms up and is kept apart.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Contestant } from './contestants/contestant.ts';
import { measure } from './measure.ts';
import type { Result, RoundSample } from './record.ts';
import { freeBytes, remove } from './room.ts';
import { keepWarm } from './warmth.ts';

export interface Lineup {
  readonly contestants: readonly Contestant[];
  /** Contestants that count; others only run if one of these needs their output. */
  readonly counted: ReadonlySet<string>;
}

export interface RoundsOptions {
  readonly rounds: number;
  readonly disk: boolean;
  /** Where outputs go, and how many bytes the next one may take. */
  readonly work: string;
  readonly outputBytes: number;
  readonly onSample: (name: string, round: number, sample: RoundSample) => void;
  /** A contestant failed and is out. */
  readonly onFailure: (name: string, error: Error) => void;
}

/** An archive and what is opened from it. */
const aliveOutputs = 2;

/** Writes back and drops a file's pages from the cache: posix_fadvise(2) by way of dd. */
function dropFromCache(path: string): void {
  if (statSync(path).isDirectory()) {
    for (const name of readdirSync(path)) dropFromCache(join(path, name));
    return;
  }
  const flush = ['oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none'];
  spawnSync('dd', [`of=${path}`, ...flush]);
}

function sizeOf(path: string): number {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}

export async function runRounds(
  lineups: readonly Lineup[],
  options: RoundsOptions,
): Promise<Result[]> {
  const samples = new Map<string, RoundSample[]>();
  const freshPages = new Set<string>();
  const failed = new Set<string>();
  let deleted = false;
  /** Outputs that the warm-up leaves lying, so that the next output takes memory that is new. */
  const left: Contestant[] = [];

  const clean = (contestants: Iterable<Contestant>) => {
    for (const { output, clean: undo } of contestants) {
      if (output !== undefined) remove(output);
      undo?.();
      deleted = true;
    }
  };

  const once = async (contestant: Contestant): Promise<RoundSample> => {
    if (options.disk) for (const path of contestant.reads ?? []) dropFromCache(path);
    const outcome = await measure(contestant.command);
    const { output, bytes } = contestant;
    // A tool that quietly did less than it should is not fast.
    if (output !== undefined && sizeOf(output) < bytes) throw new Error('it wrote too little');
    return contestant.figures?.(outcome) ?? outcome.sample;
  };

  const runTeam = async ({ contestants, counted }: Lineup, round: number) => {
    const kept = new Map<string, Contestant>();
    const wanted = contestants.filter(
      ({ name }) =>
        counted.has(name) || contestants.some((c) => counted.has(c.name) && c.needs === name),
    );
    for (const contestant of wanted) {
      const { name, needs } = contestant;
      if (failed.has(name)) continue;
      if (needs !== undefined && !kept.has(needs)) continue;
      if (round === 0 && freeBytes(options.work) < 2 * options.outputBytes) clean(left.splice(0));
      if (round === 0 && !deleted && contestant.output !== undefined) freshPages.add(name);
      try {
        const sample = await once(contestant);
        if (counted.has(name)) {
          const list = samples.get(name) ?? [];
          list.push(sample);
          samples.set(name, list);
          options.onSample(name, round, sample);
        }
      } catch (error) {
        failed.add(name);
        options.onFailure(name, error as Error);
        clean([contestant]);
        continue;
      }
      if (wanted.some((other) => other.needs === name)) kept.set(name, contestant);
      else if (round === 0) left.push(contestant);
      else clean([contestant]);
    }
    if (round === 0) left.push(...kept.values());
    else clean(kept.values());
  };

  let letGo: (() => void) | undefined;
  for (let round = 0; round <= options.rounds; round++) {
    if (round === 1 && !options.disk)
      letGo = keepWarm(options.work, aliveOutputs * options.outputBytes);
    for (let i = 0; i < lineups.length; i++) {
      await runTeam(lineups[(i + round) % lineups.length] as Lineup, round);
    }
    clean(left.splice(0));
  }
  letGo?.();

  return lineups.flatMap(({ contestants, counted }) =>
    contestants.flatMap(({ name, bytes, ours }): Result[] => {
      const [fresh, ...counting] = samples.get(name) ?? [];
      if (!counted.has(name) || failed.has(name) || fresh === undefined) return [];
      const rest = { bytes, samples: counting, fresh, freshPages: freshPages.has(name) };
      return [{ name, ...(ours === undefined ? {} : { ours }), ...rest }];
    }),
  );
}
