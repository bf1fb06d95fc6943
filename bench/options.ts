/** The options of `npm run bench`. */
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './paths.ts';
import { isTmpfs } from './room.ts';

export interface Options {
  /** Of each model, in bytes. */
  readonly sizes: readonly number[];
  readonly rounds: number;
  /** Best a tmpfs: there the engine is measured and not a disk. */
  readonly directory: string;
  /** Where models are generated, if not in `directory`. */
  readonly input: string | undefined;
  /** A directory on a disk to measure as well; models lie there that fit nowhere else. */
  readonly disk: string | undefined;
  /** `scene` or `scene/contestant`, by parts of their names. */
  readonly only: readonly string[];
  /** The most workers to try. */
  readonly threads: number;
  readonly quick: boolean;
  readonly json: string | undefined;
  /** Put the scenes into the newest record of the history. */
  readonly add: boolean;
  /** Keep the models for the next run. */
  readonly keep: boolean;
}

export const help = `Measures Strongroom beside cp, age and others, in interleaved rounds.

  npm run bench                                  1, 4 and 16 GiB where they fit, 5 rounds
  npm run bench -- --quick                       64 MiB, 2 rounds, not kept in the history
  npm run bench -- --sizes 4 --only hybrid/seal,hybrid/age
  npm run bench -- --sizes 16 --input /data --only reads
  npm run bench -- --sizes 16 --rounds 2 --add   more scenes for the newest record

  --sizes LIST    of the models, in GiB (default 1,4,16)
  --rounds N      that count; one more comes first to warm up (default 5)
  --dir DIR       where to work, best a tmpfs (default /dev/shm)
  --input DIR     where to generate the models (default: --dir)
  --disk DIR      measure in this directory too; models lie there that fit nowhere else
                  (default: bench/out of the project, unless that is a tmpfs; none: no disk)
  --only LIST     SCENE or SCENE/CONTESTANT: a part of its name, and first words of that one's
  --list          name the scenes and teams, and what is absent here
  --threads N     the most workers to try (default: two per core)
  --json FILE     write the record here and not into bench/history
  --add           put the scenes into the newest record of bench/history, if it is of the
                  same commit, machine and versions; a scene that it has is replaced
  --keep          leave the models for the next run
  --quick         64 MiB, 2 rounds, record in bench/out/quick.json

A scene is one size, suite and place; its contestants run once per round, the order rotated.
Output is removed between runs, outside the timed part. On virtual machines a page of memory
that is fresh can cost several times a warm one: memory for the outputs is kept warm from the
second round on, and the first round's figures are kept apart. Big files are deleted at the
end and on Ctrl-C.`;

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const outDirectory = join(root, 'bench', 'out');
const GiB = 2 ** 30;
const MiB = 2 ** 20;

const numberOf = (text: string, name: string): number => {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0)
    throw new UsageError(`--${name}: not a number: ${text}`);
  return value;
};

const wholeOf = (text: string, name: string): number => {
  const value = numberOf(text, name);
  if (!Number.isInteger(value)) throw new UsageError(`--${name}: not a whole number: ${text}`);
  return value;
};

const listOf = (text: string): string[] => text.split(',').filter((part) => part !== '');

/** Sizes in GiB, rounded to whole MiB as the generator wants them. */
const sizesOf = (text: string): number[] =>
  listOf(text).map((part) => {
    const bytes = Math.round((numberOf(part, 'sizes') * GiB) / MiB) * MiB;
    if (bytes < 4 * MiB) throw new UsageError('--sizes: at least 1/256 GiB');
    return bytes;
  });

/** A disk that every checkout has, unless it lies in memory. */
function diskOf(text: string): string | undefined {
  if (text === 'none') return undefined;
  if (text !== '') return text;
  mkdirSync(outDirectory, { recursive: true });
  return isTmpfs(outDirectory) ? undefined : outDirectory;
}

/** @throws UsageError; `undefined` when only help was asked for. */
export function readOptions(args: readonly string[]): (Options & { list: boolean }) | undefined {
  let values: Partial<Record<string, string | boolean>>;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        sizes: { type: 'string' },
        rounds: { type: 'string' },
        dir: { type: 'string', default: '/dev/shm' },
        input: { type: 'string' },
        disk: { type: 'string', default: '' },
        only: { type: 'string', default: '' },
        threads: { type: 'string' },
        json: { type: 'string' },
        add: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false, short: 'h' },
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (values.help === true) return undefined;
  const quick = values.quick === true;
  const text = (name: string) => values[name] as string | undefined;
  return {
    sizes: sizesOf(text('sizes') ?? (quick ? String(64 / 1024) : '1,4,16')),
    rounds: wholeOf(text('rounds') ?? (quick ? '2' : '5'), 'rounds'),
    directory: text('dir') as string,
    input: text('input'),
    disk: diskOf(text('disk') as string),
    only: listOf(text('only') as string),
    threads: wholeOf(text('threads') ?? String(2 * availableParallelism()), 'threads'),
    json: text('json') ?? (quick ? 'bench/out/quick.json' : undefined),
    add: values.add === true,
    keep: values.keep === true,
    quick,
    list: values.list === true,
  };
}
