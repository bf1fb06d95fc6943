/** What takes part in a scene. */
import type { Model } from '../data.ts';
import type { Command, Outcome, Sample } from '../measure.ts';

/** What a team works on and where. */
export interface Stage {
  readonly model: Model;
  /** For the team's outputs alone; empty at its beginning. */
  readonly work: string;
  /** On a disk outputs are flushed, and inputs come from the disk and not from its cache. */
  readonly disk: boolean;
}

export interface Contestant {
  /** Unique within a scene; part of the key that records are compared by. */
  readonly name: string;
  /** Strongroom itself: what is held against the baseline. */
  readonly ours?: true;
  /** What throughput counts; 0 where time alone matters. */
  readonly bytes: number;
  readonly command: Command;
  /** Absent before a run, made by it, removed after it or after those that need it. */
  readonly output?: string;
  /** Name of an earlier contestant of the team whose output this one reads. */
  readonly needs?: string;
  /** Files or directories that are read: on a disk, dropped from the cache before. */
  readonly reads?: readonly string[];
  /** For programs that measure themselves: replaces what was measured around the process. */
  readonly figures?: (outcome: Outcome) => Sample;
  /** Undoes a run where that is more than removing `output`. */
  readonly clean?: () => void;
}

export interface Prepared {
  readonly contestants: readonly Contestant[];
  /** Stops what `prepare` started; synchronous, since Ctrl-C needs it too. */
  readonly dismiss?: () => void;
}

/**
 * A tool's contestants, in an order that lets one read what another wrote. A team runs
 * without a break, so that its outputs are there for as short as possible.
 */
export interface Team {
  readonly name: string;
  /** The most that its outputs take at once, as a multiple of the model. */
  readonly room: number;
  /** Left out above this size, to bound the run; throughput is per byte anyway. */
  readonly mostBytes?: number;
  /** `undefined` if it can run here, else why not. */
  absent(): string | undefined;
  prepare(stage: Stage): Promise<Prepared>;
}

export const always = (): undefined => undefined;

/** A shell script with arguments, so that no path is ever part of a script. */
export const shell = (script: string, ...args: string[]): Command => ({
  argv: ['sh', '-c', `set -e; ${script}`, 'sh', ...args],
});
