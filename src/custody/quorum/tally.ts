/** Holding a question against the archive, and the answers against the question. */
import type { Core } from '../../archive/core.ts';
import type { Keyring } from '../../archive/keyring.ts';
import type { QuorumStanza } from '../../archive/quorum.ts';
import { base64, hex } from '../../bytes.ts';
import { type ErrorCode, StrongroomError } from '../../errors.ts';
import { timeOf } from '../../time.ts';
import { type Answer, answerTo, notAHolder } from './answer.ts';
import type { Question } from './question.ts';
import { type HeldShare, isHolder, shareAt } from './share.ts';

/**
 * The quorum that a question asks: of this archive, and as long as it may be asked.
 * @param now RFC 3339, the clock's time by default.
 * @throws StrongroomError `REQUEST_MISMATCH`, `REQUEST_EXPIRED`, `SUITE_MISMATCH`.
 */
export function assertAsks(
  question: Question,
  core: Core,
  ring: Keyring,
  name: string,
  now: string = timeOf(),
): QuorumStanza {
  const { kind, signed, card } = question;
  const refuse = (code: ErrorCode, why: string, hint?: string) =>
    new StrongroomError(code, `${name}: the ${kind} ${why}`, {
      file: name,
      ...(hint === undefined ? {} : { hint }),
    });
  if (signed.archive !== hex(core.archiveId) || signed.core !== base64(core.hash)) {
    throw refuse('REQUEST_MISMATCH', 'is about another archive');
  }
  if (card.suite.id !== core.suite.id) {
    throw refuse('SUITE_MISMATCH', `is of suite ${card.suite.name}, not ${core.suite.name}`);
  }
  const quorum = ring.document.signed.quorums?.find(({ split }) => split === signed.split);
  if (quorum === undefined) {
    const hint = 'the holders may have changed since: ask anew';
    throw refuse('REQUEST_MISMATCH', 'asks a quorum that the archive does not have', hint);
  }
  if (signed.expires <= now) throw refuse('REQUEST_EXPIRED', `expired at ${signed.expires}`);
  return quorum;
}

/** An answer that fits its question, and the share that it is about. */
export interface Counted extends HeldShare {
  readonly answer: Answer;
}

export interface GroupTally {
  readonly name: string;
  readonly threshold: number;
  readonly given: readonly Counted[];
  /** How many answers are still missing. */
  readonly missing: number;
  /** Names of the custodians who have not answered. */
  readonly open: readonly string[];
}

/**
 * Counts answers, each held against the question and the key ring.
 * @throws StrongroomError `APPROVAL_OTHER_ARCHIVE`, `APPROVAL_OTHER_SPLIT`,
 *   `APPROVAL_REPLAYED`, `NOT_A_HOLDER`, `SHARE_INVALID`, `REQUEST_EXPIRED`, `APPROVAL_DUPLICATE`.
 */
export function tally(
  question: Question,
  answers: readonly Answer[],
  quorum: QuorumStanza,
): GroupTally[] {
  const counted: Counted[] = [];
  for (const answer of answers) {
    const found = count(question, answer, quorum);
    const twice = counted.find(({ stanza }) => stanza === found.stanza);
    if (twice !== undefined) {
      const what = `${found.stanza.name} has answered in ${twice.answer.name} already`;
      throw new StrongroomError('APPROVAL_DUPLICATE', `${answer.name}: ${what}`, {
        file: answer.name,
      });
    }
    counted.push(found);
  }
  return quorum.groups.map(({ name, threshold, shares }, group) => {
    const given = counted.filter(({ place }) => place.group === group);
    const answered = new Set(given.map(({ stanza }) => stanza));
    const open = shares.filter((stanza) => !answered.has(stanza)).map((stanza) => stanza.name);
    return { name, threshold, given, missing: Math.max(0, threshold - given.length), open };
  });
}

function count(question: Question, answer: Answer, quorum: QuorumStanza): Counted {
  const { signed, card, name, kind } = answer;
  const refuse = (code: ErrorCode, why: string) =>
    new StrongroomError(code, `${name}: the ${kind} of ${card.name} ${why}`, { file: name });
  if (kind !== answerTo[question.kind]) {
    throw refuse('APPROVAL_INVALID', `does not answer a ${question.kind}`);
  }
  const asked = question.signed;
  if (signed.archive !== asked.archive || signed.core !== asked.core) {
    throw refuse('APPROVAL_OTHER_ARCHIVE', 'is about another archive');
  }
  if (signed.split !== asked.split) {
    throw refuse('APPROVAL_OTHER_SPLIT', 'is about another split of the key');
  }
  if (signed.answers !== base64(question.digest)) {
    throw refuse('APPROVAL_REPLAYED', `is for another ${question.kind}`);
  }
  const held = shareAt(quorum, signed.group, signed.index);
  if (held === undefined || !isHolder(held.stanza, card)) throw notAHolder(card.name, name);
  if (signed.created >= asked.expires) {
    throw refuse('REQUEST_EXPIRED', `was given at ${signed.created}, too late`);
  }
  if (signed.type === 'strongroom/quorum-proof' && signed.commitment !== held.stanza.commitment) {
    throw refuse('SHARE_INVALID', 'is about another share');
  }
  return { ...held, answer };
}

/** @throws StrongroomError `QUORUM_SHORT`, which says how many are missing and who could help. */
export function assertQuorate(groups: readonly GroupTally[], kind: string, name: string): void {
  const short = groups.filter(({ missing }) => missing > 0);
  if (short.length === 0) return;
  const missing = short.map((group) => `${group.missing} of ${group.name}`).join(', ');
  const who = short.map(({ name, open }) => `${name}: ${open.join(', ')}`).join('; ');
  const message = `${name}: ${kind}s are missing: ${missing}`;
  throw new StrongroomError('QUORUM_SHORT', message, {
    file: name,
    hint: `these could still give theirs: ${who}`,
  });
}
