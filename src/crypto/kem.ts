/**
 * Key encapsulation, one row an algorithm.
 *
 * - X-Wing: draft-connolly-cfrg-xwing-kem, ML-KEM-768 with X25519; broken only if both are.
 *   Its PKCS#8 holds the seed in the OCTET STRING, without a wrapping of its own.
 * - ML-KEM-1024: FIPS 203, its keys as in RFC 9935.
 * - The ids are HPKE's: draft-ietf-hpke-pq.
 */
import { createHash } from 'node:crypto';
import { concat, fromHex, randomSecret, taken, wipe } from '../bytes.ts';
import { StrongroomError } from '../errors.ts';
import { isX25519KeySound, x25519PublicKey, x25519Secret } from './curve25519.ts';
import { latticeKems } from './lattice.ts';
import { mlKem } from './provider.ts';

export interface Kem {
  readonly name: string;
  /** HPKE's KEM id. */
  readonly id: number;
  readonly publicKeyBytes: number;
  readonly encBytes: number;
  readonly seedBytes: number;
  /** DER up to the raw public key. */
  readonly spkiPrefix: Uint8Array;
  /** DER up to the seed. */
  readonly pkcs8Prefix: Uint8Array;
  publicKey(seed: Uint8Array): Uint8Array;
  /** A fresh shared secret of 32 bytes and what carries it. @throws StrongroomError KEY_INVALID */
  encapsulate(publicKey: Uint8Array): { enc: Uint8Array; secret: Uint8Array };
  /**
   * The shared secret. ML-KEM rejects implicitly: of a wrong `enc` comes a wrong secret.
   * @throws StrongroomError KEY_INVALID for a wrong length or a low-order X25519 share.
   */
  decapsulate(seed: Uint8Array, enc: Uint8Array): Uint8Array;
  /** @throws StrongroomError KEY_INVALID: length, modulus check, low-order X25519. */
  validate(publicKey: Uint8Array): void;
}

const x25519Bytes = 32;

/** The parts of an algorithm that see only inputs of the right length. */
type Core = Omit<Kem, 'validate'> & { findFault(publicKey: Uint8Array): string | undefined };

/** Adds the checks that all rows share, so that the algorithms below are free of them. */
function guarded(core: Core): Kem {
  const { findFault, ...kem } = core;
  const refuse = (why: string, cause?: unknown) =>
    new StrongroomError('KEY_INVALID', `${kem.name} ${why}`, { cause });
  const expect = (what: string, bytes: Uint8Array, length: number) => {
    if (bytes.length === length) return;
    throw refuse(`${what} has ${bytes.length} bytes instead of ${length}`);
  };
  const attempt = <T>(what: string, run: () => T): T => {
    try {
      return run();
    } catch (cause) {
      throw refuse(`${what} is not valid`, cause);
    }
  };
  return {
    ...kem,
    publicKey: (seed) => {
      expect('seed', seed, kem.seedBytes);
      return kem.publicKey(seed);
    },
    encapsulate: (publicKey) => {
      expect('public key', publicKey, kem.publicKeyBytes);
      return attempt('public key', () => kem.encapsulate(publicKey));
    },
    decapsulate: (seed, enc) => {
      expect('seed', seed, kem.seedBytes);
      expect('encapsulation', enc, kem.encBytes);
      return attempt('encapsulation', () => kem.decapsulate(seed, enc));
    },
    validate: (publicKey) => {
      expect('public key', publicKey, kem.publicKeyBytes);
      const fault = findFault(publicKey);
      if (fault !== undefined) throw refuse(`public key ${fault}`);
    },
  };
}

const lattice768 = latticeKems['ML-KEM-768'];

/** Section 5.2 of the draft: `d ‖ z ‖ X25519 scalar` out of the seed. */
function expandSeed(seed: Uint8Array) {
  const latticeBytes = lattice768.seedBytes;
  const expanded = createHash('shake256', { outputLength: latticeBytes + x25519Bytes })
    .update(seed)
    .digest();
  return {
    latticeSeed: expanded.subarray(0, latticeBytes),
    scalar: expanded.subarray(latticeBytes),
    wipe: () => wipe(expanded),
  };
}

