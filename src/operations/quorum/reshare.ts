/** Other holders, or other thresholds: a new split of the same key, the payload untouched. */
import {
  assertPlans,
  createQuorum,
  custodiansOf,
  type QuorumPlan,
} from '../../custody/quorum/split.ts';
import { type UpdateOptions, updateRing } from '../../custody/ring/update.ts';
import { assertMayProtect } from '../../keys/enforce.ts';
import { timeOf } from '../../keys/signed.ts';

export interface ReshareOptions extends UpdateOptions {
  /** All quorums that the archive has from then on; an empty array takes them away. */
  readonly quorums: readonly QuorumPlan[];
}

export interface ReshareReport {
  readonly epoch: number;
  readonly quorums: number;
  readonly shares: number;
  readonly recipients: number;
  /** Path of what was written: the archive, or a detached key ring. */
  readonly written: string;
}

/**
 * Replaces the quorums of the archive at `path` in a new epoch of its key ring. Plain
 * recipients stay. Old shares open old copies of the key ring as before.
 * @throws StrongroomError `QUORUM_INVALID`, `KEY_STATE`, `KEY_UNLISTED`, and as `updateRing`.
 */
export async function reshareQuorum(path: string, options: ReshareOptions): Promise<ReshareReport> {
  const { quorums: plans, identity, trust } = options;
  assertMayProtect(trust, custodiansOf(plans));
  assertPlans(plans, identity.card.suite, timeOf());
  const { after } = await updateRing(path, options, async ({ core, keys, fileKey }) => {
    const quorums = [];
    for (const plan of plans) quorums.push(await createQuorum(plan, fileKey, core, keys.commit));
    return { quorums };
  });
  const { epoch, recipients } = after.document.signed;
  return {
    epoch,
    quorums: plans.length,
    shares: custodiansOf(plans).length,
    recipients: recipients.length,
    written: options.output ?? path,
  };
}
