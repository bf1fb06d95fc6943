/**
 * ML-KEM and ML-DSA by `node:crypto`, where the running Node has them. Calling one on a
 * Node without it throws; `provider.ts` finds out by trying.
 */
import * as crypto from 'node:crypto';
import { taken } from '../bytes.ts';
import { privateKeyOf, publicKeyOf, rawPublicKey } from './der.ts';
import type {
  LatticeKem,
  LatticeKemRow,
  LatticeSignature,
  LatticeSignatureRow,
} from './lattice.ts';

/** What newer Nodes add, which the types of the oldest supported one lack. */
interface NativeKem {
  encapsulate(publicKey: crypto.KeyObject): { sharedKey: Uint8Array; ciphertext: Uint8Array };
  decapsulate(privateKey: crypto.KeyObject, ciphertext: Uint8Array): Uint8Array;
}

const kem = crypto as unknown as NativeKem;

export const nativeKem = ({ spkiPrefix, pkcs8Prefix }: LatticeKemRow): LatticeKem => ({
  publicKey: (seed) => rawPublicKey(spkiPrefix, privateKeyOf(pkcs8Prefix, seed)),
  encapsulate: (publicKey) => {
    const { sharedKey, ciphertext } = kem.encapsulate(publicKeyOf(spkiPrefix, publicKey));
    return { enc: new Uint8Array(ciphertext), secret: taken(sharedKey) };
  },
  decapsulate: (seed, enc) => taken(kem.decapsulate(privateKeyOf(pkcs8Prefix, seed), enc)),
  // The import itself does the modulus check; the self-test holds it to that.
  accepts: (publicKey) => {
    try {
      publicKeyOf(spkiPrefix, publicKey);
      return true;
    } catch {
      return false;
    }
  },
});

export const nativeSignature = (row: LatticeSignatureRow): LatticeSignature => ({
  publicKey: (seed) => rawPublicKey(row.spkiPrefix, privateKeyOf(row.pkcs8Prefix, seed)),
  sign: (seed, message) =>
    new Uint8Array(crypto.sign(null, message, privateKeyOf(row.pkcs8Prefix, seed))),
  verify: (publicKey, message, signature) =>
    crypto.verify(null, message, publicKeyOf(row.spkiPrefix, publicKey), signature),
});
