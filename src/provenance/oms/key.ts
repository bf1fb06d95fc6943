/**
 * Keys of the key method: ECDSA on P-256 with SHA-256 and on P-384 with SHA-384 (FIPS 186-5),
 * in PEM. Classical: a quantum computer could forge them.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { StrongroomError } from '../../errors.ts';

interface Curve {
  readonly name: 'P-256' | 'P-384';
  readonly hash: 'sha256' | 'sha384';
}

/** By OpenSSL's name. */
const curves: Readonly<Record<string, Curve>> = {
  prime256v1: { name: 'P-256', hash: 'sha256' },
  secp384r1: { name: 'P-384', hash: 'sha384' },
};

/** The public key that a bundle is verified with. */
export interface OmsPublicKey {
  readonly curve: Curve['name'];
  /** Hex, SHA-256 of its PEM text: how a bundle names it. */
  readonly hint: string;
  /** False for whatever does not verify; never throws. */
  verify(message: Uint8Array, signature: Uint8Array): boolean;
}

/** The private key that a bundle is signed with. */
export interface OmsPrivateKey {
  readonly public: OmsPublicKey;
  /** DER, as Sigstore wants it. */
  sign(message: Uint8Array): Uint8Array;
}

const refuse = (where: string, why: string, cause?: unknown) =>
  new StrongroomError('PEM_INVALID', `${where}: ${why}`, {
    file: where,
    hint: 'give an ECDSA key on P-256 or P-384, as "openssl ecparam -genkey" makes it',
    cause,
  });

function curveOf(key: KeyObject, where: string): Curve {
  const name = key.asymmetricKeyDetails?.namedCurve;
  const curve = key.asymmetricKeyType === 'ec' ? curves[name ?? ''] : undefined;
  if (curve !== undefined) return curve;
  throw refuse(where, `a key of ${name ?? key.asymmetricKeyType}, where P-256 or P-384 is needed`);
}

function publicKeyOf(key: KeyObject, where: string): OmsPublicKey {
  const { name, hash } = curveOf(key, where);
  const pem = key.export({ type: 'spki', format: 'pem' });
  return {
    curve: name,
    hint: createHash('sha256').update(pem).digest('hex'),
    verify: (message, signature) => verify(hash, message, key, signature),
  };
}

/**
 * A public key in PEM.
 * @param where names it in errors.
 * @throws StrongroomError PEM_INVALID, also for a private key.
 */
export function decodeOmsPublicKey(pem: Uint8Array, where: string): OmsPublicKey {
  // OpenSSL would derive the public half, and nobody would notice where the private one lies
  if (isPrivate(pem)) throw refuse(where, 'a private key, where a public one is needed');
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(pem), format: 'pem' });
  } catch (cause) {
    throw refuse(where, 'not a public key in PEM', cause);
  }
  return publicKeyOf(key, where);
}

const isPrivate = (pem: Uint8Array) => Buffer.from(pem).includes('PRIVATE KEY-----');

/** Whether a private key in PEM needs a passphrase: PKCS #8, or the older form of OpenSSL. */
export const isEncryptedPem = (pem: Uint8Array): boolean => {
  const bytes = Buffer.from(pem);
  return bytes.includes('ENCRYPTED PRIVATE KEY') || bytes.includes('Proc-Type: 4,ENCRYPTED');
};

/**
 * A private key in PEM.
 * @param passphrase if it is encrypted; the caller wipes it.
 * @throws StrongroomError PEM_INVALID, PASSPHRASE_WRONG.
 */
export function decodeOmsPrivateKey(
  pem: Uint8Array,
  where: string,
  passphrase?: Uint8Array,
): OmsPrivateKey {
  let key: KeyObject;
  try {
    const secret = passphrase === undefined ? {} : { passphrase: Buffer.from(passphrase) };
    key = createPrivateKey({ key: Buffer.from(pem), format: 'pem', ...secret });
  } catch (cause) {
    if (passphrase === undefined) throw refuse(where, 'not a private key in PEM', cause);
    throw new StrongroomError('PASSPHRASE_WRONG', `${where}: the passphrase does not open it`, {
      file: where,
      hint: 'check the passphrase and that it belongs to this key',
      cause,
    });
  }
  const { hash } = curveOf(key, where);
  return {
    public: publicKeyOf(createPublicKey(key), where),
    sign: (message) => new Uint8Array(sign(hash, message, key)),
  };
}
