/**
 * The lattice algorithms of FIPS 203 and FIPS 204, as data: sizes in bytes, and the DER
 * that stands before a raw public key (SubjectPublicKeyInfo) or a seed (PKCS#8).
 *
 * - ML-KEM keys: RFC 9935, the private key in its seed-only form, `d ‖ z`
 * - ML-DSA keys: RFC 9881, likewise
 *
 * A known answer is the first 32 bytes, in hex, of SHA-384 over what the seed 00 01 02 …
 * gives. The tests hold them against @noble/post-quantum.
 */
import { fromHex } from '../bytes.ts';

export type LatticeKemName = 'ML-KEM-768' | 'ML-KEM-1024';
export type LatticeSignatureName = 'ML-DSA-44' | 'ML-DSA-65' | 'ML-DSA-87';

interface LatticeKeys {
  readonly publicKeyBytes: number;
  readonly seedBytes: number;
  readonly spkiPrefix: Uint8Array;
  readonly pkcs8Prefix: Uint8Array;
}

export interface LatticeKemRow extends LatticeKeys {
  readonly name: LatticeKemName;
  readonly encBytes: number;
  /** Also of the secret that an all-zero ciphertext is rejected with. */
  readonly knownAnswers: { readonly publicKey: string; readonly rejection: string };
}

export interface LatticeSignatureRow extends LatticeKeys {
  readonly name: LatticeSignatureName;
  readonly signatureBytes: number;
  readonly knownAnswers: { readonly publicKey: string };
}

export const latticeKems: Readonly<Record<LatticeKemName, LatticeKemRow>> = {
  'ML-KEM-768': {
    name: 'ML-KEM-768',
    publicKeyBytes: 1184,
    encBytes: 1088,
    seedBytes: 64,
    spkiPrefix: fromHex('308204b2300b0609608648016503040402038204a100'),
    pkcs8Prefix: fromHex('3054020100300b060960864801650304040204428040'),
    knownAnswers: {
      publicKey: '03ffd2545cfbbd7ba73ebe0cbefe4078337fbe2fcb19394135809315ed286e9b',
      rejection: '07afcd916c654fadabb9a094e4287e6f2ac15d10a187d16238a9c45f74d9f577',
    },
  },
  'ML-KEM-1024': {
    name: 'ML-KEM-1024',
    publicKeyBytes: 1568,
    encBytes: 1568,
    seedBytes: 64,
    spkiPrefix: fromHex('30820632300b06096086480165030404030382062100'),
    pkcs8Prefix: fromHex('3054020100300b060960864801650304040304428040'),
    knownAnswers: {
      publicKey: 'ba4b4110e076430953ec80eb6e2f6f05b4f32a5a6d1982993b44f9a4b7336442',
      rejection: '776effec7fb16e3f309c3fb69d6e088e374117582ab1d8356e94b576e7dc9fdb',
    },
  },
};

export const latticeSignatures: Readonly<Record<LatticeSignatureName, LatticeSignatureRow>> = {
  'ML-DSA-44': {
    name: 'ML-DSA-44',
    publicKeyBytes: 1312,
    signatureBytes: 2420,
    seedBytes: 32,
    spkiPrefix: fromHex('30820532300b06096086480165030403110382052100'),
    pkcs8Prefix: fromHex('3034020100300b060960864801650304031104228020'),
    knownAnswers: {
      publicKey: '72cc9acf493d0596dc883ebf21881e786c86c354fc614a6aac501c06f54885ca',
    },
  },
  'ML-DSA-65': {
    name: 'ML-DSA-65',
    publicKeyBytes: 1952,
    signatureBytes: 3309,
    seedBytes: 32,
    spkiPrefix: fromHex('308207b2300b0609608648016503040312038207a100'),
    pkcs8Prefix: fromHex('3034020100300b060960864801650304031204228020'),
    knownAnswers: {
      publicKey: '3ccc1ab7c3c9b7bcb81b2266f5da286dda4a3b4436f2b2cd2d47fcdf75329d94',
    },
  },
  'ML-DSA-87': {
    name: 'ML-DSA-87',
    publicKeyBytes: 2592,
    signatureBytes: 4627,
    seedBytes: 32,
    spkiPrefix: fromHex('30820a32300b060960864801650304031303820a2100'),
    pkcs8Prefix: fromHex('3034020100300b060960864801650304031304228020'),
    knownAnswers: {
      publicKey: '57a8bdb8699c4db011830200874c10c134673783ba0a2b166bd32f1e78032816',
    },
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
