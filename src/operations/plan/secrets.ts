/** What an identity finds for itself in a plan. */
import { deriveArchiveKeys } from '../../archive/filekey.ts';
import { decodeKeyring } from '../../archive/keyring.ts';
import { base64, fromBase64, wipe } from '../../bytes.ts';
import type { FloeWindow } from '../../crypto/floe.ts';
import { StrongroomError } from '../../errors.ts';
import type { Identity } from '../../keys/identity.ts';
import type { Span } from '../../scale/division.ts';
import type { BodyOf, WorkPlan } from '../../scale/document.ts';
import {
  openFileKey,
  openPlanKey,
  openWindow,
  type PlanStanza,
  windowsOf,
} from '../../scale/keys.ts';
import {
  type Hidden,
  type Opening,
  openOpening,
  openSealing,
  type Sealing,
} from '../../scale/private.ts';
import { type Beginning, continueArchive, frontOf } from '../output/beginning.ts';

const contextOf = ({ core, body }: WorkPlan) => ({ core, id: body.id });

const noKey = ({ name }: WorkPlan, { card }: Identity) =>
  new StrongroomError(
    'NO_KEY_FITS',
    `${name}: its keys are not sealed to this key of ${card.name}`,
    {
      file: name,
    },
  );

async function withPlanKey<T>(
  plan: WorkPlan,
  identity: Identity,
  stanza: PlanStanza | undefined,
  use: (hidden: Hidden) => T,
): Promise<T> {
  const context = contextOf(plan);
  const planKey = stanza && openPlanKey(context, identity, stanza);
  if (planKey === undefined) throw noKey(plan, identity);
  try {
    return use({ bytes: plan.hidden, context, planKey, name: plan.name });
  } finally {
    wipe(planKey);
  }
}

/**
 * The beginning of an archive to be, which its author can finish.
 * @throws StrongroomError NO_KEY_FITS, COMMIT_MISMATCH.
 */
export function resume(plan: WorkPlan, body: BodyOf<'seal'>, author: Identity): Beginning {
  const { core, name } = plan;
  const fileKey = openFileKey(contextOf(plan), author, body.fileKey);
  if (fileKey === undefined) throw noKey(plan, author);
  const keys = deriveArchiveKeys(fileKey, core);
  try {
    const ring = decodeKeyring(fromBase64(body.ring), core, name);
    if (base64(keys.commit) !== ring.document.signed.commit) {
      const message = `${name}: holds another key than its key ring commits to`;
      throw new StrongroomError('COMMIT_MISMATCH', message, { file: name });
    }
    return continueArchive({ core, fileKey, keys }, frontOfPlan(plan, body), name);
  } catch (error) {
    keys.wipe();
    wipe(fileKey);
    throw error;
  }
}

/** All that comes before the first segment of an archive to be. */
export function frontOfPlan({ core, name }: WorkPlan, body: BodyOf<'seal'>): Uint8Array {
  return frontOf(core, decodeKeyring(fromBase64(body.ring), core, name), fromBase64(body.floe));
}

/** @param stanza of the worker, or of the planner. */
export const readSealing = (
  plan: WorkPlan,
  identity: Identity,
  stanza: PlanStanza | undefined,
): Promise<Sealing> => withPlanKey(plan, identity, stanza, openSealing);

/** @param body the plan's. */
export const readOpening = (
  plan: WorkPlan,
  body: BodyOf<'open'>,
  identity: Identity,
  stanza: PlanStanza | undefined,
): Promise<Opening> => withPlanKey(plan, identity, stanza, (hidden) => openOpening(hidden, body));

/** The keys of the windows that a span of segments lies in; the caller wipes them. */
export function openWindows(
  plan: WorkPlan,
  body: BodyOf<'seal' | 'open'>,
  worker: number,
  identity: Identity,
  spans: readonly Span[],
): FloeWindow[] {
  const { windows = [] } = body.workers[worker] ?? {};
  return windowsOf(spans).map((first) => {
    const stanza = windows.find((each) => each.first === first);
    const found = stanza && openWindow(contextOf(plan), identity, stanza);
    if (found === undefined) throw noKey(plan, identity);
    return found;
  });
}
