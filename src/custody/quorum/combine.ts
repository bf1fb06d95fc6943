/** From approvals to the file key, on the machine of whoever asked (docs/format.md, "Quorums"). */
import type { Core } from '../../archive/core.ts';
import type { QuorumStanza } from '../../archive/quorum.ts';
import { shareBytes } from '../../archive/quorum.ts';
import { fromBase64, wipe } from '../../bytes.ts';
import { hpkeOpen } from '../../crypto/hpke.ts';
import { StrongroomError } from '../../errors.ts';
import { approvalInfo, assertKeyOf, type Question } from './question.ts';
import type { RequestKey } from './request-key.ts';
import { isCommitted } from './share.ts';
import { openQuorum } from './split.ts';
import { assertQuorate, type Counted, type GroupTally } from './tally.ts';

/**
 * The file key that a quorum has approved; the caller wipes it, and still holds it against
 * `commit` and the ring's MAC.
 * @param groups from `tally`.
 * @param name of the archive, for messages.
 * @throws StrongroomError `REQUEST_KEY_INVALID`, `QUORUM_SHORT`, `SHARE_INVALID`.
 */
export async function combine(
  request: Question,
  key: RequestKey,
  groups: readonly GroupTally[],
  quorum: QuorumStanza,
  core: Core,
  commit: Uint8Array,
  name: string,
): Promise<Uint8Array> {
  assertKeyOf(request, key);
  assertQuorate(groups, 'approval', name);
  const opened: Uint8Array[] = [];
  try {
    // All that were given, also those beyond the threshold: a bad one is named at once
    const shares = groups.map(({ given }) =>
      given.map((counted) => {
        const found = openApproval(request, key, counted);
        opened.push(found);
        return found.subarray(0, shareBytes);
      }),
    );
    return await openQuorum(quorum, shares, core, commit);
  } finally {
    wipe(...opened);
  }
}

function openApproval(
  request: Question,
  key: RequestKey,
  { answer, stanza, place }: Counted,
): Uint8Array {
  const { signed, name } = answer;
  if (signed.type !== 'strongroom/quorum-approval') throw new TypeError('not an approval');
  const info = approvalInfo(request, place.group, place.index);
  const [enc, sealed] = [fromBase64(signed.enc), fromBase64(signed.sealed)];
  const opened = hpkeOpen(request.card.suite, key.seed, enc, sealed, info);
  if (opened !== undefined && isCommitted(opened, stanza, place)) return opened;
  if (opened !== undefined) wipe(opened);
  const why = opened === undefined ? 'does not open' : 'is not the one that was dealt';
  throw new StrongroomError('SHARE_INVALID', `${name}: the share of ${stanza.name} ${why}`, {
    file: name,
  });
}
