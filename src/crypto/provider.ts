/**
 * The one place that decides who computes ML-KEM (FIPS 203) and ML-DSA (FIPS 204).
 *
 * `node:crypto` is preferred, since @noble/post-quantum does not promise constant time, but
 * only once it has given known answers. That is tested rather than read off a version number,
 * and once a process, on first use. Noble is only loaded where it is needed.
 */
import { equal, fromHex } from '../bytes.ts';
import { sha384 } from './hash.ts';
import {
  type LatticeKem,
  type LatticeKemName,
  type LatticeKemRow,
  type LatticeSignature,
  type LatticeSignatureName,
  type LatticeSignatureRow,
  latticeKems,
  latticeSignatures,
} from './lattice.ts';
import { nativeKem, nativeSignature } from './native.ts';
import { nobleKem, nobleSignature } from './noble.ts';

/** `native` if it is sound, else the fallback; decided once. A throw counts as unsound. */
export function choose<T>(native: T, fallback: () => T, isSound: (native: T) => boolean): () => T {
  let chosen: T | undefined;
  const decide = () => {
    try {
      return isSound(native) ? native : fallback();
    } catch {
      return fallback();
    }
  };
  return () => {
    chosen ??= decide();
    return chosen;
  };
}

const kemSeed = Uint8Array.from({ length: 64 }, (_, i) => i);
const signatureSeed = kemSeed.subarray(0, 32);

const isAnswer = (bytes: Uint8Array, known: string): boolean =>
  equal(sha384(bytes).subarray(0, 32), fromHex(known));

const flipped = (bytes: Uint8Array): Uint8Array => {
  const out = new Uint8Array(bytes);
  out[0] = (out[0] ?? 0) ^ 1;
  return out;
};

/** Whether an ML-KEM gives the known answers, and agrees with itself. */
export function isSoundKem(kem: LatticeKem, row: LatticeKemRow): boolean {
  const { publicKey: knownKey, rejection } = row.knownAnswers;
  const publicKey = kem.publicKey(kemSeed);
  if (!isAnswer(publicKey, knownKey)) return false;
  if (!isAnswer(kem.decapsulate(kemSeed, new Uint8Array(row.encBytes)), rejection)) return false;
  const { enc, secret } = kem.encapsulate(publicKey);
  if (!equal(kem.decapsulate(kemSeed, enc), secret)) return false;
  // Coefficients of 4095 are above the modulus 3329.
  return kem.accepts(publicKey) && !kem.accepts(new Uint8Array(publicKey).fill(0xff, 0, 3));
}

/** Whether an ML-DSA makes the known key, and tells its signatures from altered ones. */
export function isSoundSignature(dsa: LatticeSignature, row: LatticeSignatureRow): boolean {
  const publicKey = dsa.publicKey(signatureSeed);
  if (!isAnswer(publicKey, row.knownAnswers.publicKey)) return false;
  const signature = dsa.sign(signatureSeed, kemSeed);
  return (
    dsa.verify(publicKey, kemSeed, signature) &&
    !dsa.verify(publicKey, flipped(kemSeed), signature) &&
    !dsa.verify(publicKey, kemSeed, flipped(signature))
  );
}

const chooseKem = (name: LatticeKemName) => {
  const row = latticeKems[name];
  return choose(
    nativeKem(row),
    () => nobleKem(row),
    (kem) => isSoundKem(kem, row),
  );
};

const chooseSignature = (name: LatticeSignatureName) => {
  const row = latticeSignatures[name];
  return choose(
    nativeSignature(row),
    () => nobleSignature(row),
    (dsa) => isSoundSignature(dsa, row),
  );
};

/** The implementation of ML-KEM to use; call it when it is needed, not while loading. */
export const mlKem: Readonly<Record<LatticeKemName, () => LatticeKem>> = {
  'ML-KEM-768': chooseKem('ML-KEM-768'),
  'ML-KEM-1024': chooseKem('ML-KEM-1024'),
};

/** The implementation of ML-DSA to use; call it when it is needed, not while loading. */
export const mlDsa: Readonly<Record<LatticeSignatureName, () => LatticeSignature>> = {
  'ML-DSA-44': chooseSignature('ML-DSA-44'),
  'ML-DSA-65': chooseSignature('ML-DSA-65'),
  'ML-DSA-87': chooseSignature('ML-DSA-87'),
};