// The label is \.//^\ in ASCII.
const xWingLabel = fromHex('5c2e2f2f5e5c');

/** Section 5.3 of the draft. Wipes the two secrets. */
function combine(
  latticeSecret: Uint8Array,
  x25519SecretBytes: Uint8Array,
  x25519Enc: Uint8Array,
  x25519Key: Uint8Array,
): Uint8Array {
  const digest = createHash('sha3-256')
    .update(latticeSecret)
    .update(x25519SecretBytes)
    .update(x25519Enc)
    .update(x25519Key)
    .update(xWingLabel)
    .digest();
  wipe(latticeSecret, x25519SecretBytes);
  return taken(digest);
}

const splitAt = (bytes: Uint8Array, at: number) =>
  [bytes.subarray(0, at), bytes.subarray(at)] as const;

export const xWing: Kem = guarded({
  name: 'X-Wing',
  id: 0x647a,
  publicKeyBytes: lattice768.publicKeyBytes + x25519Bytes,
  encBytes: lattice768.encBytes + x25519Bytes,
  seedBytes: 32,
  spkiPrefix: fromHex('308204d4300d060b2b0601040183e62d81c87a038204c100'),
  pkcs8Prefix: fromHex('3034020100300d060b2b0601040183e62d81c87a0420'),

  publicKey: (seed) => {
    const keys = expandSeed(seed);
    try {
      const latticeKey = mlKem['ML-KEM-768']().publicKey(keys.latticeSeed);
      return concat(latticeKey, x25519PublicKey(keys.scalar));
    } finally {
      keys.wipe();
    }
  },

  encapsulate: (publicKey) => {
    const [latticeKey, x25519Key] = splitAt(publicKey, lattice768.publicKeyBytes);
    const scalar = randomSecret(x25519Bytes);
    try {
      const x25519Enc = x25519PublicKey(scalar);
      const x25519Share = x25519Secret(scalar, x25519Key);
      const { enc, secret } = mlKem['ML-KEM-768']().encapsulate(latticeKey);
      return {
        enc: concat(enc, x25519Enc),
        secret: combine(secret, x25519Share, x25519Enc, x25519Key),
      };
    } finally {
      wipe(scalar);
    }
  },

  decapsulate: (seed, enc) => {
    const [latticeEnc, x25519Enc] = splitAt(enc, lattice768.encBytes);
    const keys = expandSeed(seed);
    try {
      const x25519Share = x25519Secret(keys.scalar, x25519Enc);
      const latticeSecret = mlKem['ML-KEM-768']().decapsulate(keys.latticeSeed, latticeEnc);
      return combine(latticeSecret, x25519Share, x25519Enc, x25519PublicKey(keys.scalar));
    } finally {
      keys.wipe();
    }
  },

  findFault: (publicKey) => {
    const [latticeKey, x25519Key] = splitAt(publicKey, lattice768.publicKeyBytes);
    if (!mlKem['ML-KEM-768']().accepts(latticeKey)) return 'fails the modulus check';
    return isX25519KeySound(x25519Key) ? undefined : 'has an X25519 part of low order';
  },
});

export const mlKem1024: Kem = guarded({
  ...latticeKems['ML-KEM-1024'],
  id: 0x0042,
  publicKey: (seed) => mlKem['ML-KEM-1024']().publicKey(seed),
  encapsulate: (publicKey) => mlKem['ML-KEM-1024']().encapsulate(publicKey),
  decapsulate: (seed, enc) => mlKem['ML-KEM-1024']().decapsulate(seed, enc),
  findFault: (publicKey) =>
    mlKem['ML-KEM-1024']().accepts(publicKey) ? undefined : 'fails the modulus check',
});
