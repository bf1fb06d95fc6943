/**
 * How a plan ends: all receipts are held against the plan, the store and the trust in its
 * workers, and only then is there an archive, a directory, or a word on an archive.
 */
import type { RunOptions } from '../../engine/pool.ts';
import { asStrongroomError, StrongroomError } from '../../errors.ts';
import type { Identity } from '../../keys/identity.ts';
import { listOf } from '../../scale/division.ts';
import type { PlanKind, WorkPlan } from '../../scale/document.ts';
import type { Winner } from '../../scale/winners.ts';
import type { Check } from './chosen.ts';
import { finishOpen } from './finish-open.ts';
import { finishSeal } from './finish-seal.ts';
import { finishVerify } from './finish-verify.ts';
import { outputOf } from './new.ts';
import type { Refused } from './place.ts';
import { readOwn } from './show.ts';

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

/**
 * Finishes the plan at `location`. It can be done again after it was stopped, and when it was
 * done before.
 * @throws StrongroomError PLAN_INVALID, PLAN_UNTRUSTED unless the identity made it,
 *   PLAN_INCOMPLETE naming the ranges, SEGMENT_INVALID, UPLOAD_INVALID, OUTPUT_EXISTS; and as any
 *   source or request.
 */
export async function finishPlan(location: string, options: FinishOptions): Promise<FinishReport> {
  const { signal = new AbortController().signal, check = 'sampled', identity } = options;
  try {
    if (options.source !== undefined && check === 'none') {
      throw new StrongroomError(
        'USAGE',
        'nothing is compared with the source where nothing is looked at',
        { hint: 'leave out the source, or look at some segments or all' },
      );
    }
    const plan = await readOwn(location, identity, signal);
    const finishing = { plan, options, check, signal };
    const { body } = plan;
    const work = await finishWork(finishing);
    const { id, kind, archive, ranges } = body;
    return { id, kind, output: outputOf(body), archive, ranges, ...work };
  } catch (error) {
    throw asStrongroomError(error);
  }
}

function finishWork(finishing: Finishing): Promise<FinishedWork> {
  const { body } = finishing.plan;
  switch (body.kind) {
    case 'seal':
      return finishSeal(finishing, body);
    case 'open':
      return finishOpen(finishing, body);
    case 'verify':
      return finishVerify(finishing, body);
  }
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
