/** Asking the custodians of an archive: for their approval, or for a proof that they could. */
import { trustKeyring } from '../../archive/keyring.ts';
import type { QuorumStanza } from '../../archive/quorum.ts';
import { type Front, readFront } from '../../archive/reader.ts';
import { type Freshness, holdEpoch } from '../../custody/epochs/freshness.ts';
import {
  createChallenge,
  createRequest,
  type NewQuestion,
  type Question,
} from '../../custody/quorum/question.ts';
import type { RequestKey } from '../../custody/quorum/request-key.ts';
import { using } from '../../engine/files.ts';
import { locationOf, openSource } from '../../engine/locate.ts';
import { StrongroomError } from '../../errors.ts';
import { assertSealable } from '../../keys/card.ts';
import { assertMayProtect } from '../../keys/enforce.ts';
import type { Trust } from '../../keys/policy.ts';
import { timeOf } from '../../time.ts';

export interface AskOptions extends Omit<NewQuestion, 'core' | 'split'>, Freshness {
  /**
   * With it, whoever wrote the key ring is held to be trusted, the ring to be new enough, and the
   * signer's key to be active: nobody asks the holders of the past, or in vain.
   */
  readonly trust?: Trust | undefined;
  /** How the split id begins, in hex; needed only if the archive has several quorums. */
  readonly split?: string | undefined;
  /** Path of a detached key ring. */
  readonly keyring?: string | undefined;
}

/**
 * A request to open the archive at `path`, and the private key that approvals are sealed to:
 * keep it, or write it with `encodeRequestKey`, and wipe it.
 * @throws StrongroomError `NO_QUORUM`, `USAGE`, `SUITE_MISMATCH`, `CARD_EXPIRED`; with trust also
 *   `KEYRING_UNTRUSTED`, `EPOCH_ROLLBACK`, `KEY_STATE`, `KEY_UNLISTED`.
 */
export async function requestQuorum(
  path: string,
  options: AskOptions,
): Promise<{ readonly request: Question; readonly key: RequestKey }> {
  return createRequest(await questionAbout(path, options));
}

/**
 * A challenge to the custodians of the archive at `path`: nothing secret comes of it.
 * @throws StrongroomError as `requestQuorum`.
 */
export async function challengeQuorum(path: string, options: AskOptions): Promise<Question> {
  return createChallenge(await questionAbout(path, options));
}

function questionAbout(path: string, options: AskOptions): Promise<NewQuestion> {
  const { split: wanted, keyring, signer, trust, now = timeOf() } = options;
  assertMayProtect(trust, [signer.card], now);
  return using(openSource(locationOf(path)), async (source) => {
    const front = await readFront(source, keyring);
    assertSealable(signer.card, front.core.suite, now);
    if (trust !== undefined) {
      trustKeyring(front.ring, front.core, trust, source.name);
      holdEpoch(front, options, source.name);
    }
    const { split } = chooseQuorum(front, wanted, source.name);
    return { ...options, core: front.core, split, now };
  });
}

function chooseQuorum({ ring }: Front, wanted: string | undefined, path: string): QuorumStanza {
  const all = ring.document.signed.quorums ?? [];
  const refuse = (what: string, hint?: string) =>
    new StrongroomError('NO_QUORUM', `${path}: ${what}`, {
      file: path,
      ...(hint === undefined ? {} : { hint }),
    });
  if (all.length === 0) throw refuse('has no quorum');
  const fitting = all.filter(({ split }) => split.startsWith(wanted ?? ''));
  const [only] = fitting;
  if (only === undefined) throw refuse(`has no quorum of a split that begins with ${wanted}`);
  if (fitting.length === 1) return only;
  const which = fitting.map(({ split }) => split.slice(0, 8)).join(', ');
  throw refuse(`has ${fitting.length} quorums`, `name the split with --split: ${which}`);
}
