/** Giving a plan up: its upload, whose parts cost as long as they are there, or its stage. */
import { basename } from 'node:path';
import { exists } from '../../engine/files.ts';
import { adoptDirectory } from '../../engine/output.ts';
import { abortUpload, listParts } from '../../engine/remote/multipart.ts';
import { asStrongroomError } from '../../errors.ts';
import type { Identity } from '../../keys/identity.ts';
import type { PlanKind } from '../../scale/document.ts';
import { outputOf } from './new.ts';
import { readOwn, uploadOf } from './show.ts';

export interface CancelOptions {
  /** The planner's. */
  readonly identity: Identity;
  readonly signal?: AbortSignal | undefined;
}

export interface CancelReport {
  readonly id: string;
  readonly kind: PlanKind;
  readonly output: string;
  /** `nothing`: it was finished or given up before, or there is nothing to give up. */
  readonly state: 'cancelled' | 'nothing';
}

/**
 * Gives up what the plan at `location` has begun. What it was finished to stays, and receipts too.
 * @throws StrongroomError PLAN_INVALID, PLAN_UNTRUSTED unless the identity made it; and as any
 *   request.
 */
export async function cancelPlan(location: string, options: CancelOptions): Promise<CancelReport> {
  const { identity, signal = new AbortController().signal } = options;
  const { body } = await readOwn(location, identity, signal);
  const told = { id: body.id, kind: body.kind, output: outputOf(body) };
  if (body.kind === 'seal') {
    const upload = uploadOf(body);
    const isThere = (await listParts(upload, signal, { from: 1, to: 2 })) !== undefined;
    if (!isThere) return { ...told, state: 'nothing' };
    await abortUpload(upload, signal);
    return { ...told, state: 'cancelled' };
  }
  if (body.kind === 'verify' || body.stage === undefined || !exists(body.stage)) {
    return { ...told, state: 'nothing' };
  }
  try {
    adoptDirectory(body.output as string, basename(body.stage)).discard();
  } catch (error) {
    throw asStrongroomError(error, body.stage);
  }
  return { ...told, state: 'cancelled' };
}
