/** Verifying a proof, offline: the four steps of c2sp.org/tlog-proof. */
import { equal } from '../../bytes.ts';
import { StrongroomError } from '../../errors.ts';
import { leafHash, rootOfInclusion } from './merkle.ts';
import type { LedgerPolicy } from './policy.ts';
import { decodeProof } from './proof.ts';
import { assertTrusted, type TrustOptions, type VerifiedSignature } from './trust.ts';

/** What a proof shows. */
export interface ProofReport {
  /** The name of the log. */
  readonly origin: string;
  readonly index: number;
  /** Entries of the log when its checkpoint was signed. */
  readonly size: number;
  readonly root: Uint8Array;
  /** All that were verified, whether they were needed or not. */
  readonly signatures: readonly VerifiedSignature[];
}

/**
 * Verifies that a proof shows `entry` to be in a log that the policy takes for good.
 * @param proof the bytes of a `.tlog-proof` file.
 * @throws StrongroomError PROOF_INVALID, LEDGER_UNTRUSTED.
 */
export function verifyLedgerProof(
  proof: Uint8Array,
  entry: Uint8Array,
  policy: LedgerPolicy,
  options: TrustOptions = {},
): ProofReport {
  const { index, hashes, ...signed } = decodeProof(proof);
  const signatures = assertTrusted(signed, policy, options);
  const { origin, size, root } = signed.checkpoint;
  const proved = rootOfInclusion(leafHash(entry), index, size, hashes);
  if (proved !== undefined && equal(proved, root)) return { origin, index, size, root, signatures };
  throw new StrongroomError('PROOF_INVALID', `proof: it is not of this entry, or was altered`, {
    hint: 'give the document that the proof was made for',
  });
}
