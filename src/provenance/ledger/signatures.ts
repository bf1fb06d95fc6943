/**
 * What keys sign of a checkpoint, and the text form of their public halves (vkeys).
 *
 * c2sp.org/signed-note, c2sp.org/tlog-cosignature; ML-DSA-44: FIPS 204, Ed25519: RFC 8032
 */
import {
  base64,
  concat,
  equal,
  fromBase64,
  isBase64,
  readU64,
  u64,
  utf8,
  viewOf,
} from '../../bytes.ts';
import { sha256 } from '../../crypto/hash.ts';
import { ed25519, mlDsa44, type SignatureAlgorithm } from '../../crypto/signature.ts';
import { StrongroomError } from '../../errors.ts';
import type { Checkpoint } from './checkpoint.ts';
import { isKeyName, type NoteSignature } from './note.ts';

/** What a signature covers: the note's text, and the checkpoint that it states. */
export interface Signed {
  readonly text: string;
  readonly checkpoint: Checkpoint;
}

interface SignatureType {
  /** As signatures of the type are called in reports. */
  readonly name: 'Ed25519' | 'Ed25519 cosignature' | 'ML-DSA-44 cosignature';
  readonly byte: number;
  readonly algorithm: SignatureAlgorithm;
  readonly isQuantumSafe: boolean;
  /** Who signs with it. */
  readonly roles: readonly LedgerRole[];
  /** Whether eight bytes of POSIX time stand before the signature. */
  readonly isTimestamped: boolean;
  message(signed: Signed, key: string, time: number): Uint8Array;
}

export type LedgerRole = 'log' | 'witness';

/** With its length in one byte, as TLS presentation language writes `opaque <1..2^8-1>`. */
const opaque = (value: string): Uint8Array => {
  const bytes = utf8(value);
  return concat(Uint8Array.of(bytes.length), bytes);
};

/** What a name that a cosignature commits to may have at most. */
export const maxNameBytes = 255;

/** One row a type. */
const types: readonly SignatureType[] = [
  {
    name: 'Ed25519',
    byte: 0x01,
    algorithm: ed25519,
    isQuantumSafe: false,
    roles: ['log'],
    isTimestamped: false,
    message: ({ text }) => utf8(text),
  },
  {
    name: 'Ed25519 cosignature',
    byte: 0x04,
    algorithm: ed25519,
    isQuantumSafe: false,
    roles: ['witness'],
    isTimestamped: true,
    message: ({ text }, _, time) => utf8(`cosignature/v1\ntime ${time}\n${text}`),
  },
  {
    name: 'ML-DSA-44 cosignature',
    byte: 0x06,
    algorithm: mlDsa44,
    isQuantumSafe: true,
    roles: ['log', 'witness'],
    isTimestamped: true,
    message: ({ checkpoint: { origin, size, root } }, key, time) =>
      concat(
        utf8('subtree/v1\n\0'),
        opaque(key),
        u64(time),
        opaque(origin),
        u64(0),
        u64(size),
        root,
      ),
  },
];

/** The types that a new key of a role signs with, in this order. */
export const typesOfRole: Readonly<Record<LedgerRole, readonly number[]>> = {
  log: [0x01, 0x06],
  witness: [0x06],
};

/** The public half of a key, under the name that it signs with. */
export interface Verifier {
  readonly name: string;
  readonly id: number;
  readonly publicKey: Uint8Array;
  readonly type: SignatureType;
}

const keyIdOf = (name: string, typed: Uint8Array): number =>
  viewOf(sha256(concat(utf8(`${name}\n`), typed))).getUint32(0);

function typeOf(byte: number): SignatureType {
  const type = types.find((each) => each.byte === byte);
  if (type === undefined) throw invalid(`signature type ${byte} is not known`);
  return type;
}

/** The public half of the key that a seed makes. */
export const verifierOfSeed = (name: string, byte: number, seed: Uint8Array): Verifier =>
  verifierOf(name, byte, typeOf(byte).algorithm.publicKey(seed));

function verifierOf(name: string, byte: number, publicKey: Uint8Array): Verifier {
  const type = typeOf(byte);
  if (!isKeyName(name) || utf8(name).length > maxNameBytes) {
    throw invalid(`a name has 1 to ${maxNameBytes} bytes, and neither spaces nor a plus sign`);
  }
  type.algorithm.validate(publicKey);
  return { name, type, publicKey, id: keyIdOf(name, concat(Uint8Array.of(byte), publicKey)) };
}

export const encodeVkey = ({ name, id, type, publicKey }: Verifier): string =>
  `${name}+${id.toString(16).padStart(8, '0')}+${base64(concat(Uint8Array.of(type.byte), publicKey))}`;

/** @throws StrongroomError LEDGER_KEY_INVALID, KEY_INVALID. */
export function decodeVkey(vkey: string): Verifier {
  const [name = '', id = '', digits = '', ...rest] = vkey.split('+');
  // Base64 may have plus signs of its own
  const key = [digits, ...rest].join('+');
  if (!isBase64(key) || key === '') throw invalid('not a verifier key');
  const [byte = 0, ...publicKey] = fromBase64(key);
  const verifier = verifierOf(name, byte, Uint8Array.from(publicKey));
  if (encodeVkey(verifier) === `${name}+${id}+${key}`) return verifier;
  throw invalid(`the key of ${name} does not have the id that it says`);
}

/** Whether two keys are the same whatever their names and types. */
export const isSameKey = (a: Verifier, b: Verifier): boolean => equal(a.publicKey, b.publicKey);

const timeBytes = 8;

/** @param time POSIX, in seconds; for types that say when. */
export function signCheckpoint(
  { name, id, type }: Verifier,
  seed: Uint8Array,
  signed: Signed,
  time: number,
): NoteSignature {
  const signature = type.algorithm.sign(seed, type.message(signed, name, time));
  return { name, id, signature: type.isTimestamped ? concat(u64(time), signature) : signature };
}

export const isOfKey = (signature: NoteSignature, { name, id }: Verifier): boolean =>
  signature.name === name && signature.id === id;

/** @returns the POSIX time that was signed, 0 where there is none; `undefined` if it fails. */
export function verifyCheckpoint(
  { name, type, publicKey }: Verifier,
  { signature }: NoteSignature,
  signed: Signed,
): number | undefined {
  const start = type.isTimestamped ? timeBytes : 0;
  if (signature.length !== start + type.algorithm.signatureBytes) return undefined;
  const time = type.isTimestamped ? readU64(signature, 0) : 0;
  if (time === undefined || utf8(signed.checkpoint.origin).length > maxNameBytes) return undefined;
  const message = type.message(signed, name, time);
  return type.algorithm.verify(publicKey, message, signature.subarray(start)) ? time : undefined;
}

const invalid = (why: string) => new StrongroomError('LEDGER_KEY_INVALID', `verifier key: ${why}`);
