/** Measuring a model: SHA-256 of every file in a directory, in threads. */
import { statSync } from 'node:fs';
import { basename, relative, resolve, sep } from 'node:path';
import { digestRanges, digestsByFile, type Sharding } from '../../archive/digests.ts';
import { isModelName } from '../../archive/manifest.ts';
import { findFiles } from '../../archive/plan.ts';
import { runDigests } from '../../archive/worker.ts';
import { noLiterals, shareFiles } from '../../engine/pieces.ts';
import type { RunOptions } from '../../engine/pool.ts';
import { asStrongroomError, StrongroomError } from '../../errors.ts';
import { readAtMost, withFile } from '../../keys/read.ts';
import { maxBundleBytes } from '../../provenance/oms/bundle.ts';
import type { MeasuredModel } from '../../provenance/oms/statement.ts';

export interface MeasureOptions extends RunOptions, Sharding {
  readonly followSymlinks: boolean;
  /** Tells which paths are no part of the model. */
  readonly isIgnored: (path: string) => boolean;
  /** Refuses files that need not be hashed. */
  readonly assertWanted?: (files: MeasuredModel['files']) => void;
}

/**
 * Measures the model in a directory.
 * @throws StrongroomError NOT_FOUND, SYMLINK, SOURCE_UNSUPPORTED, SOURCE_CHANGED,
 *   PERMISSION_DENIED, INTERRUPTED.
 */
export async function measureModel(
  directory: string,
  options: MeasureOptions,
): Promise<MeasuredModel> {
  assertDirectory(directory);
  const { followSymlinks, isIgnored, shardSize, assertWanted } = options;
  const found = findFiles(directory, { followSymlinks }).filter(
    ({ type, path }) => type === 'file' && !isIgnored(path),
  );
  let length = 0;
  const files = found.map(({ path, size, source, fingerprint }) => {
    const file = { path, size, source, fingerprint, offset: length };
    length += size;
    return file;
  });
  const name = modelNameOf(directory);
  assertWanted?.(files);
  const pieces = files
    .filter(({ size }) => size > 0)
    .map(({ source, offset, fingerprint }) => ({ path: source, at: offset, fingerprint }));
  const hashes = await runDigests(
    { length, literals: noLiterals, files: shareFiles(pieces) },
    digestRanges(files, { shardSize }),
    options,
  );
  const digests = digestsByFile(files, { shardSize }, hashes);
  return { name, files, digests, followSymlinks, shardSize };
}

/** @throws StrongroomError USAGE. */
export function assertModelName(name: string): void {
  if (isModelName(name)) return;
  const message = 'a model has a name of 1 to 255 characters, none of them a control character';
  throw new StrongroomError('USAGE', message);
}

/** How a model is called: as its directory, or as the tar that holds it. */
export function modelNameOf(path: string): string {
  const name = path === '-' ? '' : basename(resolve(path)).replace(/\.tar$/, '');
  return isModelName(name) ? name : 'model';
}

function assertDirectory(path: string): void {
  try {
    if (statSync(path).isDirectory()) return;
  } catch (error) {
    throw asStrongroomError(error, path);
  }
  throw new StrongroomError('USAGE', `${path}: not a directory`, { file: path });
}

/** Those of `paths` that lie in `directory`, relative to it and with slashes. */
export const pathsWithin = (directory: string, paths: readonly string[]): string[] =>
  paths
    .map((path) => relative(resolve(directory), resolve(path)))
    .filter((path) => path !== '' && path !== '..' && !path.startsWith(`..${sep}`))
    .map((path) => path.split(sep).join('/'));

/** @throws StrongroomError OMS_INVALID for a file that is too long, or the system's error. */
export async function readSignature(path: string): Promise<Uint8Array> {
  const bytes = await withFile(path, (fd) => readAtMost(fd, maxBundleBytes + 1));
  if (bytes.length <= maxBundleBytes) return bytes;
  throw new StrongroomError('OMS_INVALID', `${path}: longer than ${maxBundleBytes} bytes`, {
    file: path,
  });
}
