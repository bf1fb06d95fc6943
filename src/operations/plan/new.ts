/** What all new plans have in common: who works, until when, and which keys each worker gets. */
import { randomBytes } from 'node:crypto';
import type { Core } from '../../archive/core.ts';
import { base64, hex, randomSecret, wipe } from '../../bytes.ts';
import type { FloeState } from '../../crypto/floe.ts';
import { sha384 } from '../../crypto/hash.ts';
import { StrongroomError } from '../../errors.ts';
import { assertSealable, type Card } from '../../keys/card.ts';
import { assertMayProtect } from '../../keys/enforce.ts';
import type { Identity } from '../../keys/identity.ts';
import type { Trust } from '../../keys/policy.ts';
import { maxRanges, type Span } from '../../scale/division.ts';
import { encodePlan, maxWorkers, type PlanBody, type PlanKind } from '../../scale/document.ts';
import { planKeyBytes, sealPlanKey, sealWindow, windowsOf } from '../../scale/keys.ts';
import { type Opening, type Sealing, sealPrivate } from '../../scale/private.ts';
import { timeOf } from '../../time.ts';
import { nothingOverHttp, writePlan } from './place.ts';

export interface NewPlanOptions {
  /** Where the plan is written: a path, or `s3://BUCKET/KEY`. */
  readonly plan: string;
  /** Into how many ranges the work is divided: 1 to 9,800. */
  readonly ranges: number;
  /** Who may do them, all of the archive's suite. */
  readonly workers: readonly Card[];
  /** Range `i` is for worker `i mod n` alone; by default every worker may do every range. */
  readonly assign?: boolean | undefined;
  /** RFC 3339, UTC, whole seconds; a week from now by default. */
  readonly expires?: string | undefined;
  /**
   * Where receipts are kept: a directory or `s3://BUCKET/PREFIX`, by default `OUTPUT.receipts`; in it
   * every plan has a place of its own.
   */
  readonly receipts?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PlanReport {
  /** Where the plan was written. */
  readonly plan: string;
  /** Hex, 32 bytes. */
  readonly id: string;
  readonly kind: PlanKind;
  readonly ranges: number;
  /** Of the upload; 0 where there is none. */
  readonly parts: number;
  readonly segments: number;
  readonly workers: number;
  /** What comes of it; empty where every worker opens onto its own disk. */
  readonly output: string;
  readonly receipts: string;
  readonly expires: string;
  readonly planBytes: number;
}

const usualLifeMs = 7 * 24 * 3_600_000;

/** What a new plan begins with. */
export interface NewPlan {
  readonly id: string;
  readonly created: string;
  readonly expires: string;
}

/** @throws StrongroomError USAGE, SUITE_MISMATCH, CARD_EXPIRED, CARD_INVALID, KEY_STATE, KEY_UNLISTED. */
export function beginPlan(options: NewPlanOptions, planner: Card, trust?: Trust): NewPlan {
  const { workers, ranges, plan } = options;
  const created = timeOf();
  const { expires = timeOf(new Date(Date.now() + usualLifeMs)) } = options;
  const usage = (what: string) => new StrongroomError('USAGE', what);
  if (/^https?:/i.test(plan)) throw nothingOverHttp(plan);
  if (expires <= created) throw usage('the plan would expire before it is made');
  if (!Number.isInteger(ranges) || ranges < 1 || ranges > maxRanges) {
    throw usage(`a plan has 1 to ${maxRanges} ranges`);
  }
  if (workers.length === 0 || workers.length > maxWorkers) {
    throw usage(`a plan has 1 to ${maxWorkers} workers`);
  }
  assertMayProtect(trust, [planner, ...workers], created);
  const keys = new Set<string>();
  for (const card of workers) {
    assertSealable(card, planner.suite, created);
    if (card.imported) {
      throw new StrongroomError('CARD_INVALID', `the card of ${card.name} cannot sign receipts`, {
        hint: 'name the card that keygen wrote',
      });
    }
    if (keys.has(card.kem.id)) throw usage(`the card of ${card.name} is named twice`);
    keys.add(card.kem.id);
  }
  return { id: hex(randomBytes(32)), created, expires };
}

/** What the workers need to read and encrypt or decrypt. */
export interface Secrets {
  readonly content: Sealing | Opening;
  readonly floe: FloeState;
  /** The segments of each range, in order. */
  readonly spans: readonly (readonly Span[])[];
}

/** The private part, and everybody's keys. */
export function hide(
  { id }: NewPlan,
  { workers, assign = false }: NewPlanOptions,
  core: Core,
  planner: Card,
  { content, floe, spans }: Secrets,
) {
  const context = { core, id };
  const planKey = randomSecret(planKeyBytes);
  try {
    const bytes = sealPrivate(content, context, planKey);
    const forAll = assign ? [] : windowsOf(spans.flat());
    const sealed = workers.map((card, at) => {
      const own = spans.filter((_, range) => range % workers.length === at).flat();
      const windows = assign ? windowsOf(own) : forAll;
      return {
        card: card.document,
        key: sealPlanKey(context, card, planKey),
        windows: windows.map((first) => sealWindow(context, card, floe, first)),
      };
    });
    return {
      bytes,
      workers: sealed,
      signed: {
        plannerKey: sealPlanKey(context, planner, planKey),
        private: { bytes: bytes.length, digest: base64(sha384(bytes)) },
      },
    };
  } finally {
    wipe(planKey);
  }
}

/** What every plan states alike. */
export const commonOf = (
  { id, created, expires }: NewPlan,
  options: NewPlanOptions,
  core: Core,
  planner: Card,
) => ({
  archive: hex(core.archiveId),
  assigned: options.assign ?? false,
  core: base64(core.bytes),
  created,
  expires,
  id,
  planner: { keys: planner.signing.map((key) => key.id), name: planner.name },
  ranges: options.ranges,
  type: 'strongroom/plan' as const,
  version: 1 as const,
});

/** Signs and writes a plan. */
export async function writeNewPlan(
  body: PlanBody,
  hidden: Uint8Array,
  planner: Identity,
  location: string,
): Promise<PlanReport> {
  const bytes = encodePlan(body, hidden, planner);
  await writePlan(location, bytes);
  return {
    plan: location,
    id: body.id,
    kind: body.kind,
    ranges: body.ranges,
    parts: body.kind === 'seal' ? body.parts.count : 0,
    segments: body.payload.segments,
    workers: body.workers.length,
    output: outputOf(body),
    receipts: body.receipts,
    expires: body.expires,
    planBytes: bytes.length,
  };
}

/** What comes of a plan: an archive, a directory, or the word on an archive. */
export const outputOf = (body: PlanBody): string =>
  body.kind === 'verify' ? body.source.address : (body.output ?? '');
