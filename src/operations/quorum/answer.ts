/** A custodian's answer to a request or a challenge, after a look at what is asked. */
import { type Answer, answer, notAHolder } from '../../custody/quorum/answer.ts';
import type { QuestionKind } from '../../custody/quorum/question.ts';
import { shareOf } from '../../custody/quorum/share.ts';
import { assertMayTakePart } from '../../custody/quorum/standing.ts';
import { StrongroomError } from '../../errors.ts';
import type { Identity } from '../../keys/identity.ts';
import { timeOf } from '../../time.ts';
import { type AskedOptions, type QuestionView, readAsked } from './asked.ts';

export interface AnswerOptions extends AskedOptions {
  /** The custodian. */
  readonly identity: Identity;
  /** Shown what is asked, before the share is touched; anything but true declines. */
  readonly confirm: (view: QuestionView) => boolean | Promise<boolean>;
}

const reply = async (path: string, kind: QuestionKind, options: AnswerOptions): Promise<Answer> => {
  const { question, front, quorum, commit, view } = await readAsked(path, [kind], options);
  const { identity, trust, confirm, now = timeOf() } = options;
  assertMayTakePart(trust, identity.card, now);
  if (shareOf(quorum, identity.card) === undefined) throw notAHolder(identity.card.name);
  if ((await confirm(view)) !== true) {
    throw new StrongroomError('APPROVAL_DECLINED', `${path}: declined`, { file: path });
  }
  return answer(question, quorum, identity, front.core, commit, now);
};

/**
 * Approves the request at `path`: opens the custodian's own share, holds it against its
 * commitment, and seals it to the request's key.
 * @throws StrongroomError `REQUEST_INVALID`, `REQUEST_MISMATCH`, `REQUEST_EXPIRED`,
 *   `APPROVAL_DECLINED`, `NOT_A_HOLDER`, `SHARE_INVALID`, `KEY_STATE`, and as `verify` of the archive's front.
 */
export const approveRequest = (path: string, options: AnswerOptions): Promise<Answer> =>
  reply(path, 'request', options);

/**
 * Answers the challenge at `path`: opens the custodian's own share, holds it against its
 * commitment, and says so. Nothing of the share leaves.
 * @throws StrongroomError as `approveRequest`.
 */
export const proveShare = (path: string, options: AnswerOptions): Promise<Answer> =>
  reply(path, 'challenge', options);
