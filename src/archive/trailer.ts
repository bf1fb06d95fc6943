/** The trailer of a new archive: manifest, tiles, seal and footer (docs/format.md, "The archive"). */
import { buildTree } from '../engine/tree.ts';
import type { Core } from './core.ts';
import type { ArchiveKeys } from './filekey.ts';
import { encodeFooter, type Footer, layFooter } from './footer.ts';
import { type Manifest, sealManifest } from './manifest.ts';
import { createSeal, type NewSeal, type Seal } from './seal.ts';

export interface NewTrailer
  extends Pick<NewSeal, 'signer' | 'claims' | 'rekeyed' | 'floeHeader' | 'payload'> {
  readonly core: Core;
  readonly keys: ArchiveKeys;
  readonly manifest: Manifest;
  /** Every leaf hash in order. */
  readonly leaves: Uint8Array;
  /** Where the payload ends in the archive. */
  readonly at: number;
}

export interface SealedTrailer {
  readonly seal: Seal;
  readonly footer: Footer;
  /** What to write, in order of the offsets. */
  readonly parts: readonly { readonly bytes: Uint8Array; readonly offset: number }[];
}

/** Encrypts the manifest, builds the tree, signs the seal, and gives each its place. */
export function sealTrailer(trailer: NewTrailer): SealedTrailer {
  const { core, keys, leaves, at, manifest: listed, ...stated } = trailer;
  const manifest = sealManifest(listed, core, keys);
  const { levels, root: contentRoot } = buildTree(core.suite.hash, leaves);
  const { commit } = keys;
  const seal = createSeal({ ...stated, core, commit, manifest, contentRoot });
  const footer = layFooter(at, {
    manifest: manifest.length,
    tiles: levels.reduce((sum, level) => sum + level.length, 0),
    seal: seal.bytes.length,
  });
  let offset = at;
  const parts = [manifest, ...levels, seal.bytes, encodeFooter(footer, core)].map((bytes) => {
    const part = { bytes, offset };
    offset += bytes.length;
    return part;
  });
  return { seal, footer, parts };
}
