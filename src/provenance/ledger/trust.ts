/**
 * Whether to believe a checkpoint: who signed it, and whether a policy takes that for enough.
 *
 * c2sp.org/tlog-policy, c2sp.org/signed-note
 */
import { StrongroomError } from '../../errors.ts';
import type { SignedCheckpoint } from './log.ts';
import type { LedgerPolicy } from './policy.ts';
import { isOfKey, type LedgerRole, type Verifier, verifyCheckpoint } from './signatures.ts';

export interface TrustOptions {
  /** Whether signatures that a quantum computer could forge count for nothing. */
  readonly quantumSafeOnly?: boolean | undefined;
}

/** A signature that was verified. */
export interface VerifiedSignature {
  readonly name: string;
  readonly role: LedgerRole;
  readonly algorithm: string;
  readonly isQuantumSafe: boolean;
  /** POSIX, in seconds: when it was signed, as far as its type says. */
  readonly time?: number;
}

/**
 * Verifies every signature of a key that the policy knows, and holds them against its rule.
 * @throws StrongroomError LEDGER_UNTRUSTED.
 */
export function assertTrusted(
  signed: SignedCheckpoint,
  policy: LedgerPolicy,
  options: TrustOptions = {},
): VerifiedSignature[] {
  const { verified, cosigners } = verifySignatures(signed, policy, options);
  if (policy.isQuorum(cosigners)) return verified;
  const names = [...cosigners].map(({ name }) => name).join(', ') || 'none';
  const why = `not enough witnesses with a ${kindOf(options)} (${names}) for the policy's quorum`;
  throw untrusted(signed.checkpoint.origin, why);
}

/**
 * The same without the policy's quorum: a witness does not wait for the others.
 * @throws StrongroomError LEDGER_UNTRUSTED.
 */
export function assertOfLog(
  signed: SignedCheckpoint,
  policy: LedgerPolicy,
  options: TrustOptions = {},
): VerifiedSignature[] {
  return verifySignatures(signed, policy, options).verified;
}

const kindOf = ({ quantumSafeOnly = false }: TrustOptions) =>
  quantumSafeOnly ? 'quantum-safe signature' : 'signature';

function verifySignatures(
  { note, checkpoint }: SignedCheckpoint,
  policy: LedgerPolicy,
  options: TrustOptions,
) {
  const { origin } = checkpoint;
  const logs = policy.logs.filter(({ name }) => name === origin);
  if (logs.length === 0) throw untrusted(origin, 'the policy knows no log of that name');
  const known = [
    ...logs.map((key) => ({ key, role: 'log' as const })),
    ...policy.witnesses.map((key) => ({ key, role: 'witness' as const })),
  ];
  const verified: VerifiedSignature[] = [];
  const counted: Record<LedgerRole, Set<Verifier>> = { log: new Set(), witness: new Set() };
  for (const signature of note.signatures) {
    for (const { key, role } of known) {
      if (!isOfKey(signature, key)) continue;
      const time = verifyCheckpoint(key, signature, { text: note.text, checkpoint });
      if (time === undefined) throw untrusted(origin, `the signature of ${key.name} is not valid`);
      const { name, isQuantumSafe } = key.type;
      const when = time === 0 ? {} : { time };
      verified.push({ name: key.name, role, algorithm: name, isQuantumSafe, ...when });
      if (isQuantumSafe || !options.quantumSafeOnly) counted[role].add(key);
    }
  }
  if (counted.log.size > 0) return { verified, cosigners: counted.witness };
  throw untrusted(origin, `no ${kindOf(options)} of the log that the policy knows`);
}

const untrusted = (origin: string, why: string) =>
  new StrongroomError('LEDGER_UNTRUSTED', `checkpoint of ${origin}: ${why}`);
