/**
 * The private half of a request: the fresh key that approvals are sealed to, and its file
 * (docs/format.md, "Request keys").
 */
import { z } from 'zod';
import { concat, randomSecret, secretCopy, utf8, wipe } from '../../bytes.ts';
import type { Suite } from '../../crypto/suites.ts';
import { isStrongroomError, StrongroomError } from '../../errors.ts';
import { decodeJson, encodeJson } from '../../json.ts';
import type { Protection } from '../../keys/identity.ts';
import {
  argon2Parameters,
  lock,
  lockBytes,
  protectionSchema,
  unlock,
} from '../../keys/protection.ts';
import { hexDecode, hexEncode } from '../../keys/secret-text.ts';
import { schemas } from '../../keys/signed.ts';

const maxRequestKeyBytes = 4096;

export interface RequestKey {
  readonly seed: Uint8Array;
  /** Base64: the digest of the request that it is for. */
  readonly request: string;
  wipe(): void;
}

const header = z.strictObject({
  protection: protectionSchema,
  request: schemas.base64(48),
  type: z.literal('strongroom/request-key'),
  version: z.literal(1),
});

/** A seed of the suite's KEM. */
export function freshRequestKey(suite: Suite): Omit<RequestKey, 'request'> {
  const seed = randomSecret(suite.kem.seedBytes);
  return { seed, wipe: () => wipe(seed) };
}

/** The bytes of the key's file; the caller wipes them. Takes as long as Argon2id does. */
export function encodeRequestKey(key: RequestKey, protection: Protection): Uint8Array {
  const parameters = protection === 'none' ? undefined : argon2Parameters(protection.cost);
  const line = encodeJson({
    protection: parameters ?? { kdf: 'none' },
    request: key.request,
    type: 'strongroom/request-key',
    version: 1,
  } satisfies z.infer<typeof header>);
  const secret =
    protection === 'none' || parameters === undefined
      ? secretCopy(key.seed)
      : lock(key.seed, protection.passphrase, parameters, line);
  const digits = hexEncode(secret);
  try {
    return concat(line, newline, digits, newline);
  } finally {
    wipe(secret, digits);
  }
}

/**
 * Reads a key's file. `passphrase` is asked only for a protected one.
 * @throws StrongroomError `REQUEST_KEY_INVALID`, `PASSPHRASE_NEEDED`, `PASSPHRASE_WRONG`.
 */
export async function decodeRequestKey(
  bytes: Uint8Array,
  passphrase?: () => Promise<Uint8Array>,
): Promise<RequestKey> {
  const end = bytes.indexOf(0x0a);
  if (end < 0 || bytes.indexOf(0x0a, end + 1) !== bytes.length - 1) {
    throw invalidRequestKey('it is not two lines');
  }
  const line = bytes.subarray(0, end);
  const { protection, request } = decodeJson(line, header, {
    what: 'request key',
    code: 'REQUEST_KEY_INVALID',
    maxBytes: maxRequestKeyBytes,
  });
  const secret = hexDecode(bytes.subarray(end + 1, -1));
  if (secret === undefined) throw invalidRequestKey('its second line is not hex digits');
  const keyOf = (seed: Uint8Array): RequestKey => ({ seed, request, wipe: () => wipe(seed) });
  if (protection.kdf === 'none') return keyOf(secret);
  if (secret.length <= lockBytes) throw invalidRequestKey('its second line is too short');
  if (passphrase === undefined) {
    throw new StrongroomError('PASSPHRASE_NEEDED', 'the request key is under a passphrase');
  }
  const given = await passphrase();
  try {
    return keyOf(unlock(secret, given, protection, line));
  } catch (error) {
    if (!isStrongroomError(error, 'PASSPHRASE_WRONG')) throw error;
    const hint = 'check the passphrase and that it belongs to this request key';
    const message = 'the passphrase does not open the request key';
    throw new StrongroomError('PASSPHRASE_WRONG', message, { hint, cause: error });
  } finally {
    wipe(given);
  }
}

const newline = utf8('\n');

export const invalidRequestKey = (why: string) =>
  new StrongroomError('REQUEST_KEY_INVALID', `request key: ${why}`);
