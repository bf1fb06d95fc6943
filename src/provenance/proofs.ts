/**
 * Which signatures prove a claim, and whether a quantum computer could forge them
 * (docs/provenance.md#what-is-proved-by-what).
 */
import { StrongroomError } from '../errors.ts';
import type { Card } from '../keys/card.ts';
import type { Trust } from '../keys/policy.ts';

/** A claim, and what proves it. */
export interface Proof {
  /** In words, such as `what it holds`. */
  readonly claim: string;
  /** Who signed it: a name, or how a key or a log is called. */
  readonly by: string;
  /** Of the card by which they are trusted, if they have one: names can be alike. */
  readonly fingerprint?: string;
  /** Names of algorithms; every one of these signatures was verified. */
  readonly algorithms: readonly string[];
  /** Whether one of them is safe from quantum computers, and would be enough. */
  readonly quantumSafe: boolean;
}

/** The signatures that are safe, as far as is known: FIPS 204. */
const quantumSafe: ReadonlySet<string> = new Set(['ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87']);

const isSafe = ({ suite }: Card): boolean =>
  suite.signatures.some(({ name }) => quantumSafe.has(name));

/** A claim that a card's keys have signed, by all of its suite's algorithms. */
export function provedBy(card: Card, claim: string): Proof {
  const { name, fingerprint, suite } = card;
  const algorithms = suite.signatures.map((algorithm) => algorithm.name);
  return { claim, by: name, fingerprint, algorithms, quantumSafe: isSafe(card) };
}

/** What a registry says of keys: every event of it is signed by one of its administrators. */
export function provedByRegistry({ administrators = [] }: Trust): Proof[] {
  const [first, ...others] = administrators;
  if (first === undefined) return [];
  const claim = 'roles and states of keys, by the registry';
  if (others.length === 0) return [provedBy(first, claim)];
  const algorithms = administrators.flatMap(({ suite }) => suite.signatures);
  return [
    {
      claim,
      by: administrators.map(({ fingerprint, name }) => `${fingerprint}, ${name}`).join(' or '),
      algorithms: [...new Set(algorithms.map(({ name }) => name))],
      quantumSafe: administrators.every(isSafe),
    },
  ];
}

/** Whose proof it is, the fingerprint first: no name, whatever it says, can stand in its place. */
const signerOf = ({ by, fingerprint }: Proof): string =>
  fingerprint === undefined ? by : `${fingerprint}, ${by}`;

/** @throws StrongroomError CLASSICAL_ONLY for a claim that a quantum computer could forge. */
export function assertQuantumSafe(proofs: readonly Proof[], name: string): void {
  const weak = proofs.find((proof) => !proof.quantumSafe);
  if (weak === undefined) return;
  const { claim, algorithms } = weak;
  const message = `${name}: ${claim}: proved by ${algorithms.join(' and ')} of ${signerOf(weak)} alone`;
  throw new StrongroomError('CLASSICAL_ONLY', message, { file: name });
}
