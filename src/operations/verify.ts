/** Verification: whose work an archive is, and that it is whole; with a key, also who can open it. */

import { type KeyHolder, trustKeyring } from '../archive/keyring.ts';
import {
  assertOneKey,
  readFloeHeader,
  readFront,
  readManifestBytes,
  readTrailer,
  unlockFrom,
} from '../archive/reader.ts';
import { type Claims, type Predecessor, trustSeal } from '../archive/seal.ts';
import { assertTarFits } from '../archive/tarfit.ts';
import { runParallel } from '../archive/worker.ts';
import { hex } from '../bytes.ts';
import type { SuiteName } from '../crypto/suites.ts';
import { type Freshness, holdEpoch } from '../custody/epochs/freshness.ts';
import { using } from '../engine/files.ts';
import type { RunOptions } from '../engine/pool.ts';
import { locationOf, openSource } from '../engine/source.ts';
import type { Trust } from '../keys/policy.ts';

export interface VerifyOptions extends RunOptions, Freshness {
  readonly trust: Trust;
  /** With it, key ring, manifest and tar headers are held to be what the key says. */
  readonly identity?: KeyHolder | undefined;
  /** Path of a detached key ring. */
  readonly keyring?: string | undefined;
}

export interface VerifyReport {
  readonly archive: string;
  readonly suite: SuiteName;
  readonly contentRoot: string;
  readonly author: { readonly name: string; readonly fingerprint: string };
  readonly sealedAt: string;
  readonly claims?: Claims;
  /** The archives that the content was sealed in before, the oldest first. */
  readonly rekeyed?: readonly Predecessor[];
  readonly payloadBytes: number;
  readonly segments: number;
  readonly keyring: {
    readonly epoch: number;
    readonly grantedBy: { readonly name: string; readonly fingerprint: string };
    readonly recipients: number;
    readonly quorums: number;
    /** Whether a key was there to check that the ring is of someone who has the file key. */
    readonly unlocked: boolean;
  };
}

/**
 * Verifies the archive at `path`: seal, key ring and every segment, without any key.
 * @throws StrongroomError of any code that docs/format.md, "How to read", leads to.
 */
export function verify(path: string, options: VerifyOptions): Promise<VerifyReport> {
  const { trust, identity, keyring } = options;
  return using(openSource(locationOf(path), options.signal), async (source) => {
    const { name } = source;
    const front = await readFront(source, keyring, options.signal);
    const { core, ring } = front;
    const granter = trustKeyring(ring, core, trust, name);
    holdEpoch(front, options, name);
    const trailer = await readTrailer(source, core);
    const author = trustSeal(trailer.seal, core, trust, name);
    assertOneKey(front, trailer, name);
    await readFloeHeader(source, trailer);
    await readManifestBytes(source, core, trailer);
    if (identity !== undefined) {
      const archive = await unlockFrom(source, front, { identity, trust });
      try {
        await assertTarFits(source, archive);
      } finally {
        archive.wipe();
      }
    }
    const { payload, tree, seal } = trailer;
    await runParallel({ kind: 'verify', source: source.location, payload, tree }, options);
    const { claims, rekeyed, time } = seal.predicate;
    const { epoch, recipients, quorums = [] } = ring.document.signed;
    return {
      archive: hex(core.archiveId),
      suite: core.suite.name,
      contentRoot: hex(seal.contentRoot),
      author: { name: author.name, fingerprint: author.fingerprint },
      sealedAt: time,
      ...(claims === undefined ? {} : { claims }),
      ...(rekeyed === undefined ? {} : { rekeyed }),
      payloadBytes: payload.length,
      segments: payload.segments,
      keyring: {
        epoch,
        grantedBy: { name: granter.name, fingerprint: granter.fingerprint },
        recipients: recipients.length,
        quorums: quorums.length,
        unlocked: identity !== undefined,
      },
    };
  });
}
