/**
 * HPKE in base mode, single shot: RFC 9180 sections 4, 5.1 and 6.1, with the KEMs of
 * draft-ietf-hpke-pq, whose shared secret enters the key schedule as it is. AAD is empty.
 */
import { concat, utf8, wipe } from '../bytes.ts';
import { isStrongroomError } from '../errors.ts';
import { aeadOpen, aeadSeal, keyBytes, nonceBytes } from './aead.ts';
import { hkdfExpand, hkdfExtract } from './kdf.ts';
import type { Suite } from './suites.ts';

const u16 = (value: number) => Uint8Array.of(value >> 8, value & 0xff);
const empty = new Uint8Array(0);
const baseMode = Uint8Array.of(0);

/** What identifies a combination of algorithms; the AEAD has 32-byte keys and 12-byte nonces. */
export type HpkeIds = Suite['hpke'] & { readonly kemId: number };

/** RFC 9180 section 5.1: the AEAD key and the nonce of the first message. */
export function keySchedule(
  { kemId, kdfId, kdfHash, aeadId }: HpkeIds,
  sharedSecret: Uint8Array,
  info: Uint8Array,
): { key: Uint8Array; nonce: Uint8Array } {
  const suiteId = concat(utf8('HPKE'), u16(kemId), u16(kdfId), u16(aeadId));
  const labeled = (label: string) => concat(utf8('HPKE-v1'), suiteId, utf8(label));
  const extract = (salt: Uint8Array, label: string, ikm: Uint8Array) =>
    hkdfExtract(kdfHash, salt, concat(labeled(label), ikm));

  // Without a pre-shared key its id and value are empty.
  const context = concat(
    baseMode,
    extract(empty, 'psk_id_hash', empty),
    extract(empty, 'info_hash', info),
  );
  const secret = extract(sharedSecret, 'secret', empty);
  const expand = (label: string, bytes: number) =>
    hkdfExpand(kdfHash, secret, concat(u16(bytes), labeled(label), context), bytes);
  try {
    return { key: expand('key', keyBytes), nonce: expand('base_nonce', nonceBytes) };
  } finally {
    wipe(secret);
  }
}

const scheduleOf = (suite: Suite, sharedSecret: Uint8Array, info: Uint8Array) => {
  try {
    return keySchedule({ kemId: suite.kem.id, ...suite.hpke }, sharedSecret, info);
  } finally {
    wipe(sharedSecret);
  }
};

/**
 * Seals `plaintext` to a KEM public key.
 * @returns the encapsulation, and the ciphertext with its tag of 16 bytes.
 * @throws StrongroomError KEY_INVALID
 */
export function hpkeSeal(
  suite: Suite,
  publicKey: Uint8Array,
  info: Uint8Array,
  plaintext: Uint8Array,
): { enc: Uint8Array; sealed: Uint8Array } {
  const { enc, secret } = suite.kem.encapsulate(publicKey);
  const { key, nonce } = scheduleOf(suite, secret, info);
  try {
    return { enc, sealed: aeadSeal(key, nonce, plaintext) };
  } finally {
    wipe(key);
  }
}

/** The shared secret, or `undefined` where only the encapsulation can be at fault. */
function decapsulate({ kem }: Suite, seed: Uint8Array, enc: Uint8Array): Uint8Array | undefined {
  try {
    return kem.decapsulate(seed, enc);
  } catch (error) {
    if (seed.length === kem.seedBytes && isStrongroomError(error, 'KEY_INVALID')) return undefined;
    throw error;
  }
}

/**
 * Opens what `hpkeSeal` made for the public key of `seed`.
 * @returns `undefined` when it does not authenticate.
 * @throws StrongroomError KEY_INVALID for a seed of the wrong length.
 */
export function hpkeOpen(
  suite: Suite,
  seed: Uint8Array,
  enc: Uint8Array,
  sealed: Uint8Array,
  info: Uint8Array,
): Uint8Array | undefined {
  const secret = decapsulate(suite, seed, enc);
  if (secret === undefined) return undefined;
  const { key, nonce } = scheduleOf(suite, secret, info);
  try {
    return aeadOpen(key, nonce, sealed);
  } finally {
    wipe(key);
  }
}
