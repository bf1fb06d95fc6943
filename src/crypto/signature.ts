/**
 * Signatures, one row an algorithm: ML-DSA (FIPS 204), pure, with an empty context, its
 * keys as in RFC 9881; Ed25519 (RFC 8032), its keys as in RFC 8410.
 */
import { StrongroomError } from '../errors.ts';
import {
  ed25519Pkcs8,
  ed25519PublicKey,
  ed25519Sign,
  ed25519Spki,
  ed25519Verify,
  isEd25519KeySound,
} from './curve25519.ts';
import { type LatticeSignatureName, latticeSignatures } from './lattice.ts';
import { mlDsa } from './provider.ts';

export interface SignatureAlgorithm {
  readonly name: string;
  readonly publicKeyBytes: number;
  readonly signatureBytes: number;
  readonly seedBytes: number;
  /** DER up to the raw public key. */
  readonly spkiPrefix: Uint8Array;
  /** DER up to the seed. */
  readonly pkcs8Prefix: Uint8Array;
  publicKey(seed: Uint8Array): Uint8Array;
  sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  /** False for whatever does not verify, wrong lengths included; never throws. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** @throws StrongroomError KEY_INVALID: length, and for Ed25519 encoding and order. */
  validate(publicKey: Uint8Array): void;
}

/** The parts of an algorithm that see only inputs of the right length. */
type Core = Omit<SignatureAlgorithm, 'validate'> & { isSound(publicKey: Uint8Array): boolean };

/** Adds the checks that all rows share. */
function guarded(core: Core): SignatureAlgorithm {
  const { isSound, ...algorithm } = core;
  const expect = (what: string, bytes: Uint8Array, length: number) => {
    if (bytes.length === length) return;
    const why = `has ${bytes.length} bytes instead of ${length}`;
    throw new StrongroomError('KEY_INVALID', `${algorithm.name} ${what} ${why}`);
  };
  return {
    ...algorithm,
    publicKey: (seed) => {
      expect('seed', seed, algorithm.seedBytes);
      return algorithm.publicKey(seed);
    },
    sign: (seed, message) => {
      expect('seed', seed, algorithm.seedBytes);
      return algorithm.sign(seed, message);
    },
    verify: (publicKey, message, signature) => {
      if (publicKey.length !== algorithm.publicKeyBytes) return false;
      if (signature.length !== algorithm.signatureBytes) return false;
      try {
        return algorithm.verify(publicKey, message, signature);
      } catch {
        return false;
      }
    },
    validate: (publicKey) => {
      expect('public key', publicKey, algorithm.publicKeyBytes);
      if (isSound(publicKey)) return;
      throw new StrongroomError('KEY_INVALID', `${algorithm.name} public key is not valid`);
    },
  };
}

const lattice = (name: LatticeSignatureName): SignatureAlgorithm =>
  guarded({
    ...latticeSignatures[name],
    publicKey: (seed) => mlDsa[name]().publicKey(seed),
    sign: (seed, message) => mlDsa[name]().sign(seed, message),
    verify: (publicKey, message, signature) => mlDsa[name]().verify(publicKey, message, signature),
    // Every string of the right length is the encoding of a key: FIPS 204 algorithm 23.
    isSound: () => true,
  });

/** For transparency logs alone; no suite has it. */
export const mlDsa44 = lattice('ML-DSA-44');
export const mlDsa65 = lattice('ML-DSA-65');
export const mlDsa87 = lattice('ML-DSA-87');

export const ed25519: SignatureAlgorithm = guarded({
  name: 'Ed25519',
  publicKeyBytes: 32,
  signatureBytes: 64,
  seedBytes: 32,
  spkiPrefix: ed25519Spki,
  pkcs8Prefix: ed25519Pkcs8,
  publicKey: ed25519PublicKey,
  sign: ed25519Sign,
  verify: ed25519Verify,
  isSound: isEd25519KeySound,
});
