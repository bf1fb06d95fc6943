/** What a plan says, and how far it is. */
import { locationOf } from '../../engine/locate.ts';
import { listParts } from '../../engine/remote/multipart.ts';
import { StrongroomError } from '../../errors.ts';
import type { Identity } from '../../keys/identity.ts';
import { type Trust, trustCards } from '../../keys/policy.ts';
import { signsWith } from '../../keys/signed.ts';
import { type BodyOf, type PlanKind, trustPlan, type WorkPlan } from '../../scale/document.ts';
import { badRanges, chooseWinners, countRanges, type Winner } from '../../scale/winners.ts';
import { timeOf } from '../../time.ts';
import { outputOf } from './new.ts';
import { type Refused, readPlan, readReceipts } from './place.ts';

export interface PlanOptions {
  /** Whose plans are followed. */
  readonly trust: Trust;
  readonly signal?: AbortSignal | undefined;
}

export interface PlanSummary {
  /** Hex, 32 bytes. */
  readonly id: string;
  readonly kind: PlanKind;
  readonly ranges: number;
  /** What comes of it; empty where every worker opens onto its own disk. */
  readonly output: string;
  readonly expires: string;
  readonly expired: boolean;
  readonly created: string;
  readonly planner: string;
  /** Hex, 32 bytes. */
  readonly archive: string;
  readonly payloadBytes: number;
  readonly segments: number;
  /** Of the upload; 0 where there is none. */
  readonly parts: number;
  readonly receipts: string;
  readonly assigned: boolean;
  readonly workers: readonly string[];
}

export interface PlanStatus extends PlanSummary {
  /** Ranges of which all is there and signed for. */
  readonly done: readonly number[];
  readonly missing: readonly number[];
  /** Ranges that a worker found altered, in a plan to verify. */
  readonly bad: readonly number[];
  readonly winners: readonly Winner[];
  readonly superseded: number;
  readonly refused: readonly Refused[];
  /** Whether the upload is there; it is not when it was completed, or given up. */
  readonly open: boolean;
}

/**
 * Reads a plan that someone trusted has made; an expired one too.
 * @throws StrongroomError PLAN_INVALID, PLAN_UNTRUSTED; and as any source.
 */
export async function describePlan(location: string, options: PlanOptions): Promise<PlanSummary> {
  return summaryOf(await readTrusted(location, options));
}

export async function readTrusted(
  location: string,
  { trust, signal }: PlanOptions,
): Promise<WorkPlan> {
  const plan = await readPlan(location, signal);
  trustPlan(plan, trust);
  return plan;
}

/**
 * A plan that an identity has made itself.
 * @throws StrongroomError PLAN_INVALID, PLAN_UNTRUSTED; and as any source.
 */
export async function readOwn(
  location: string,
  { card }: Identity,
  signal: AbortSignal,
): Promise<WorkPlan> {
  const plan = await readPlan(location, signal);
  const { planner } = plan.body;
  if (!signsWith(card, planner.keys)) {
    const message = `${plan.name}: was made by ${planner.name}, and not by ${card.name}`;
    throw new StrongroomError('PLAN_UNTRUSTED', message, {
      file: plan.name,
      hint: 'give the identity of whoever made the plan',
    });
  }
  trustPlan(plan, trustCards([card]));
  return plan;
}

function summaryOf({ body, workers }: WorkPlan): PlanSummary {
  return {
    id: body.id,
    kind: body.kind,
    ranges: body.ranges,
    output: outputOf(body),
    expires: body.expires,
    expired: timeOf() >= body.expires,
    created: body.created,
    planner: body.planner.name,
    archive: body.archive,
    payloadBytes: body.payload.length,
    segments: body.payload.segments,
    parts: body.kind === 'seal' ? body.parts.count : 0,
    receipts: body.receipts,
    assigned: body.assigned,
    workers: workers.map(({ name }) => name),
  };
}

/** How far the workers are, from their receipts and what the store holds. */
export async function showPlan(location: string, options: PlanOptions): Promise<PlanStatus> {
  const { signal = new AbortController().signal } = options;
  const plan = await readTrusted(location, options);
  const { body, core } = plan;
  const { receipts, refused } = await readReceipts(plan, signal);
  const held = body.kind === 'seal' ? await listParts(uploadOf(body), signal) : undefined;
  const found =
    body.kind === 'seal' && held !== undefined
      ? chooseWinners(body, core.suite.hash.bytes, held, receipts)
      : countRanges(body.ranges, receipts);
  const bad = badRanges(receipts);
  const missing = new Set(found.missing);
  return {
    ...summaryOf(plan),
    done: Array.from({ length: body.ranges }, (_, i) => i).filter((i) => !missing.has(i)),
    missing: found.missing,
    bad,
    winners: found.winners,
    superseded: found.superseded,
    refused,
    open: body.kind !== 'seal' || held !== undefined,
  };
}

/** The upload that a plan to seal goes into. */
export function uploadOf({ output, upload }: BodyOf<'seal'>) {
  const at = locationOf(output);
  if (at.kind !== 's3') throw new TypeError('a plan seals into an object store');
  return { bucket: at.bucket, key: at.key, id: upload };
}
