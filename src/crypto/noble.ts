/**
 * ML-KEM and ML-DSA by @noble/post-quantum: on every Node, but without a promise of
 * constant time. Expanded secret keys live for one call and are wiped.
 */
import { createRequire } from 'node:module';
import type * as MlDsa from '@noble/post-quantum/ml-dsa.js';
import type * as MlKem from '@noble/post-quantum/ml-kem.js';
import { wipe } from '../bytes.ts';
import type {
  LatticeKem,
  LatticeKemName,
  LatticeKemRow,
  LatticeSignature,
  LatticeSignatureName,
  LatticeSignatureRow,
} from './lattice.ts';

// Loaded on first use, since most Nodes do not need it.
const require = createRequire(import.meta.url);

function kemOf(name: LatticeKemName) {
  const { ml_kem768, ml_kem1024 } = require('@noble/post-quantum/ml-kem.js') as typeof MlKem;
  return { 'ML-KEM-768': ml_kem768, 'ML-KEM-1024': ml_kem1024 }[name];
}

function signatureOf(name: LatticeSignatureName) {
  const { ml_dsa44, ml_dsa65, ml_dsa87 } = require('@noble/post-quantum/ml-dsa.js') as typeof MlDsa;
  return { 'ML-DSA-44': ml_dsa44, 'ML-DSA-65': ml_dsa65, 'ML-DSA-87': ml_dsa87 }[name];
}

interface Expanded {
  publicKey: Uint8Array;
  secretKey: Uint8Array;
}

function withExpanded<T>(keys: Expanded, use: (keys: Expanded) => T): T {
  try {
    return use(keys);
  } finally {
    wipe(keys.secretKey);
  }
}

export const nobleKem = ({ name }: LatticeKemRow): LatticeKem => {
  const kem = kemOf(name);
  return {
    publicKey: (seed) => withExpanded(kem.keygen(seed), (keys) => keys.publicKey),
    encapsulate: (publicKey) => {
      const { cipherText, sharedSecret } = kem.encapsulate(publicKey);
      return { enc: cipherText, secret: sharedSecret };
    },
    decapsulate: (seed, enc) =>
      withExpanded(kem.keygen(seed), (keys) => kem.decapsulate(enc, keys.secretKey)),
    accepts: (publicKey) => {
      try {
        kem.prepare(publicKey).clean();
        return true;
      } catch {
        return false;
      }
    },
  };
};

export const nobleSignature = ({ name }: LatticeSignatureRow): LatticeSignature => {
  const dsa = signatureOf(name);
  return {
    publicKey: (seed) => withExpanded(dsa.keygen(seed), (keys) => keys.publicKey),
    sign: (seed, message) =>
      withExpanded(dsa.keygen(seed), (keys) => dsa.sign(message, keys.secretKey)),
    verify: (publicKey, message, signature) => dsa.verify(signature, message, publicKey),
  };
};
