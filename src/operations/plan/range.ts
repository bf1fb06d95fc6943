/** What doing a range takes and tells, whatever its plan is for. */
import { wipe } from '../../bytes.ts';
import type { RunOptions } from '../../engine/pool.ts';
import type { StrongroomError } from '../../errors.ts';
import type { Identity } from '../../keys/identity.ts';
import type { Trust } from '../../keys/policy.ts';
import type { WorkPlan } from '../../scale/document.ts';
import type { Done } from '../../scale/receipt.ts';

export interface WorkOptions extends RunOptions {
  /** The worker's. */
  readonly identity: Identity;
  /** Whose plans are followed. */
  readonly trust: Trust;
  /** Of a plan to open without an output: the directory to be, on this machine. */
  readonly output?: string | undefined;
  /** Of a plan to seal: where its source is on this machine, if it is elsewhere. */
  readonly source?: string | undefined;
  /** Of a plan to open or to verify: where its archive is, as this machine sees it. */
  readonly archive?: string | undefined;
  /** What parts of an upload may take in memory, in bytes; 2 GiB by default. */
  readonly partMemory?: number | undefined;
}

export interface RangeReport {
  readonly index: number;
  /** `already`: a receipt of it was there, and what it tells of as well. */
  readonly state: 'done' | 'already';
  /** Of plaintext. */
  readonly bytes: number;
  readonly segments: number;
  /** Of the upload; 0 where there is none. */
  readonly parts: number;
}

/** What a range comes to, apart from its receipt. */
export interface RangeWork extends Omit<RangeReport, 'index' | 'state'> {
  /** What the receipt says; absent when all was done before. */
  readonly done?: Done;
  /** Thrown when the receipt is written. */
  readonly failure?: StrongroomError;
}

export interface Range {
  readonly plan: WorkPlan;
  /** Which of the plan's workers this is. */
  readonly worker: number;
  readonly index: number;
  readonly options: WorkOptions;
  readonly signal: AbortSignal;
}

/** Wipes the keys of windows. */
export const wipeWindows = (windows: readonly { readonly key: Uint8Array }[]): void =>
  wipe(...windows.map(({ key }) => key));
