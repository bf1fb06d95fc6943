/**
 * An anchor in a token: an AES-256 key that never leaves it wraps the secret by AES-256-GCM,
 * which a quantum computer does not break, and which tokens have had for years.
 *
 * docs/format.md#identities; PKCS #11 Current Mechanisms version 2.40, section 2.13
 */
import { getRandomValues } from 'node:crypto';
import { concat, equal, fromHex, hex, taken, wipe } from '../../../bytes.ts';
import { keyBytes, nonceBytes, tagBytes } from '../../../crypto/aead.ts';
import { sha384 } from '../../../crypto/hash.ts';
import { StrongroomError } from '../../../errors.ts';
import type { Anchor, Pkcs11Protection } from '../anchor.ts';
import { ck, type Library, loadLibrary } from './library.ts';
import { findToken, type Session, type TokenInfo, unavailable, withSession } from './token.ts';
import type { Pkcs11Address } from './uri.ts';

export interface Pkcs11Options {
  readonly address: Pkcs11Address;
  /** Asked for the user's PIN, whose bytes are wiped; not asked if the token has a keypad. */
  readonly pin: (token: TokenInfo) => Promise<Uint8Array>;
}

const keyIdBytes = 16;

/**
 * Identities that a token keeps. A new one gets a new key in the token, unless the address
 * names a key that is there already.
 */
export function pkcs11Anchor({ address, pin }: Pkcs11Options): Anchor<Pkcs11Protection> {
  return {
    kind: 'pkcs11',
    async prepare(card) {
      const library = await loadLibrary();
      const token = findToken(library, address);
      const given = await pinFor(token, pin);
      const place = { ...address, token: token.label, serial: token.serial };
      try {
        const key = withSession(library, place, given, (session) =>
          address.id === undefined && address.object === undefined
            ? createKey(session, `strongroom ${card.name}`)
            : existingKey(session, address),
        );
        return {
          protection: { anchor: 'pkcs11', key, token: token.label },
          wrap(secret, header) {
            try {
              return withSession(library, place, given, (session) =>
                encrypt(library, session, key, secret, header),
              );
            } finally {
              if (given !== undefined) wipe(given);
            }
          },
        };
      } catch (error) {
        if (given !== undefined) wipe(given);
        throw error;
      }
    },
    async unwrap({ protection, line, header }) {
      const library = await loadLibrary();
      const place = { ...address, token: address.token ?? protection.token };
      const token = findToken(library, place);
      const given = await pinFor(token, pin);
      try {
        return withSession(library, { ...place, serial: token.serial }, given, (session) =>
          decrypt(library, session, protection.key, line, header),
        );
      } finally {
        if (given !== undefined) wipe(given);
      }
    },
  };
}

async function pinFor({ label, flags, serial }: TokenInfo, ask: Pkcs11Options['pin']) {
  if ((flags & ck.CKF_USER_PIN_LOCKED) !== 0) throw unavailable(`${label}: its PIN is locked`);
  if ((flags & ck.CKF_PROTECTED_AUTHENTICATION_PATH) !== 0) return undefined;
  return ask({ label, flags, serial });
}

function createKey({ pkcs11, handle }: Session, label: string): string {
  const id = getRandomValues(new Uint8Array(keyIdBytes));
  pkcs11.C_GenerateKey(handle, { mechanism: ck.CKM_AES_KEY_GEN }, [
    { type: ck.CKA_CLASS, value: ck.CKO_SECRET_KEY },
    { type: ck.CKA_KEY_TYPE, value: ck.CKK_AES },
    { type: ck.CKA_VALUE_LEN, value: keyBytes },
    { type: ck.CKA_TOKEN, value: true },
    { type: ck.CKA_PRIVATE, value: true },
    { type: ck.CKA_SENSITIVE, value: true },
    { type: ck.CKA_EXTRACTABLE, value: false },
    { type: ck.CKA_ENCRYPT, value: true },
    { type: ck.CKA_DECRYPT, value: true },
    { type: ck.CKA_WRAP, value: false },
    { type: ck.CKA_UNWRAP, value: false },
    { type: ck.CKA_ID, value: Buffer.from(id) },
    { type: ck.CKA_LABEL, value: label },
  ]);
  return hex(id);
}

