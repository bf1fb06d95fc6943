/**
 * The one place that decides who computes ML-KEM (FIPS 203) and ML-DSA (FIPS 204).
 *
 * `node:crypto` is preferred, since @noble/post-quantum does not promise constant time, but
 * only once it has agreed with noble on a fixed key. That is tested rather than read off a
 * version number, and once a process, on first use.
 */
import { equal } from '../bytes.ts';
import {
  type LatticeKem,
  type LatticeKemName,
  type LatticeSignature,
  type LatticeSignatureName,
  latticeKems,
  latticeSignatures,
} from './lattice.ts';
import { nativeKem, nativeSignature } from './native.ts';
import { nobleKem, nobleSignature } from './noble.ts';

/** `native` if `agrees` says so, else `fallback`; decided once. A throw counts as disagreement. */
export function choose<T>(
  native: T,
  fallback: T,
  agrees: (native: T, fallback: T) => boolean,
): () => T {
  let chosen: T | undefined;
  const decide = () => {
    try {
      return agrees(native, fallback) ? native : fallback;
    } catch {
      return fallback;
    }
  };
  return () => {
    chosen ??= decide();
    return chosen;
  };
}

const kemSeed = Uint8Array.from({ length: 64 }, (_, i) => i);
const signatureSeed = kemSeed.subarray(0, 32);

const flipped = (bytes: Uint8Array): Uint8Array => {
  const out = bytes.slice();
  out[0] = (out[0] ?? 0) ^ 1;
  return out;
};

/** Whether two implementations of one ML-KEM are the same, implicit rejection included. */
export function kemsAgree(a: LatticeKem, b: LatticeKem): boolean {
  const publicKey = a.publicKey(kemSeed);
  if (!equal(publicKey, b.publicKey(kemSeed))) return false;

  for (const [sender, receiver] of [
    [a, b],
    [b, a],
  ] as const) {
    const { enc, secret } = sender.encapsulate(publicKey);
    if (!equal(receiver.decapsulate(kemSeed, enc), secret)) return false;
    const other = flipped(enc);
    if (!equal(a.decapsulate(kemSeed, other), b.decapsulate(kemSeed, other))) return false;
  }

  // Coefficients of 4095 are above the modulus 3329.
  const overflowing = publicKey.slice().fill(0xff, 0, 3);
  return [a, b].every((kem) => kem.accepts(publicKey) && !kem.accepts(overflowing));
}

/**
 * Whether `a` makes the keys of `b` and signatures that `b` accepts, and tells them from
 * altered ones. `b` need not sign: what it accepts, `a` has verified too.
 */
export function signaturesAgree(a: LatticeSignature, b: LatticeSignature): boolean {
  const publicKey = a.publicKey(signatureSeed);
  if (!equal(publicKey, b.publicKey(signatureSeed))) return false;

  const signature = a.sign(signatureSeed, kemSeed);
  return (
    b.verify(publicKey, kemSeed, signature) &&
    a.verify(publicKey, kemSeed, signature) &&
    !a.verify(publicKey, flipped(kemSeed), signature) &&
    !a.verify(publicKey, kemSeed, flipped(signature))
  );
}

const chooseKem = (name: LatticeKemName) =>
  choose(nativeKem(latticeKems[name]), nobleKem(latticeKems[name]), kemsAgree);

const chooseSignature = (name: LatticeSignatureName) =>
  choose(
    nativeSignature(latticeSignatures[name]),
    nobleSignature(latticeSignatures[name]),
    signaturesAgree,
  );

/** The implementation of ML-KEM to use; call it when it is needed, not while loading. */
export const mlKem: Readonly<Record<LatticeKemName, () => LatticeKem>> = {
  'ML-KEM-768': chooseKem('ML-KEM-768'),
  'ML-KEM-1024': chooseKem('ML-KEM-1024'),
};

/** The implementation of ML-DSA to use; call it when it is needed, not while loading. */
export const mlDsa: Readonly<Record<LatticeSignatureName, () => LatticeSignature>> = {
  'ML-DSA-65': chooseSignature('ML-DSA-65'),
  'ML-DSA-87': chooseSignature('ML-DSA-87'),
};
