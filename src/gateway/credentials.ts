/** What a client shows, made anew for every gateway: a token for HTTP, a key pair for S3. */
import { randomBytes, randomInt } from 'node:crypto';
import type { GatewayRequest } from './request.ts';
import {
  checkSignature,
  isSigned,
  type SignatureFault,
  type SigningKey,
  sameText,
} from './sigv4.ts';

export interface Credentials extends SigningKey {
  /** For `Authorization: Bearer`, or as the password of `Basic`. */
  readonly token: string;
}

/** Fresh credentials: 256 bits of a token, 240 of a secret key. */
export const createCredentials = (): Credentials => ({
  token: randomBytes(32).toString('base64url'),
  accessKeyId: `SRM${idCharacters(17)}`,
  secretAccessKey: randomBytes(30).toString('base64url'),
});

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** An access key id is no secret. */
const idCharacters = (count: number): string =>
  Array.from({ length: count }, () => alphabet[randomInt(alphabet.length)]).join('');

export type Denial = SignatureFault | 'Unauthorized';

/**
 * Whether a request shows the token or is signed.
 * @returns why it is denied; `undefined` if it is not.
 */
export function denial(request: GatewayRequest, credentials: Credentials): Denial | undefined {
  if (isSigned(request)) return checkSignature(request, credentials);
  const shown = tokenOf(request.headers.get('authorization') ?? '');
  return shown !== undefined && sameText(shown, credentials.token) ? undefined : 'Unauthorized';
}

/** RFC 6750, section 2.1, and RFC 7617. */
function tokenOf(authorization: string): string | undefined {
  const [, scheme = '', value = ''] = /^(\w+) +(\S+)$/.exec(authorization) ?? [];
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() !== 'basic') return undefined;
  const [, password] = Buffer.from(value, 'base64').toString('utf8').split(/:(.*)/s);
  return password;
}
