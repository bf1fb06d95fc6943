/** Elliptic-curve keys in PEM, from what options name. */
import type { OmsPrivateKey, OmsPublicKey } from '../../index.ts';
import { askPassphrase } from '../passphrase.ts';

const maxPemBytes = 65536;

/** How the passphrase of a key in PEM is reached. */
export interface PemOptions {
  readonly keyPassphraseFile?: string;
  readonly keyPassphraseFd?: number;
}

export async function readOmsPublicKey(path: string): Promise<OmsPublicKey> {
  const { decodeOmsPublicKey, readSmallFile } = await import('../../index.ts');
  return decodeOmsPublicKey(await readSmallFile(path, maxPemBytes), path);
}

/** Asks for a passphrase only if the key has one. */
export async function unlockOmsPrivateKey(
  path: string,
  { keyPassphraseFile, keyPassphraseFd }: PemOptions,
): Promise<OmsPrivateKey> {
  const { decodeOmsPrivateKey, isEncryptedPem, readSmallFile } = await import('../../index.ts');
  const pem = await readSmallFile(path, maxPemBytes);
  let passphrase: Uint8Array | undefined;
  try {
    if (isEncryptedPem(pem)) {
      passphrase = await askPassphrase({
        message: `Passphrase for ${path}`,
        ...(keyPassphraseFile === undefined ? {} : { passphraseFile: keyPassphraseFile }),
        ...(keyPassphraseFd === undefined ? {} : { passphraseFd: keyPassphraseFd }),
      });
    }
    return decodeOmsPrivateKey(pem, path, passphrase);
  } finally {
    pem.fill(0);
    passphrase?.fill(0);
  }
}
