/** What an archive says of itself, read without any key and not verified. */
import { isGrantedBy } from '../archive/keyring.ts';
import type { QuorumStanza } from '../archive/quorum.ts';
import { readFront, readTrailer } from '../archive/reader.ts';
import { type Claims, isSealedBy, type Predecessor } from '../archive/seal.ts';
import { hex } from '../bytes.ts';
import type { SuiteName } from '../crypto/suites.ts';
import { using } from '../engine/files.ts';
import { locationOf, openSource } from '../engine/locate.ts';
import type { Card } from '../keys/card.ts';
import { signsWith } from '../keys/signed.ts';

/**
 * What the cards that were given say of a signature: `unchecked` if none of them has the keys that
 * are named. A card that `verified` it was not held against any time, nor against trust.
 */
type Checked =
  | { readonly state: 'unchecked' }
  | { readonly state: 'verified' | 'wrong'; readonly name: string; readonly fingerprint: string };

interface InspectOptions {
  /** Path of a detached key ring. */
  readonly keyring?: string | undefined;
  /** Cards to hold the signatures of seal and key ring against. */
  readonly cards?: readonly Card[] | undefined;
}

export interface InspectReport {
  readonly archive: string;
  readonly version: 1;
  readonly suite: SuiteName;
  readonly contentRoot: string;
  /** Name and keys as the seal states them: whether to believe it is for `verify`. */
  readonly author: {
    readonly name: string;
    readonly keys: readonly string[];
    readonly signature: Checked;
  };
  readonly sealedAt: string;
  readonly claims?: Claims;
  /** The archives that the content was sealed in before, the oldest first. */
  readonly rekeyed?: readonly Predecessor[];
  readonly keyring: {
    readonly epoch: number;
    readonly createdAt: string;
    readonly reason?: string;
    /** Ids of the keys that signed it, as it states them. */
    readonly grantedBy: readonly string[];
    readonly signature: Checked;
    /** KEM key ids; a hidden recipient has none. */
    readonly recipients: readonly { readonly key?: string }[];
    /** Splits of the key: groups that must all agree. */
    readonly quorums?: readonly {
      readonly split: string;
      readonly groups: readonly {
        readonly name: string;
        readonly threshold: number;
        readonly custodians: readonly { readonly name: string; readonly key: string }[];
      }[];
    }[];
  };
  /** In bytes. */
  readonly sizes: {
    readonly archive: number;
    readonly payload: number;
    readonly segment: number;
    readonly manifest: number;
    readonly keyringSlot: number;
  };
  readonly segments: number;
}

/**
 * Reads the public parts of the archive at `path`.
 * @throws StrongroomError when the parts are not those of one archive.
 */
export function inspect(path: string, { keyring, cards = [] }: InspectOptions = {}) {
  return using(openSource(locationOf(path)), async (source): Promise<InspectReport> => {
    const { core, ring } = await readFront(source, keyring);
    const { footer, seal, payload } = await readTrailer(source, core);
    const { author, claims, rekeyed, time } = seal.predicate;
    const { epoch, created, reason, recipients, quorums } = ring.document.signed;
    const granters = ring.document.signatures.map(({ keyid }) => keyid);
    return {
      archive: hex(core.archiveId),
      version: 1,
      suite: core.suite.name,
      contentRoot: hex(seal.contentRoot),
      author: {
        name: author.name,
        keys: author.keys,
        signature: check(cards, author.keys, (card) => isSealedBy(seal, card)),
      },
      sealedAt: time,
      ...(claims === undefined ? {} : { claims }),
      ...(rekeyed === undefined ? {} : { rekeyed }),
      keyring: {
        epoch,
        createdAt: created,
        ...(reason === undefined ? {} : { reason }),
        grantedBy: granters,
        signature: check(cards, granters, (card) => isGrantedBy(ring, card)),
        recipients: recipients.map(({ key }) => (key === undefined ? {} : { key })),
        ...(quorums === undefined ? {} : { quorums: quorums.map(quorumOf) }),
      },
      sizes: {
        archive: footer.archiveBytes,
        payload: payload.length,
        segment: payload.segmentBytes,
        manifest: footer.manifestBytes,
        keyringSlot: core.slotBytes,
      },
      segments: payload.segments,
    };
  });
}

function check(
  cards: readonly Card[],
  keys: readonly string[],
  verifies: (card: Card) => boolean,
): Checked {
  const card = cards.find((one) => signsWith(one, keys));
  if (card === undefined) return { state: 'unchecked' };
  const { name, fingerprint } = card;
  return { state: verifies(card) ? 'verified' : 'wrong', name, fingerprint };
}

const quorumOf = ({ split, groups }: QuorumStanza) => ({
  split,
  groups: groups.map(({ name, threshold, shares }) => ({
    name,
    threshold,
    custodians: shares.map((share) => ({ name: share.name, key: share.key })),
  })),
});
