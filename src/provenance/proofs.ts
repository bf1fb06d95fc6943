/**
 * Which signatures prove a claim, and whether a quantum computer could forge them
 * (docs/provenance.md#what-is-proved-by-what).
 */
import { StrongroomError } from '../errors.ts';
import type { Card } from '../keys/card.ts';

/** A claim, and what proves it. */
export interface Proof {
  /** In words, such as `what it holds`. */
  readonly claim: string;
  /** Who signed it. */
  readonly by: string;
  /** Names of algorithms; every one of these signatures was verified. */
  readonly algorithms: readonly string[];
  /** Whether one of them is safe from quantum computers, and would be enough. */
  readonly quantumSafe: boolean;
}

/** The signatures that are safe, as far as is known: FIPS 204. */
const quantumSafe: ReadonlySet<string> = new Set(['ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87']);

/** A claim that a card's keys have signed, by all of its suite's algorithms. */
export function provedBy({ name, suite }: Card, claim: string): Proof {
  const algorithms = suite.signatures.map((algorithm) => algorithm.name);
  const isSafe = algorithms.some((algorithm) => quantumSafe.has(algorithm));
  return { claim, by: name, algorithms, quantumSafe: isSafe };
}

/** @throws StrongroomError CLASSICAL_ONLY for a claim that a quantum computer could forge. */
export function assertQuantumSafe(proofs: readonly Proof[], name: string): void {
  const weak = proofs.find((proof) => !proof.quantumSafe);
  if (weak === undefined) return;
  const { claim, by, algorithms } = weak;
  const message = `${name}: ${claim} is proved by ${algorithms.join(', ')} of ${by} alone`;
  throw new StrongroomError('CLASSICAL_ONLY', message, { file: name });
}
