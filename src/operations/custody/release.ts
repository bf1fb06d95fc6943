/** Whether a quorum decided what a custody file says it did. */
import type { Keyring } from '../../archive/keyring.ts';
import type { QuorumStanza } from '../../archive/quorum.ts';
import { base64 } from '../../bytes.ts';
import { type Answer, answerDigest, decodeAnswer } from '../../custody/quorum/answer.ts';
import { maxSignedBytes } from '../../custody/quorum/document.ts';
import { decodeQuestion, type Question } from '../../custody/quorum/question.ts';
import { assertQuorate, tally } from '../../custody/quorum/tally.ts';
import { isStrongroomError, StrongroomError } from '../../errors.ts';
import type { Predicate } from '../../provenance/statements/statement.ts';
import type { Told } from '../../provenance/statements/trust.ts';
import { readSmallFile } from '../keyfiles.ts';

/**
 * Holds every release against the key ring, as long as that has its quorum, and against the
 * approvals where they are given.
 * @param ring in force, if the archive is at hand.
 * @param paths of requests and approvals.
 * @returns how many releases the approvals themselves prove.
 * @throws StrongroomError CUSTODY_BROKEN, CUSTODY_UNTRUSTED; of approvals.
 */
export async function assertDecided(
  told: readonly Told[],
  ring: Keyring | undefined,
  paths: readonly string[],
  file: string,
): Promise<number> {
  const { questions, answers } = await readEvidence(paths);
  let proved = 0;
  for (const { statement } of told) {
    if (statement.event !== 'released') continue;
    const { number, split, request } = statement.predicate;
    const quorum = ring?.document.signed.quorums?.find((each) => each.split === split);
    if (quorum === undefined) continue;
    const where = `${file}: line ${number}`;
    assertEnough(statement.predicate, quorum, where, file);
    const question = questions.get(request);
    if (question === undefined) continue;
    const given = statement.predicate.approvals.map(({ digest }) => answers.get(digest));
    const found = given.filter((answer) => answer !== undefined);
    if (found.length < given.length) continue;
    assertQuorate(tally(question, found, quorum), 'approval', where);
    proved += 1;
  }
  return proved;
}

/** The keys that a release names hold shares of the quorum, and enough of each group. */
function assertEnough(
  { approvals }: Predicate<'released'>,
  { groups }: QuorumStanza,
  where: string,
  file: string,
): void {
  const keys = new Set(approvals.map(({ key }) => key));
  const refuse = (why: string) =>
    new StrongroomError('CUSTODY_BROKEN', `${where} ${why}`, { file });
  let holders = 0;
  for (const { name, threshold, shares } of groups) {
    const given = shares.filter(({ key }) => keys.has(key)).length;
    if (given < threshold) throw refuse(`names ${given} of ${name}, where ${threshold} decide`);
    holders += given;
  }
  if (holders < keys.size) throw refuse('names someone who holds no share');
}

async function readEvidence(paths: readonly string[]) {
  const questions = new Map<string, Question>();
  const answers = new Map<string, Answer>();
  for (const path of paths) {
    const bytes = await readSmallFile(path, maxSignedBytes);
    try {
      const answer = decodeAnswer(bytes, 'approval', path);
      answers.set(answerDigest(answer), answer);
    } catch (error) {
      if (!isStrongroomError(error, 'APPROVAL_INVALID')) throw error;
      const question = decodeQuestion(bytes, ['request'], path);
      questions.set(base64(question.digest), question);
    }
  }
  return { questions, answers };
}
