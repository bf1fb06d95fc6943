/** Verification: whose work an archive is, and that it is whole; with a key, also who can open it. */

import type { KeyHolder } from '../archive/keyring.ts';
import { readFloeHeader, readFront, readManifestBytes, unlockFrom } from '../archive/reader.ts';
import type { Predecessor } from '../archive/seal.ts';
import { assertTarFits } from '../archive/tarfit.ts';
import { runParallel } from '../archive/worker.ts';
import type { Freshness } from '../custody/epochs/freshness.ts';
import { using } from '../engine/files.ts';
import { locationOf, openSource } from '../engine/locate.ts';
import type { RunOptions } from '../engine/pool.ts';
import { StrongroomError } from '../errors.ts';
import type { Trust } from '../keys/policy.ts';
import { assertQuantumSafe, type Proof, provedBy, provedByRegistry } from '../provenance/proofs.ts';
import { readAttested, type SealReport, sealReport } from './attested.ts';
import { type LedgerDemand, proveByLog } from './custody/demand.ts';
import { type OmsDemand, proveOms } from './oms/demand.ts';

export interface VerifyOptions extends RunOptions, Freshness {
  readonly trust: Trust;
  /** With it, key ring, manifest and tar headers are held to be what the key says. */
  readonly identity?: KeyHolder | undefined;
  /** Path of a detached key ring. */
  readonly keyring?: string | undefined;
  /** Refuse what only signatures prove that a quantum computer could forge. */
  readonly quantumSafeOnly?: boolean | undefined;
  /** Demand a proof that a log has what a custody file tells of the sealing. */
  readonly ledger?: LedgerDemand | undefined;
  /** Demand signatures of model signing inside; takes an identity. */
  readonly oms?: OmsDemand | undefined;
}

export interface VerifyReport extends SealReport {
  /** The archives that the content was sealed in before, the oldest first. */
  readonly rekeyed?: readonly Predecessor[];
  readonly segments: number;
  readonly keyring: {
    readonly epoch: number;
    readonly grantedBy: { readonly name: string; readonly fingerprint: string };
    readonly recipients: number;
    readonly quorums: number;
    /** Whether a key was there to check that the ring is of someone who has the file key. */
    readonly unlocked: boolean;
  };
  /** What was verified, claim by claim, and by which signatures. */
  readonly proofs: readonly Proof[];
}

/**
 * Verifies the archive at `path`: seal, key ring and every segment, without any key.
 * @throws StrongroomError of any code that docs/format.md, "How to read", leads to.
 */
export function verify(path: string, options: VerifyOptions): Promise<VerifyReport> {
  const { trust, identity, keyring, oms } = options;
  if (oms !== undefined && identity === undefined) {
    throw new StrongroomError('USAGE', 'signatures inside an archive are read with a key', {
      hint: 'add -i IDENTITY',
    });
  }
  return using(openSource(locationOf(path), options.signal), async (source) => {
    const front = await readFront(source, keyring, options.signal);
    const { core, ring } = front;
    const attested = await readAttested(source, front, options);
    const { author, trailer, grantedBy } = attested;
    const { seal } = trailer;
    const proofs: Proof[] = [
      provedBy(author, 'what it holds, and claims of it'),
      provedBy(grantedBy, 'who can open it'),
      ...provedByRegistry(trust),
      ...(await proveByLog(path, options, { core, ring, seal, contentRoot: seal.contentRoot })),
    ];
    await readFloeHeader(source, trailer);
    await readManifestBytes(source, core, trailer);
    if (identity !== undefined) {
      const archive = await unlockFrom(source, front, { identity, trust });
      try {
        await assertTarFits(source, archive);
        proofs.push(...(await proveOms(source, archive, oms ?? {}, trust)));
      } finally {
        archive.wipe();
      }
    }
    if (options.quantumSafeOnly) assertQuantumSafe(proofs, source.name);
    const { payload, tree } = trailer;
    await runParallel({ kind: 'verify', source: source.location, payload, tree }, options);
    const { rekeyed } = seal.predicate;
    const { epoch, recipients, quorums = [] } = ring.document.signed;
    return {
      ...sealReport(front, attested),
      ...(rekeyed === undefined ? {} : { rekeyed }),
      segments: payload.segments,
      keyring: {
        epoch,
        grantedBy: { name: grantedBy.name, fingerprint: grantedBy.fingerprint },
        recipients: recipients.length,
        quorums: quorums.length,
        unlocked: identity !== undefined,
      },
      proofs,
    };
  });
}
