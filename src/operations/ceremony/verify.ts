/** Looking at the transcript of a ceremony later: is it true, and who says so? */

import { fromBase64, hex } from '../../bytes.ts';
import type { SuiteName } from '../../crypto/suites.ts';
import type { CeremonyRole, Groups } from '../../custody/ceremony/plan.ts';
import type { Entry } from '../../custody/ceremony/record.ts';
import { decodeTranscript, maxTranscriptBytes } from '../../custody/ceremony/transcript.ts';
import type { QuorumPlan } from '../../custody/quorum/split.ts';
import { StrongroomError } from '../../errors.ts';
import type { Card } from '../../keys/card.ts';
import { assertSignedWhileActive } from '../../keys/enforce.ts';
import { type Trust, trustedCard } from '../../keys/policy.ts';
import { signingIds } from '../../keys/signed.ts';
import { readSmallFile } from '../keyfiles.ts';

export interface TranscriptReport {
  readonly title: string;
  readonly suite: SuiteName;
  readonly startedAt: string;
  readonly endedAt: string;
  /** Hex: SHA-384 over the plan. */
  readonly plan: string;
  readonly groups: readonly {
    readonly name: string;
    readonly threshold: number;
    readonly custodians: readonly string[];
  }[];
  readonly people: readonly {
    readonly name: string;
    readonly role: CeremonyRole;
    readonly fingerprint: string;
    /** Whether it signed the transcript and the trust that was given names it as a witness. */
    readonly trusted: boolean;
  }[];
  /** Interfaces that led out of the machine; absent where that could not be found out. */
  readonly routes?: readonly string[];
  readonly deviations: readonly Entry[];
  readonly steps: readonly Entry[];
}

export interface VerifyTranscriptOptions {
  /** Whom to believe, in the role of a witness. */
  readonly trust: Trust;
  /** Whether the transcript of a rehearsal is welcome, whose keys were not kept. */
  readonly rehearsal?: boolean | undefined;
  /** Held to be the quorum of this ceremony: its groups, thresholds and keys. */
  readonly quorum?: QuorumPlan | undefined;
}

/**
 * Verifies the transcript at `path`: consistent, signed by administrator and all witnesses, and
 * at least one of those witnesses is trusted.
 * @throws StrongroomError `TRANSCRIPT_INVALID`, `TRANSCRIPT_UNTRUSTED`, `TRANSCRIPT_MISMATCH`,
 *   `KEY_COMPROMISED`.
 */
export async function verifyTranscript(
  path: string,
  { trust, rehearsal = false, quorum }: VerifyTranscriptOptions,
): Promise<TranscriptReport> {
  const { signed, cards } = decodeTranscript(await readSmallFile(path, maxTranscriptBytes), path);
  if (signed.rehearsal && !rehearsal) {
    throw new StrongroomError('TRANSCRIPT_INVALID', `${path}: it is of a rehearsal only`, {
      file: path,
      hint: 'its keys were not kept; to look at it all the same, say --rehearsal',
    });
  }
  const people = cards.map((card, i) => {
    const role = signed.people[i]?.role ?? 'custodian';
    const ids = signingIds(card);
    const by = role === 'witness' ? trustedCard(trust, 'witness', ids) : undefined;
    if (by !== undefined) {
      const code = 'TRANSCRIPT_UNTRUSTED';
      assertSignedWhileActive(trust, {
        by,
        time: signed.ended,
        name: path,
        verb: 'witnessed',
        code,
      });
    }
    return { name: card.name, role, fingerprint: card.fingerprint, trusted: by !== undefined };
  });
  if (!people.some(({ trusted }) => trusted)) {
    const names = people.filter(({ role }) => role === 'witness').map(({ name }) => name);
    const message = `${path}: none of its witnesses is trusted: ${names.join(', ')}`;
    throw new StrongroomError('TRANSCRIPT_UNTRUSTED', message, { file: path });
  }
  if (quorum !== undefined) assertQuorumOf(signed.groups, cards, quorum, path);
  return {
    title: signed.title,
    suite: signed.suite,
    startedAt: signed.created,
    endedAt: signed.ended,
    plan: hex(fromBase64(signed.plan)),
    groups: signed.groups,
    people,
    ...(signed.machine.routes === undefined ? {} : { routes: signed.machine.routes }),
    deviations: signed.deviations,
    steps: signed.steps,
  };
}

/** The files of a quorum are signed by nobody: the transcript tells whose keys they should hold. */
function assertQuorumOf(
  groups: Groups,
  cards: readonly Card[],
  { groups: given }: QuorumPlan,
  path: string,
): void {
  const refuse = (why: string) =>
    new StrongroomError('TRANSCRIPT_MISMATCH', `${path}: the quorum is not that of it: ${why}`, {
      file: path,
    });
  if (given.length !== groups.length) throw refuse('it has other groups');
  for (const [i, { name, threshold, custodians }] of groups.entries()) {
    const group = given[i];
    if (group?.name !== name || group.threshold !== threshold) throw refuse('it has other groups');
    const made = custodians.map((who) => cards.find((card) => card.name === who)?.fingerprint);
    const keys = group.custodians.map(({ fingerprint }) => fingerprint);
    const strange = group.custodians.find(({ fingerprint }) => !made.includes(fingerprint));
    if (strange !== undefined) throw refuse(`the key of ${strange.name} was not made in it`);
    const missing = custodians.find((_, at) => !keys.includes(made[at] ?? ''));
    if (missing !== undefined) throw refuse(`${missing} is missing in ${name}`);
  }
}
