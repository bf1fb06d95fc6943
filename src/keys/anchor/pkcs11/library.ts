/**
 * What is used of `pkcs11js`, an optional peer dependency that is loaded when needed, and of
 * PKCS #11 (OASIS, version 2.40): the constants by their names there.
 */
import { StrongroomError } from '../../../errors.ts';

export const ck = {
  CKO_SECRET_KEY: 4,
  CKK_AES: 0x1f,
  CKA_CLASS: 0,
  CKA_TOKEN: 1,
  CKA_PRIVATE: 2,
  CKA_LABEL: 3,
  CKA_KEY_TYPE: 0x100,
  CKA_ID: 0x102,
  CKA_SENSITIVE: 0x103,
  CKA_ENCRYPT: 0x104,
  CKA_DECRYPT: 0x105,
  CKA_WRAP: 0x106,
  CKA_UNWRAP: 0x107,
  CKA_VALUE_LEN: 0x161,
  CKA_EXTRACTABLE: 0x162,
  CKA_NEVER_EXTRACTABLE: 0x164,
  CKA_ALWAYS_SENSITIVE: 0x165,
  CKM_AES_KEY_GEN: 0x1080,
  CKM_AES_GCM: 0x1087,
  CKF_RW_SESSION: 2,
  CKF_SERIAL_SESSION: 4,
  CKF_LOGIN_REQUIRED: 4,
  CKF_PROTECTED_AUTHENTICATION_PATH: 0x100,
  CKF_TOKEN_INITIALIZED: 0x400,
  CKF_USER_PIN_FINAL_TRY: 0x20000,
  CKF_USER_PIN_LOCKED: 0x40000,
  CKU_USER: 1,
} as const;

type Handle = Buffer;

interface Attribute {
  readonly type: number;
  readonly value?: Buffer | boolean | number | string;
}

interface Mechanism {
  readonly mechanism: number;
  readonly parameter?: object;
}

/** Every call blocks, and throws an error with the `code` that the module returned. */
export interface Pkcs11 {
  load(path: string): void;
  close(): void;
  C_Initialize(): void;
  C_Finalize(): void;
  C_GetSlotList(tokenPresent: boolean): Handle[];
  C_GetTokenInfo(slot: Handle): { label: string; serialNumber: string; flags: number };
  C_OpenSession(slot: Handle, flags: number): Handle;
  C_CloseSession(session: Handle): void;
  C_Login(session: Handle, userType: number, pin?: string): void;
  C_Logout(session: Handle): void;
  C_FindObjectsInit(session: Handle, template: readonly Attribute[]): void;
  C_FindObjects(session: Handle, most: number): Handle[];
  C_FindObjectsFinal(session: Handle): void;
  C_GetAttributeValue(
    session: Handle,
    object: Handle,
    template: readonly Attribute[],
  ): { type: number; value: Buffer }[];
  C_GenerateKey(session: Handle, mechanism: Mechanism, template: readonly Attribute[]): Handle;
  C_EncryptInit(session: Handle, mechanism: Mechanism, key: Handle): void;
  C_Encrypt(session: Handle, from: Buffer, into: Buffer): Buffer;
  C_DecryptInit(session: Handle, mechanism: Mechanism, key: Handle): void;
  C_Decrypt(session: Handle, from: Buffer, into: Buffer): Buffer;
}

interface Library {
  readonly PKCS11: new () => Pkcs11;
  /** How the library tells mechanism parameters apart; not of the standard. */
  readonly CK_PARAMS_AES_GCM: number;
}

// By a name that is not resolved before it is needed
const packageName = 'pkcs11js';

/** @throws StrongroomError `ANCHOR_UNAVAILABLE` if the package is not installed. */
export async function loadLibrary(): Promise<Library> {
  try {
    return ((await import(packageName)) as { default: Library }).default;
  } catch (cause) {
    throw new StrongroomError('ANCHOR_UNAVAILABLE', 'the package pkcs11js cannot be loaded', {
      hint: 'install it beside Strongroom: npm install pkcs11js',
      cause,
    });
  }
}

export type { Library };