/** The id of a key that the address names, if it is fit: nobody may ever have seen its value. */
function existingKey(session: Session, { id, object }: Pkcs11Address): string {
  const key = findKey(session, [
    ...(id === undefined ? [] : [{ type: ck.CKA_ID, value: Buffer.from(fromHex(id)) }]),
    ...(object === undefined ? [] : [{ type: ck.CKA_LABEL, value: object }]),
  ]);
  const attributes = [
    ck.CKA_ID,
    ck.CKA_VALUE_LEN,
    ck.CKA_ALWAYS_SENSITIVE,
    ck.CKA_NEVER_EXTRACTABLE,
  ].map((type) => ({ type }));
  const [found, length, sensitive, kept] = session.pkcs11
    .C_GetAttributeValue(session.handle, key, attributes)
    .map(({ value }) => value);
  // CK_ULONG is of the machine's width and byte order: its lowest byte is all that 32 takes
  const isLong = length !== undefined && [length[0], length.at(-1)].includes(keyBytes);
  if (!isLong || sensitive?.[0] !== 1 || kept?.[0] !== 1) {
    throw unavailable('the key in the token is not an AES-256 key that never left it');
  }
  if (found !== undefined && found.length > 0 && found.length <= 64) return hex(found);
  throw unavailable('the key in the token has no id of 1 to 64 bytes');
}

function findKey(
  { pkcs11, handle }: Session,
  template: { type: number; value: Buffer | string }[],
) {
  pkcs11.C_FindObjectsInit(handle, [
    { type: ck.CKA_CLASS, value: ck.CKO_SECRET_KEY },
    { type: ck.CKA_KEY_TYPE, value: ck.CKK_AES },
    ...template,
  ]);
  const keys = pkcs11.C_FindObjects(handle, 2);
  pkcs11.C_FindObjectsFinal(handle);
  const [only] = keys;
  if (only !== undefined && keys.length === 1) return only;
  throw new StrongroomError(
    'ANCHOR_REFUSED',
    only === undefined
      ? 'the token does not have the key of this identity'
      : 'several keys in the token fit',
  );
}

const keyById = (session: Session, id: string) =>
  findKey(session, [{ type: ck.CKA_ID, value: Buffer.from(fromHex(id)) }]);

/** The digest, since tokens bound how long additional data may be. */
const gcm = (library: Library, nonce: Uint8Array, header: Uint8Array) => ({
  mechanism: ck.CKM_AES_GCM,
  parameter: {
    type: library.CK_PARAMS_AES_GCM,
    iv: Buffer.from(nonce),
    aad: sha384(header),
    ivBits: 8 * nonceBytes,
    tagBits: 8 * tagBytes,
  },
});

/** Opens it at once again: some tokens take no nonce from outside, and that must show now. */
function encrypt(
  library: Library,
  session: Session,
  id: string,
  secret: Uint8Array,
  header: Uint8Array,
): Uint8Array {
  const { pkcs11, handle } = session;
  const nonce = getRandomValues(new Uint8Array(nonceBytes));
  const input = Buffer.from(secret);
  pkcs11.C_EncryptInit(handle, gcm(library, nonce, header), keyById(session, id));
  const sealed = pkcs11.C_Encrypt(handle, input, Buffer.alloc(secret.length + tagBytes));
  wipe(input);
  const line = concat(nonce, sealed);
  const again = decrypt(library, session, id, line, header);
  const fits = equal(again, secret);
  wipe(again);
  if (fits) return line;
  throw unavailable('the token does not give back what it encrypted');
}

function decrypt(
  library: Library,
  session: Session,
  id: string,
  line: Uint8Array,
  header: Uint8Array,
): Uint8Array {
  const { pkcs11, handle } = session;
  const key = keyById(session, id);
  const sealed = Buffer.from(line.subarray(nonceBytes));
  pkcs11.C_DecryptInit(handle, gcm(library, line.subarray(0, nonceBytes), header), key);
  // Room for the tag too: modules may want it before they have seen that it fits
  const room = Buffer.alloc(sealed.length);
  try {
    return taken(pkcs11.C_Decrypt(handle, sealed, room));
  } catch (cause) {
    if (!forged.has((cause as { readonly code?: number }).code ?? 0)) throw cause;
    const message = 'the key in the token does not open the identity';
    throw new StrongroomError('ANCHOR_REFUSED', message, { cause });
  } finally {
    wipe(room);
  }
}

/** How modules say that a tag does not fit: CKR_ENCRYPTED_DATA_INVALID, and by some others. */
const forged = new Set([0x05, 0x40, 0x41, 0xc0]);
