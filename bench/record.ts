/** Records of runs, one JSON file each: no names of hosts or people, and no paths. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Absent } from './contestants/absent.ts';
import type { Machine, Versions } from './machine.ts';
import type { Sample } from './measure.ts';
import { root } from './paths.ts';
import { pairwise } from './statistics.ts';

export interface RoundSample extends Sample {
  /** In milliseconds, where a run is many operations. */
  readonly latencyMs?: Readonly<Record<'median' | 'p90' | 'p99' | 'most', number>>;
  readonly openMs?: number;
}

export interface Result {
  readonly name: string;
  /** Strongroom itself, and neither a yardstick nor another tool. */
  readonly ours?: true;
  /** What throughput counts; 0 where only time does. */
  readonly bytes: number;
  /** One a round, in the order of the rounds; times in seconds. */
  readonly samples: readonly RoundSample[];
  /** The warm-up. */
  readonly fresh: RoundSample;
  /** Nothing had been deleted before in this scene, so that the output took memory new to it. */
  readonly freshPages: boolean;
}

export interface Scene {
  /** Names what can be compared from run to run, as in `hybrid 4 GiB tmpfs`. */
  readonly name: string;
  readonly kind: string;
  readonly place: 'tmpfs' | 'disk';
  /** Of the model. */
  readonly bytes: number;
  /** Whose time the ratios are to. */
  readonly reference: string;
  readonly results: readonly Result[];
}

export interface BenchRecord {
  readonly format: 1;
  /** RFC 3339, UTC. */
  readonly date: string;
  readonly commit: string;
  /** The tree differed from the commit. */
  readonly modified: boolean;
  readonly options: { readonly quick: boolean; readonly only: readonly string[] };
  /** How CPU time and memory were obtained. */
  readonly method: string;
  readonly machine: Machine;
  readonly versions: Versions;
  readonly absent: readonly Absent[];
  readonly scenes: readonly Scene[];
}

export const historyDirectory = join(root, 'bench', 'history');

export function writeRecord(record: BenchRecord, path?: string): string {
  const time = record.date.slice(0, 19).replaceAll(':', '');
  const target = path ?? join(historyDirectory, `${time}-${record.commit.slice(0, 10)}.json`);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, `${JSON.stringify(record, undefined, 1)}\n`);
  return target;
}

/** @throws Error for a file that is not a record of this format. */
export function readRecord(path: string): BenchRecord {
  const record = JSON.parse(readFileSync(path, 'utf8')) as BenchRecord;
  if (record.format !== 1) throw new Error(`${path}: not a benchmark record of format 1`);
  return record;
}

/** Every record of the history, oldest first. */
export function readHistory(): BenchRecord[] {
  if (!existsSync(historyDirectory)) return [];
  return readdirSync(historyDirectory)
    .filter((name) => name.endsWith('.json'))
    .map((name) => readRecord(join(historyDirectory, name)))
    .sort((a, b) => a.date.localeCompare(b.date));
}

/**
 * What keeps the scenes of `now` out of the record `before`; `undefined` if nothing does.
 * Only what one tree did on one machine is one record.
 */
export function whyNotOne(before: BenchRecord, now: Omit<BenchRecord, 'scenes' | 'absent'>) {
  for (const what of ['commit', 'modified', 'method', 'machine', 'versions'] as const) {
    if (!isDeepStrictEqual(before[what], now[what])) return `it has another ${what}`;
  }
  return undefined;
}

/** Both in one record, of the date of the first; of scenes that both have, the later ones. */
export function joined(before: BenchRecord, now: BenchRecord): BenchRecord {
  const isAnew = (name: string) => now.scenes.some((scene) => scene.name === name);
  return {
    ...before,
    options: { ...before.options, only: [...before.options.only, ...now.options.only] },
    absent: [...before.absent.filter(({ scene }) => !isAnew(scene)), ...now.absent],
    scenes: [...before.scenes.filter(({ name }) => !isAnew(name)), ...now.scenes],
  };
}

/** How often the contestants of a scene ran, without the warm-up. */
export const roundsOf = ({ results }: Scene): number =>
  Math.max(0, ...results.map(({ samples }) => samples.length));

export const resultOf = (scene: Scene, name: string): Result | undefined =>
  scene.results.find((result) => result.name === name);

export const walls = (result: Result): number[] => result.samples.map(({ wall }) => wall);

/** Round by round, how many times as fast as the reference: by the byte, where bytes count. */
export function ratiosTo(reference: Result, own: Result): number[] {
  const scale = own.bytes === 0 || reference.bytes === 0 ? 1 : own.bytes / reference.bytes;
  return pairwise(walls(reference), walls(own)).map((ratio) => ratio * scale);
}
