/** What must be found nowhere: the secrets in files of keys, and those of archives. */
import { readFileSync } from 'node:fs';
import { deriveArchiveKeys } from '#strongroom/archive/filekey.js';
import { unlockKeyring } from '#strongroom/archive/keyring.js';
import { floeHeaderBytes, startDecryption, windowKey } from '#strongroom/crypto/floe.js';
import { decodeIdentity, type Identity } from '#strongroom/index.js';
import { frontOf, regionsOf } from '../support/archive.ts';
import type { Secret } from './memory.ts';

export const passphrase = 'correct horse battery staple';
export const askPassphrase = async () => Buffer.from(passphrase);

export const identityAt = (path: string): Promise<Identity> =>
  decodeIdentity(readFileSync(path), askPassphrase);

/** The seed of an identity's KEM, then those of its signatures. */
export async function seedsAt(path: string): Promise<Secret[]> {
  const { kemSeed, signingSeeds } = await identityAt(path);
  return [kemSeed, ...signingSeeds].map((bytes, i) => ({ name: `seed ${i} of ${path}`, bytes }));
}

/** The file key of an archive, and what is derived from it. */
export async function keysAt(path: string, holder: Identity): Promise<Secret[]> {
  const bytes = readFileSync(path);
  const { core, ring } = await frontOf(bytes);
  const { fileKey } = await unlockKeyring(ring, core, holder, path);
  const keys = deriveArchiveKeys(fileKey, core);
  const [from] = regionsOf(bytes).at.header;
  const header = bytes.subarray(from, from + floeHeaderBytes);
  const state = startDecryption(keys.payload, core.hash, header, core.segmentBytes);
  const named = { ...keys, messageKey: state.messageKey.slice(), segmentKey: windowKey(state, 0) };
  return [
    { name: `file key of ${path}`, bytes: fileKey },
    ...(['payload', 'manifest', 'keyring', 'custody', 'messageKey', 'segmentKey'] as const).map(
      (name) => ({ name: `${name} of ${path}`, bytes: named[name] }),
    ),
  ];
}
