/** A question beside the archive that it is about: what is asked, by whom, for which model. */
import type { QuorumStanza } from '../../archive/quorum.ts';
import { type Front, readFront } from '../../archive/reader.ts';
import { fromBase64, hex } from '../../bytes.ts';
import type { Freshness } from '../../custody/epochs/freshness.ts';
import { maxSignedBytes } from '../../custody/quorum/document.ts';
import { decodeQuestion, type Question, type QuestionKind } from '../../custody/quorum/question.ts';
import { assertMayTakePart, knownCard } from '../../custody/quorum/standing.ts';
import { assertAsks } from '../../custody/quorum/tally.ts';
import { using } from '../../engine/files.ts';
import { locationOf, openSource } from '../../engine/locate.ts';
import type { Trust } from '../../keys/policy.ts';
import { timeOf } from '../../time.ts';
import { readAttested, type SealReport, sealReport } from '../attested.ts';
import { readSmallFile } from '../keyfiles.ts';

/** What everyone who looks at a question needs. */
export interface AskedOptions extends Freshness {
  /** Path of the archive that the question is about. */
  readonly archive: string;
  readonly trust: Trust;
  /** Path of a detached key ring. */
  readonly keyring?: string | undefined;
  /** RFC 3339: the time to hold the question against, the clock's by default. */
  readonly now?: string | undefined;
}

/** A question in the words of the archive, all of it checked but who an unknown asker is. */
export interface QuestionView extends SealReport {
  readonly kind: QuestionKind;
  /** Hex: SHA-384 over the document, which answers name. */
  readonly question: string;
  readonly requester: {
    /** As on the card that is trusted, or else as they call themselves. */
    readonly name: string;
    /** Of the card that they show. */
    readonly fingerprint: string;
    /** Whether the trust that was given has this very card, in whatever role. */
    readonly known: boolean;
  };
  readonly purpose: string;
  readonly askedAt: string;
  readonly expires: string;
  readonly split: string;
  readonly groups: readonly {
    readonly name: string;
    readonly threshold: number;
    readonly custodians: readonly string[];
  }[];
}

export interface Asked {
  readonly question: Question;
  readonly front: Front;
  readonly quorum: QuorumStanza;
  readonly commit: Uint8Array;
  readonly view: QuestionView;
}

/**
 * Reads a question and holds it against its archive, whose key ring and seal are of someone
 * trusted, and whose asker's key is good. No key is needed.
 * @param kinds those that are welcome.
 * @throws StrongroomError `REQUEST_INVALID`, `REQUEST_MISMATCH`, `REQUEST_EXPIRED`, `EPOCH_ROLLBACK`,
 *   `KEY_STATE`, `KEY_UNLISTED`, `CARD_EXPIRED`, and of steps 1, 2, 6 and 7 of docs/format.md, "How to read".
 */
export async function readAsked(
  path: string,
  kinds: readonly QuestionKind[],
  options: AskedOptions,
): Promise<Asked> {
  const question = decodeQuestion(await readSmallFile(path, maxSignedBytes), kinds, path);
  const { archive, trust, keyring, now = timeOf() } = options;
  return using(openSource(locationOf(archive)), async (source) => {
    const front = await readFront(source, keyring);
    const { core, ring } = front;
    const quorum = assertAsks(question, core, ring, path, now);
    const attested = await readAttested(source, front, options);
    assertMayTakePart(trust, question.card, now);
    const view = viewOf(question, sealReport(front, attested), quorum, trust);
    return { question, front, quorum, commit: fromBase64(ring.document.signed.commit), view };
  });
}

function viewOf(
  { kind, card, signed, digest }: Question,
  sealed: SealReport,
  { groups, split }: QuorumStanza,
  trust: Trust,
): QuestionView {
  const trusted = knownCard(trust, card);
  const known = trusted?.fingerprint === card.fingerprint;
  const { name } = known ? trusted : card;
  return {
    kind,
    question: hex(digest),
    requester: { name, fingerprint: card.fingerprint, known },
    purpose: signed.purpose,
    askedAt: signed.created,
    expires: signed.expires,
    ...sealed,
    split,
    groups: groups.map(({ name, threshold, shares }) => ({
      name,
      threshold,
      custodians: shares.map((share) => share.name),
    })),
  };
}
