/**
 * Model signing while an archive is sealed: digests of what goes into it, as the archive's own
 * statement, and held against a bundle that travels with the model.
 */

import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type FileDigests, type Sharding, shardCount } from '../../archive/digests.ts';
import type { Entry } from '../../archive/entry.ts';
import type { SealedOms } from '../../archive/manifest.ts';
import { StrongroomError } from '../../errors.ts';
import { openBundle } from '../../provenance/oms/bundle.ts';
import { assertSameResources } from '../../provenance/oms/compare.ts';
import type { OmsPublicKey } from '../../provenance/oms/key.ts';
import {
  bundleName,
  decodeStatement,
  encodeStatement,
  type OmsStatement,
  resourcesOf,
} from '../../provenance/oms/statement.ts';
import { assertModelName, modelNameOf, readSignature } from './measure.ts';
import { assertShardSize } from './sign.ts';

export interface OmsSealOptions {
  /** Seal what a statement of model signing is made of, for `exportOms`. */
  readonly oms?: (Sharding & { readonly name?: string | undefined }) | undefined;
  /**
   * Whose bundle, `model.sig` in the directory, has to fit what is sealed, byte for byte. It
   * is sealed along.
   */
  readonly verifyOms?: OmsPublicKey | undefined;
}

interface CheckedBundle {
  readonly bytes: Uint8Array;
  readonly statement: OmsStatement;
  readonly path: string;
}

interface FinishedOms {
  readonly oms: SealedOms;
  /** Hex. */
  readonly root: string;
}

export interface OmsSealing {
  /** How to hash; absent if nobody asked for digests. */
  readonly sharding: Sharding | undefined;
  /**
   * What the manifest holds of it.
   * @throws StrongroomError OMS_MISMATCH if what was sealed is not what the bundle says.
   */
  finish(entries: readonly Entry[], digests: FileDigests): FinishedOms | undefined;
}

/**
 * Opens the bundle, if one is to be verified, before anything is sealed.
 * @throws StrongroomError USAGE, OMS_INVALID, OMS_UNTRUSTED.
 */
export async function prepareOms(source: string, options: OmsSealOptions): Promise<OmsSealing> {
  const { oms, verifyOms } = options;
  if (oms !== undefined) assertShardSize(oms);
  if (oms?.name !== undefined) assertModelName(oms.name);
  const bundle = verifyOms && (await openedBundle(source, verifyOms));
  const shardSize = oms?.shardSize ?? bundle?.statement.shardSize;
  if (bundle !== undefined && bundle.statement.shardSize !== shardSize) {
    throw new StrongroomError('USAGE', `${bundle.path}: signed with other shards than asked for`);
  }
  const name = oms?.name ?? modelNameOf(source);
  return {
    sharding: oms === undefined && bundle === undefined ? undefined : { shardSize },
    finish(entries, digests) {
      if (bundle !== undefined) assertBundleFits(bundle, entries, digests);
      if (oms === undefined) return undefined;
      const sealed = { digests, name, ...(shardSize === undefined ? {} : { shardSize }) };
      const { root } = decodeStatement(sealedStatement(sealed, entries), source);
      return { oms: sealed, root };
    },
  };
}

async function openedBundle(source: string, key: OmsPublicKey): Promise<CheckedBundle> {
  if (source === '-' || !statSync(source).isDirectory()) {
    throw new StrongroomError('USAGE', 'the bundle of a model is verified in a directory only');
  }
  const path = join(source, bundleName);
  const bytes = await readSignature(path);
  return { bytes, statement: decodeStatement(openBundle(bytes, key, path), path), path };
}

const filesOf = (entries: readonly Entry[]) => entries.filter((entry) => entry.type === 'file');

function assertBundleFits(
  { bytes, statement, path }: CheckedBundle,
  entries: readonly Entry[],
  digests: FileDigests,
): void {
  const { resources, shardSize } = statement;
  const ignored = [...statement.ignored, bundleName];
  const files = filesOf(entries);
  const found = resourcesOf({ files, digests, shardSize }, ignored);
  assertSameResources(found, resources, path);
  // The bundle that was read is the one that was sealed
  const index = files.findIndex((file) => file.path === bundleName);
  const { shardSize: step = bytes.length } = statement;
  const own = Array.from({ length: shardCount(bytes.length, statement) }, (_, i) =>
    createHash('sha256')
      .update(bytes.subarray(i * step, (i + 1) * step))
      .digest('hex'),
  );
  if (digests[index]?.join() === own.join()) return;
  throw new StrongroomError('SOURCE_CHANGED', `${path}: changed while it was read`, { file: path });
}

/** The statement that the digests in an archive make: bytes to sign, the same for all. */
export const sealedStatement = (
  { digests, name, shardSize }: SealedOms,
  entries: readonly Entry[],
): Uint8Array<ArrayBuffer> =>
  encodeStatement({ name, files: filesOf(entries), digests, shardSize, followSymlinks: false });
