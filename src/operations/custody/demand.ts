/** A demand of `verify`: a log has what was told of the sealing of an archive. */

import { isStrongroomError, StrongroomError } from '../../errors.ts';
import type { Trust } from '../../keys/policy.ts';
import { commitmentOf } from '../../provenance/ledger/commitment.ts';
import type { LedgerPolicy } from '../../provenance/ledger/policy.ts';
import { maxProofBytes } from '../../provenance/ledger/proof.ts';
import { verifyLedgerProof } from '../../provenance/ledger/verify.ts';
import type { Proof } from '../../provenance/proofs.ts';
import { assertAbout } from '../../provenance/statements/against.ts';
import { custodyPathOf, readCustody } from '../../provenance/statements/file.ts';
import { trustSteps } from '../../provenance/statements/trust.ts';
import { readSmallFile } from '../keyfiles.ts';
import type { Subject } from './place.ts';

export interface LedgerDemand {
  readonly policy: LedgerPolicy;
  /** Path of the custody file, by default the one beside the archive. */
  readonly custody?: string | undefined;
  /** Path of the proof of its first line, by default the file and `.tlog-proof`. */
  readonly proof?: string | undefined;
}

interface Demands {
  readonly trust: Trust;
  readonly ledger?: LedgerDemand | undefined;
}

/**
 * Holds the sealing to be in a log, if that is demanded, offline.
 * @throws StrongroomError LEDGER_INCOMPLETE where there is no proof, PROOF_INVALID, LEDGER_UNTRUSTED; of the custody file.
 */
export async function proveByLog(
  archive: string,
  { trust, ledger }: Demands,
  subject: Subject,
): Promise<Proof[]> {
  if (ledger === undefined) return [];
  const { policy, custody = custodyPathOf(archive) } = ledger;
  const steps = await found(custody, () => readCustody(custody));
  const sealed = steps.slice(0, 1);
  trustSteps(sealed, { trust }, custody);
  assertAbout(sealed, subject, subject.seal, custody);
  const path = ledger.proof ?? `${custody}.tlog-proof`;
  const proof = await found(path, () => readSmallFile(path, maxProofBytes));
  const entry = commitmentOf(sealed[0]?.statement.bytes ?? new Uint8Array());
  const { origin, signatures } = verifyLedgerProof(proof, entry, policy);
  return [
    {
      claim: claimOf(steps.length),
      by: origin,
      algorithms: signatures.map(({ name, algorithm }) =>
        name === origin ? algorithm : `${algorithm} of ${name}`,
      ),
      quantumSafe: isEnough(() =>
        verifyLedgerProof(proof, entry, policy, { quantumSafeOnly: true }),
      ),
    },
  ];
}

/** What the demand rests on: whoever sent the archive may have left it out. */
async function found<T>(path: string, read: () => T): Promise<Awaited<T>> {
  try {
    return await read();
  } catch (error) {
    if (!isStrongroomError(error, 'NOT_FOUND')) throw error;
    const message = `${path}: not there, and so nothing proves that the sealing is in a log`;
    const hint = 'ask whoever keeps the log: "strongroom ledger prove LOG CUSTODY --line 1"';
    throw new StrongroomError('LEDGER_INCOMPLETE', message, { file: path, hint });
  }
}

/** In words what is proved, and what is not: offline nobody can tell what a log has besides. */
function claimOf(lines: number): string {
  const sealing = 'that its sealing is in the log';
  if (lines === 1) return sealing;
  const later = lines === 2 ? 'the line' : `the ${lines - 1} lines`;
  return `${sealing} (not looked for: ${later} told since)`;
}

function isEnough(verify: () => unknown): boolean {
  try {
    verify();
    return true;
  } catch (error) {
    if (isStrongroomError(error, 'LEDGER_UNTRUSTED')) return false;
    throw error;
  }
}
