/**
 * The recovery rehearsal: a fresh test key is split among the new custodians, approved by them
 * and combined, by the same code that guards archives. Keys that fail it never become active.
 */
import { createCore, limits } from '../../archive/core.ts';
import { deriveArchiveKeys, fileKeyBytes } from '../../archive/filekey.ts';
import type { QuorumStanza } from '../../archive/quorum.ts';
import { equal, randomSecret, wipe } from '../../bytes.ts';
import { StrongroomError } from '../../errors.ts';
import type { Card } from '../../keys/card.ts';
import { createIdentity, type Identity } from '../../keys/identity.ts';
import { signingIds } from '../../keys/signed.ts';
import { timeOf } from '../../time.ts';
import { type Answer, answer } from '../quorum/answer.ts';
import { combine } from '../quorum/combine.ts';
import { createRequest, type Question } from '../quorum/question.ts';
import type { RequestKey } from '../quorum/request-key.ts';
import { createQuorum } from '../quorum/split.ts';
import { tally } from '../quorum/tally.ts';
import type { Groups } from './plan.ts';

export interface RecoveryRehearsal {
  /** A custodian opens their share with the key that they have just unlocked. */
  approve(custodian: Identity): void;
  /**
   * Combines all that was approved.
   * @returns the id of the split that was recovered from, in hex.
   * @throws StrongroomError `QUORUM_SHORT`, `SHARE_INVALID`, or `CEREMONY_STOPPED` if another
   *   key comes out.
   */
  combine(): Promise<string>;
  wipe(): void;
}

const day = 86_400_000;

/** @param cards of all custodians, by name. */
export async function rehearseRecovery(
  groups: Groups,
  cards: ReadonlyMap<string, Card>,
): Promise<RecoveryRehearsal> {
  const cardOf = (name: string): Card => cards.get(name) as Card;
  const { suite } = cardOf(groups[0]?.custodians[0] ?? '');
  // Whoever asks for the test key; its own key is gone when the ceremony is over
  const requester = createIdentity({ name: 'recovery rehearsal', suite: suite.name });
  const core = createCore({
    suite,
    segmentBytes: limits.segmentBytes.usual,
    slotBytes: limits.slotBytes.usual,
    authors: signingIds(requester.card),
  });
  const fileKey = randomSecret(fileKeyBytes);
  const keys = deriveArchiveKeys(fileKey, core);
  const plan = {
    groups: groups.map(({ name, threshold, custodians }) => ({
      name,
      threshold,
      custodians: custodians.map(cardOf),
    })),
  };
  const quorum: QuorumStanza = await createQuorum(plan, fileKey, core, keys.commit);
  const { request, key }: { request: Question; key: RequestKey } = createRequest({
    core,
    split: quorum.split,
    purpose: 'recovery rehearsal',
    expires: timeOf(new Date(Date.now() + day)),
    signer: requester,
  });
  requester.wipe();
  const answers: Answer[] = [];
  return {
    approve: (custodian) => {
      answers.push(answer(request, quorum, custodian, core, keys.commit));
    },
    async combine() {
      const name = 'recovery rehearsal';
      const counted = tally(request, answers, quorum);
      const found = await combine(request, key, counted, quorum, core, keys.commit, name);
      const fits = equal(found, fileKey);
      wipe(found);
      if (fits) return quorum.split;
      throw new StrongroomError('CEREMONY_STOPPED', `${name}: another key came out`);
    },
    wipe() {
      wipe(fileKey);
      keys.wipe();
      key.wipe();
    },
  };
}
