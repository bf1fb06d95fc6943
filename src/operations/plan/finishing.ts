/** What finishing takes and tells, whatever a plan was for. */
import type { RunOptions } from '../../engine/pool.ts';
import { StrongroomError } from '../../errors.ts';
import type { Identity } from '../../keys/identity.ts';
import { listOf } from '../../scale/division.ts';
import type { PlanKind, WorkPlan } from '../../scale/document.ts';
import type { Winner } from '../../scale/winners.ts';
import type { Check } from './chosen.ts';
import type { Refused } from './place.ts';

export interface FinishOptions extends RunOptions {
  /** The planner's. */
  readonly identity: Identity;
  /** `sampled` by default. */
  readonly check?: Check | undefined;
  /**
   * Of a plan to seal: hold what is looked at to be what the source has, in this directory or,
   * if true, where it was when the plan was made. Otherwise the workers are believed.
   */
  readonly source?: string | true | undefined;
  /** Of a plan to open: where its archive is, as this machine sees it. */
  readonly archive?: string | undefined;
  /** Of a plan to open: path of a detached key ring. */
  readonly keyring?: string | undefined;
}

export interface FinishReport {
  readonly id: string;
  readonly kind: PlanKind;
  /** `already`: it was finished before. */
  readonly state: 'finished' | 'already';
  readonly output: string;
  /** Hex, 32 bytes. */
  readonly archive: string;
  /** Hex: what names the content for good. */
  readonly contentRoot: string;
  readonly ranges: number;
  /** Whose work counts; a range whose parts are of several attempts has several. */
  readonly winners: readonly Winner[];
  /** Receipts of which nothing counts, since another attempt took their place. */
  readonly superseded: number;
  /** Receipts that do not hold. */
  readonly refused: readonly Refused[];
  /** Segments that were looked at here. */
  readonly checked: number;
  /** Of the archive, in a plan to seal. */
  readonly archiveBytes?: number;
  readonly files?: number;
}

/** What is told of every plan alike. */
export type FinishedWork = Omit<FinishReport, 'id' | 'kind' | 'output' | 'archive' | 'ranges'>;

export interface Finishing {
  readonly plan: WorkPlan;
  readonly options: FinishOptions;
  readonly check: Check;
  readonly signal: AbortSignal;
}

/** Refused receipts that an error tells of. */
const mostTold = 5;

/** @throws StrongroomError PLAN_INCOMPLETE. */
export function assertComplete(
  { body, name }: WorkPlan,
  missing: readonly number[],
  refused: readonly Refused[],
): void {
  if (missing.length === 0) return;
  const told = refused.slice(0, mostTold).map(({ why }) => `; ${why}`);
  const more = refused.length > mostTold ? `; and ${refused.length - mostTold} more` : '';
  const few = missing.length === 1 ? 'range' : 'ranges';
  throw new StrongroomError(
    'PLAN_INCOMPLETE',
    `${name}: ${few} ${listOf(missing)} of ${body.ranges} not done${told.join('')}${more}`,
    { file: name },
  );
}
