/**
 * The lattice algorithms of FIPS 203 and FIPS 204, as data: sizes in bytes, and the DER
 * that stands before a raw public key (SubjectPublicKeyInfo) or a seed (PKCS#8).
 *
 * - ML-KEM keys: RFC 9935, the private key in its seed-only form, `d ‖ z`
 * - ML-DSA keys: RFC 9881, likewise
 */
import { fromHex } from '../bytes.ts';

export type LatticeKemName = 'ML-KEM-768' | 'ML-KEM-1024';
export type LatticeSignatureName = 'ML-DSA-65' | 'ML-DSA-87';

interface LatticeKeys {
  readonly publicKeyBytes: number;
  readonly seedBytes: number;
  readonly spkiPrefix: Uint8Array;
  readonly pkcs8Prefix: Uint8Array;
}

export interface LatticeKemRow extends LatticeKeys {
  readonly name: LatticeKemName;
  readonly encBytes: number;
}

export interface LatticeSignatureRow extends LatticeKeys {
  readonly name: LatticeSignatureName;
  readonly signatureBytes: number;
}

export const latticeKems: Readonly<Record<LatticeKemName, LatticeKemRow>> = {
  'ML-KEM-768': {
    name: 'ML-KEM-768',
    publicKeyBytes: 1184,
    encBytes: 1088,
    seedBytes: 64,
    spkiPrefix: fromHex('308204b2300b0609608648016503040402038204a100'),
    pkcs8Prefix: fromHex('3054020100300b060960864801650304040204428040'),
  },
  'ML-KEM-1024': {
    name: 'ML-KEM-1024',
    publicKeyBytes: 1568,
    encBytes: 1568,
    seedBytes: 64,
    spkiPrefix: fromHex('30820632300b06096086480165030404030382062100'),
    pkcs8Prefix: fromHex('3054020100300b060960864801650304040304428040'),
  },
};

export const latticeSignatures: Readonly<Record<LatticeSignatureName, LatticeSignatureRow>> = {
  'ML-DSA-65': {
    name: 'ML-DSA-65',
    publicKeyBytes: 1952,
    signatureBytes: 3309,
    seedBytes: 32,
    spkiPrefix: fromHex('308207b2300b0609608648016503040312038207a100'),
    pkcs8Prefix: fromHex('3034020100300b060960864801650304031204228020'),
  },
  'ML-DSA-87': {
    name: 'ML-DSA-87',
    publicKeyBytes: 2592,
    signatureBytes: 4627,
    seedBytes: 32,
    spkiPrefix: fromHex('30820a32300b060960864801650304031303820a2100'),
    pkcs8Prefix: fromHex('3034020100300b060960864801650304031304228020'),
  },
};

/**
 * One implementation of ML-KEM. Callers have checked every length; anything else that is
 * wrong with a public key makes `encapsulate` throw, whatever the error.
 */
export interface LatticeKem {
  publicKey(seed: Uint8Array): Uint8Array;
  encapsulate(publicKey: Uint8Array): { enc: Uint8Array; secret: Uint8Array };
  /** Rejects implicitly: a wrong `enc` yields a wrong secret. */
  decapsulate(seed: Uint8Array, enc: Uint8Array): Uint8Array;
  /** Whether the key passes the modulus check of FIPS 203 section 7.2. */
  accepts(publicKey: Uint8Array): boolean;
}

/** One implementation of ML-DSA: pure, hedged, with an empty context; lengths are checked. */
export interface LatticeSignature {
  publicKey(seed: Uint8Array): Uint8Array;
  sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}
