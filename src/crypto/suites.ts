/** The suites of docs/format.md. An algorithm is a row here and nowhere an `if`. */
import { concat, hex } from '../bytes.ts';
import { blake3, sha384, sha384Tree, type TreeHash } from './hash.ts';
import type { KdfHash } from './kdf.ts';
import { type Kem, mlKem1024, xWing } from './kem.ts';
import { ed25519, mlDsa65, mlDsa87, type SignatureAlgorithm } from './signature.ts';

export type SuiteName = 'hybrid' | 'cnsa2';

export interface Suite {
  readonly name: SuiteName;
  /** As the core records it. */
  readonly id: number;
  readonly kem: Kem;
  /** RFC 9180 section 7: the ids of the KDF and the AEAD. */
  readonly hpke: { readonly kdfId: number; readonly kdfHash: KdfHash; readonly aeadId: number };
  /** In order; every one of them must verify. */
  readonly signatures: readonly SignatureAlgorithm[];
  readonly hash: TreeHash;
}

const aes256Gcm = 0x0002;

export const suites: Readonly<Record<SuiteName, Suite>> = {
  hybrid: {
    name: 'hybrid',
    id: 1,
    kem: xWing,
    hpke: { kdfId: 0x0001, kdfHash: 'sha256', aeadId: aes256Gcm },
    signatures: [mlDsa65, ed25519],
    hash: blake3,
  },
  cnsa2: {
    name: 'cnsa2',
    id: 2,
    kem: mlKem1024,
    hpke: { kdfId: 0x0002, kdfHash: 'sha384', aeadId: aes256Gcm },
    signatures: [mlDsa87],
    hash: sha384Tree,
  },
};

/** The suite that the core names by number; `undefined` if there is none. */
export const suiteById = (id: number): Suite | undefined =>
  Object.values(suites).find((suite) => suite.id === id);

const keyIdBytes = 32;

/** The key id of a raw public key, in hex: docs/format.md, key ids. */
export const keyId = (spkiPrefix: Uint8Array, publicKey: Uint8Array): string =>
  hex(sha384(concat(spkiPrefix, publicKey)).subarray(0, keyIdBytes));
