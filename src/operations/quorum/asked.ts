/** A question beside the archive that it is about: what is asked, by whom, for which model. */
import { trustKeyring } from '../../archive/keyring.ts';
import type { QuorumStanza } from '../../archive/quorum.ts';
import {
  assertOneKey,
  type Front,
  readFront,
  readTrailer,
  type Trailer,
} from '../../archive/reader.ts';
import { type Claims, trustSeal } from '../../archive/seal.ts';
import { fromBase64, hex } from '../../bytes.ts';
import type { SuiteName } from '../../crypto/suites.ts';
import { type Freshness, holdEpoch } from '../../custody/epochs/freshness.ts';
import { maxSignedBytes } from '../../custody/quorum/document.ts';
import { decodeQuestion, type Question, type QuestionKind } from '../../custody/quorum/question.ts';
import { assertAsks } from '../../custody/quorum/tally.ts';
import { using } from '../../engine/files.ts';
import { locationOf, openSource } from '../../engine/source.ts';
import type { Card } from '../../keys/card.ts';
import type { Trust } from '../../keys/policy.ts';
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

/** A question in the words of the archive, all of it checked but who asks. */
export interface QuestionView {
  readonly kind: QuestionKind;
  readonly requester: {
    readonly name: string;
    readonly fingerprint: string;
    /** Whether the trust that was given names this card, in whatever role. */
    readonly known: boolean;
  };
  readonly purpose: string;
  readonly askedAt: string;
  readonly expires: string;
  readonly archive: string;
  readonly suite: SuiteName;
  readonly contentRoot: string;
  readonly author: { readonly name: string; readonly fingerprint: string };
  readonly sealedAt: string;
  readonly claims?: Claims;
  readonly payloadBytes: number;
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
 * trusted. No key is needed.
 * @param kinds those that are welcome.
 * @throws StrongroomError `REQUEST_INVALID`, `REQUEST_MISMATCH`, `REQUEST_EXPIRED`, `EPOCH_ROLLBACK`, and of
 *   steps 1, 2, 6 and 7 of docs/format.md, "How to read".
 */
export async function readAsked(
  path: string,
  kinds: readonly QuestionKind[],
  options: AskedOptions,
): Promise<Asked> {
  const question = decodeQuestion(await readSmallFile(path, maxSignedBytes), kinds, path);
  const { archive, trust, keyring, now } = options;
  return using(openSource(locationOf(archive)), async (source) => {
    const front = await readFront(source, keyring);
    const { core, ring } = front;
    const quorum = assertAsks(question, core, ring, path, now);
    trustKeyring(ring, core, trust, source.name);
    holdEpoch(front, options, source.name);
    const trailer = await readTrailer(source, core);
    const author = trustSeal(trailer.seal, core, trust, source.name);
    assertOneKey(front, trailer, source.name);
    const view = viewOf(question, front, quorum, trailer, author, trust);
    return { question, front, quorum, commit: fromBase64(ring.document.signed.commit), view };
  });
}

function viewOf(
  { kind, card, signed }: Question,
  { core }: Front,
  { groups, split }: QuorumStanza,
  { seal, payload }: Trailer,
  author: Card,
  trust: Trust,
): QuestionView {
  const { claims, time } = seal.predicate;
  const keysOf = ({ signing }: Card) => signing.map(({ id }) => id).join();
  const known = trust.entries.some((entry) => keysOf(entry.card) === keysOf(card));
  return {
    kind,
    requester: { name: card.name, fingerprint: card.fingerprint, known },
    purpose: signed.purpose,
    askedAt: signed.created,
    expires: signed.expires,
    archive: hex(core.archiveId),
    suite: core.suite.name,
    contentRoot: hex(seal.contentRoot),
    author: { name: author.name, fingerprint: author.fingerprint },
    sealedAt: time,
    ...(claims === undefined ? {} : { claims }),
    payloadBytes: payload.length,
    split,
    groups: groups.map(({ name, threshold, shares }) => ({
      name,
      threshold,
      custodians: shares.map((share) => share.name),
    })),
  };
}
