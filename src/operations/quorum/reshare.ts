/** Other holders, or other thresholds: a new split of the same key, the payload untouched. */
import type { QuorumStanza } from '../../archive/quorum.ts';
import {
  assertPlans,
  createQuorum,
  custodiansOf,
  type QuorumPlan,
} from '../../custody/quorum/split.ts';
import type { UpdateOptions } from '../../custody/ring/update.ts';
import { assertMayProtect } from '../../keys/enforce.ts';
import { timeOf } from '../../time.ts';
import { type AccessReport, accessReport } from '../access.ts';
import { updateRecorded } from '../custody/change.ts';
import type { CustodyOptions } from '../custody/place.ts';

export interface ReshareOptions extends UpdateOptions, CustodyOptions {
  /** All quorums that the archive has from then on; an empty array takes them away. */
  readonly quorums: readonly QuorumPlan[];
}

export interface ReshareReport extends AccessReport {
  readonly quorums: number;
  readonly shares: number;
}

/**
 * Replaces the quorums of the archive at `path` in a new epoch of its key ring. Plain
 * recipients stay. Old shares open old copies of the key ring as before.
 * @throws StrongroomError `QUORUM_INVALID`, `KEY_STATE`, `KEY_UNLISTED`, and as `grant`.
 */
export async function reshareQuorum(path: string, options: ReshareOptions): Promise<ReshareReport> {
  const { quorums: plans, identity, trust } = options;
  assertMayProtect(trust, custodiansOf(plans));
  assertPlans(plans, identity.card.suite, timeOf());
  const updated = await updateRecorded(path, options, async ({ core, keys, fileKey }) => {
    const quorums: QuorumStanza[] = [];
    for (const plan of plans) quorums.push(await createQuorum(plan, fileKey, core, keys.commit));
    return { quorums };
  });
  return {
    ...accessReport(path, options, updated),
    quorums: plans.length,
    shares: custodiansOf(plans).length,
  };
}
