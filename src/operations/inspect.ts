/** What an archive says of itself, read without any key and not verified. */
import type { QuorumStanza } from '../archive/quorum.ts';
import { readFront, readTrailer } from '../archive/reader.ts';
import type { Claims, Predecessor } from '../archive/seal.ts';
import { hex } from '../bytes.ts';
import type { SuiteName } from '../crypto/suites.ts';
import { using } from '../engine/files.ts';
import { locationOf, openSource } from '../engine/source.ts';

export interface InspectReport {
  readonly archive: string;
  readonly version: 1;
  readonly suite: SuiteName;
  readonly contentRoot: string;
  /** As the seal states it: whether to believe it is for `verify`. */
  readonly author: { readonly name: string; readonly keys: readonly string[] };
  readonly sealedAt: string;
  readonly claims?: Claims;
  /** The archives that the content was sealed in before, the oldest first. */
  readonly rekeyed?: readonly Predecessor[];
  readonly keyring: {
    readonly epoch: number;
    readonly createdAt: string;
    readonly reason?: string;
    /** Ids of the keys that signed it. */
    readonly grantedBy: readonly string[];
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
 * @param keyring path of a detached key ring.
 * @throws StrongroomError when the parts are not those of one archive.
 */
export function inspect(path: string, { keyring }: { readonly keyring?: string | undefined } = {}) {
  return using(openSource(locationOf(path)), async (source): Promise<InspectReport> => {
    const { core, ring } = await readFront(source, keyring);
    const { footer, seal, payload } = await readTrailer(source, core);
    const { author, claims, rekeyed, time } = seal.predicate;
    const { epoch, created, reason, recipients, quorums } = ring.document.signed;
    return {
      archive: hex(core.archiveId),
      version: 1,
      suite: core.suite.name,
      contentRoot: hex(seal.contentRoot),
      author: { name: author.name, keys: author.keys },
      sealedAt: time,
      ...(claims === undefined ? {} : { claims }),
      ...(rekeyed === undefined ? {} : { rekeyed }),
      keyring: {
        epoch,
        createdAt: created,
        ...(reason === undefined ? {} : { reason }),
        grantedBy: ring.document.signatures.map(({ keyid }) => keyid),
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

const quorumOf = ({ split, groups }: QuorumStanza) => ({
  split,
  groups: groups.map(({ name, threshold, shares }) => ({
    name,
    threshold,
    custodians: shares.map((share) => ({ name: share.name, key: share.key })),
  })),
});
