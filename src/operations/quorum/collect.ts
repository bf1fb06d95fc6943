/** Collecting answers: the file key from approvals, or a rehearsal's result from proofs. */

import { type FoundKey, unlockKeyring } from '../../archive/keyring.ts';
import type { Release } from '../../archive/quorum.ts';
import { base64, wipe } from '../../bytes.ts';
import { type Answer, answerDigest, answerTo, decodeAnswer } from '../../custody/quorum/answer.ts';
import { combine } from '../../custody/quorum/combine.ts';
import { maxSignedBytes } from '../../custody/quorum/document.ts';
import type { Question, QuestionKind } from '../../custody/quorum/question.ts';
import type { RequestKey } from '../../custody/quorum/request-key.ts';
import { assertInGoodStanding } from '../../custody/quorum/standing.ts';
import { assertQuorate, type GroupTally, tally } from '../../custody/quorum/tally.ts';
import { readSmallFile } from '../keyfiles.ts';
import { type AskedOptions, type QuestionView, readAsked } from './asked.ts';

export interface GroupReport {
  readonly name: string;
  readonly threshold: number;
  /** Names of those who answered, as the key ring has them. */
  readonly answered: readonly string[];
  readonly missing: number;
}

export interface QuorumReport {
  readonly asked: QuestionView;
  readonly groups: readonly GroupReport[];
}

export interface CombineOptions extends AskedOptions {
  /** Of the request; the caller wipes it. */
  readonly key: RequestKey;
}

/** The file key of an archive, approved by its quorum; give it to `open` as `identity`. */
export interface ApprovedKey extends FoundKey, QuorumReport {
  readonly release: Release;
  wipe(): void;
}

/**
 * Combines approvals of the request at `path`: every one is verified, the shares are held
 * against their commitments and the key against the archive's.
 * @param approvals paths.
 * @throws StrongroomError `QUORUM_SHORT`, `APPROVAL_INVALID`, `APPROVAL_REPLAYED`,
 *   `APPROVAL_OTHER_ARCHIVE`, `APPROVAL_OTHER_SPLIT`, `APPROVAL_DUPLICATE`, `NOT_A_HOLDER`,
 *   `SHARE_INVALID`, `REQUEST_KEY_INVALID`, `KEY_COMPROMISED`, and as `readAsked`.
 */
export async function combineApprovals(
  path: string,
  approvals: readonly string[],
  options: CombineOptions,
): Promise<ApprovedKey> {
  const { asked, groups } = await collect(path, 'request', approvals, options);
  const { question, quorum, front, commit, view } = asked;
  const { core, ring } = front;
  const { key, archive } = options;
  const fileKey = await combine(question, key, groups, quorum, core, commit, archive);
  try {
    const { keys, fileKey: copy } = await unlockKeyring(ring, core, { fileKey }, archive);
    keys.wipe();
    wipe(copy);
  } catch (error) {
    wipe(fileKey);
    throw error;
  }
  return {
    fileKey,
    ...reportOf(view, groups),
    release: releaseOf(question, groups),
    wipe: () => wipe(fileKey),
  };
}

/**
 * Counts the proofs that answer the challenge at `path`.
 * @param proofs paths.
 * @throws StrongroomError `QUORUM_SHORT` if a group could not open the archive on these, and
 *   as `combineApprovals`.
 */
export async function checkQuorum(
  path: string,
  proofs: readonly string[],
  options: AskedOptions,
): Promise<QuorumReport> {
  const { asked, groups } = await collect(path, 'challenge', proofs, options);
  assertQuorate(groups, 'proof', options.archive);
  return reportOf(asked.view, groups);
}

async function collect(
  path: string,
  kind: QuestionKind,
  paths: readonly string[],
  options: AskedOptions,
) {
  const asked = await readAsked(path, [kind], options);
  const answers: Answer[] = [];
  for (const each of paths) {
    const answer = decodeAnswer(await readSmallFile(each, maxSignedBytes), answerTo[kind], each);
    assertInGoodStanding(options.trust, answer);
    answers.push(answer);
  }
  return { asked, groups: tally(asked.question, answers, asked.quorum) };
}

const releaseOf = ({ digest, signed }: Question, groups: readonly GroupTally[]): Release => ({
  split: signed.split,
  request: base64(digest),
  approvals: groups.flatMap(({ given }) =>
    given.map(({ answer, stanza }) => ({ digest: answerDigest(answer), key: stanza.key })),
  ),
});

const reportOf = (asked: QuestionView, groups: readonly GroupTally[]): QuorumReport => ({
  asked,
  groups: groups.map(({ name, threshold, given, missing }) => ({
    name,
    threshold,
    answered: given.map(({ stanza }) => stanza.name),
    missing,
  })),
});
