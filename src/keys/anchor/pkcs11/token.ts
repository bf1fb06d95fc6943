/**
 * Sessions with a token, each opened, used and closed without a pause in between: the module
 * is one for the whole process, and must be given back before anybody else asks for it.
 *
 * PKCS #11 version 2.40, sections 5.4 to 5.7
 */
import { asStrongroomError, StrongroomError } from '../../../errors.ts';
import { ck, type Library, type Pkcs11 } from './library.ts';
import type { Pkcs11Address } from './uri.ts';

export interface TokenInfo {
  readonly label: string;
  readonly serial: string;
  readonly flags: number;
}

export interface Session {
  readonly pkcs11: Pkcs11;
  readonly handle: Buffer;
}

/**
 * The one token that an address means.
 * @throws StrongroomError `ANCHOR_UNAVAILABLE`.
 */
export const findToken = (library: Library, address: Pkcs11Address): TokenInfo =>
  withModule(library, address, (pkcs11) => choose(pkcs11, address).info);

/**
 * Logs in, and out again after `use`.
 * @param pin absent for a token that asks for it on a keypad of its own.
 * @throws StrongroomError `PASSPHRASE_WRONG`, `ANCHOR_UNAVAILABLE`, or what `use` throws.
 */
export function withSession<T>(
  library: Library,
  address: Pkcs11Address,
  pin: Uint8Array | undefined,
  use: (session: Session) => T,
): T {
  return withModule(library, address, (pkcs11) => {
    const { slot } = choose(pkcs11, address);
    const handle = pkcs11.C_OpenSession(slot, ck.CKF_SERIAL_SESSION | ck.CKF_RW_SESSION);
    try {
      // The library takes a string, which cannot be wiped: it stays until it is collected
      pkcs11.C_Login(handle, ck.CKU_USER, pin && Buffer.from(pin).toString('utf8'));
      try {
        return use({ pkcs11, handle });
      } finally {
        pkcs11.C_Logout(handle);
      }
    } finally {
      pkcs11.C_CloseSession(handle);
    }
  });
}

function withModule<T>(
  { PKCS11 }: Library,
  { modulePath }: Pkcs11Address,
  use: (pkcs11: Pkcs11) => T,
): T {
  const pkcs11 = new PKCS11();
  try {
    pkcs11.load(modulePath);
  } catch (cause) {
    throw unavailable(`${modulePath}: it cannot be loaded as a PKCS #11 module`, cause);
  }
  try {
    pkcs11.C_Initialize();
    try {
      return use(pkcs11);
    } finally {
      pkcs11.C_Finalize();
    }
  } catch (error) {
    throw translated(modulePath, error);
  } finally {
    pkcs11.close();
  }
}

function choose(pkcs11: Pkcs11, { token, serial, modulePath }: Pkcs11Address) {
  const tokens = pkcs11
    .C_GetSlotList(true)
    .map((slot) => {
      const { label, serialNumber, flags } = pkcs11.C_GetTokenInfo(slot);
      // Both fields are padded with blanks, by some with NUL
      const [name, number] = [label, serialNumber].map((text) => text.replace(/[ \0]+$/, ''));
      return { slot, info: { label: name ?? '', serial: number ?? '', flags } };
    })
    .filter(({ info }) => (info.flags & ck.CKF_TOKEN_INITIALIZED) !== 0);
  const fitting = tokens.filter(
    ({ info }) =>
      (token === undefined || info.label === token) &&
      (serial === undefined || info.serial === serial),
  );
  const [only] = fitting;
  if (only !== undefined && fitting.length === 1) return only;
  const names = tokens.map(({ info }) => `token=${info.label};serial=${info.serial}`).join(', ');
  const wanted = token === undefined ? 'a token' : `the token ${token}`;
  throw unavailable(
    `${modulePath}: ${only === undefined ? `${wanted} is not there` : 'several tokens fit'}`,
    undefined,
    names === '' ? 'insert the token, or initialize it' : `there are: ${names}`,
  );
}

/** PKCS #11 version 2.40, section 5.1: what a module returns that a person can help. */
const returned: Readonly<Record<number, readonly [code: 'wrong' | 'unavailable', why: string]>> = {
  48: ['unavailable', 'the device reports an error'],
  50: ['unavailable', 'the device was removed'],
  112: ['unavailable', 'the token cannot do AES-256-GCM'],
  113: ['unavailable', 'the token does not take the parameters of AES-256-GCM'],
  160: ['wrong', 'the PIN is wrong'],
  161: ['wrong', 'the PIN has characters that the token does not take'],
  162: ['wrong', 'the PIN is too short or too long'],
  164: ['unavailable', 'the PIN is locked'],
  224: ['unavailable', 'the token was removed'],
  258: ['unavailable', 'the PIN of the token is not set yet'],
  401: ['unavailable', 'the module is in use by this process already'],
};

function translated(modulePath: string, error: unknown): StrongroomError {
  if (error instanceof StrongroomError) return error;
  const { code } = error as { readonly code?: unknown };
  if (typeof code !== 'number') return asStrongroomError(error);
  const [kind, why] = returned[code] ?? [
    'unavailable',
    `the module returned 0x${code.toString(16)}`,
  ];
  if (kind === 'unavailable') return unavailable(`${modulePath}: ${why}`, error);
  return new StrongroomError('PASSPHRASE_WRONG', why, {
    hint: 'after a few wrong ones a token locks itself',
    cause: error,
  });
}

export const unavailable = (message: string, cause?: unknown, hint?: string) =>
  new StrongroomError('ANCHOR_UNAVAILABLE', message, {
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
