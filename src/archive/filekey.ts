/** The file key and what is derived from it (docs/format.md, "Keys inside an archive"). */
import { concat, utf8, wipe } from '../bytes.ts';
import { hpkeOpen, hpkeSeal } from '../crypto/hpke.ts';
import { deriveKey } from '../crypto/kdf.ts';
import type { Identity } from '../keys/identity.ts';
import type { Core } from './core.ts';

export const fileKeyBytes = 32;
export const commitBytes = 48;
/** A file key sealed to a recipient: itself and an AES-GCM tag. */
export const sealedKeyBytes = fileKeyBytes + 16;

export interface ArchiveKeys {
  readonly payload: Uint8Array;
  readonly manifest: Uint8Array;
  readonly keyring: Uint8Array;
  /** For commitments to what is inside, which only who has the file key can check. */
  readonly custody: Uint8Array;
  /** Public: commits to the file key. */
  readonly commit: Uint8Array;
  wipe(): void;
}

export function deriveArchiveKeys(fileKey: Uint8Array, core: Core): ArchiveKeys {
  const derive = (purpose: string, bytes: number) =>
    deriveKey(fileKey, core.archiveId, core.hash, purpose, bytes);
  const keys = {
    payload: derive('payload', 32),
    manifest: derive('manifest', 32),
    keyring: derive('keyring', 48),
    custody: derive('custody', 48),
    commit: derive('commit', commitBytes),
  };
  return { ...keys, wipe: () => wipe(keys.payload, keys.manifest, keys.keyring, keys.custody) };
}

/** What an HPKE stanza is bound to: this archive and this file key. */
const wrapInfo = (core: Core, commit: Uint8Array): Uint8Array =>
  concat(utf8('strongroom/v1/wrap'), core.hash, commit);

/** The file key for one recipient: `enc` of the suite's length and 48 sealed bytes. */
export function wrapFileKey(
  fileKey: Uint8Array,
  core: Core,
  commit: Uint8Array,
  publicKey: Uint8Array,
): { readonly enc: Uint8Array; readonly sealed: Uint8Array } {
  return hpkeSeal(core.suite, publicKey, wrapInfo(core, commit), fileKey);
}

/** The file key from one stanza, or `undefined` when it is not for this identity. */
export function unwrapFileKey(
  stanza: { readonly enc: Uint8Array; readonly sealed: Uint8Array },
  core: Core,
  commit: Uint8Array,
  identity: Identity,
): Uint8Array | undefined {
  const info = wrapInfo(core, commit);
  return hpkeOpen(core.suite, identity.kemSeed, stanza.enc, stanza.sealed, info);
}
