/** Signing a model in a directory: an OMS bundle, and the same statement by an identity. */
import { basename, dirname, join } from 'node:path';
import { limits } from '../../archive/core.ts';
import type { Sharding } from '../../archive/digests.ts';
import type { RunOptions } from '../../engine/pool.ts';
import { StrongroomError } from '../../errors.ts';
import type { Identity } from '../../keys/identity.ts';
import { encodeBundle } from '../../provenance/oms/bundle.ts';
import { encodeEnvelope } from '../../provenance/oms/envelope.ts';
import type { OmsPrivateKey } from '../../provenance/oms/key.ts';
import {
  bundleName,
  decodeStatement,
  encodeStatement,
  envelopeName,
  ignores,
  neverSigned,
} from '../../provenance/oms/statement.ts';
import { writeNew } from '../keyfiles.ts';
import { assertModelName, measureModel, pathsWithin } from './measure.ts';

export interface SignOmsOptions extends RunOptions, Sharding {
  /** Makes a bundle. */
  readonly key?: OmsPrivateKey | undefined;
  /** Makes an envelope, whose signatures are quantum-safe. */
  readonly signer?: Identity | undefined;
  /** Path of the bundle to be, by default `model.sig` in the directory; see `signaturePaths`. */
  readonly output?: string | undefined;
  /** Of the model, by default as its directory is called. */
  readonly name?: string | undefined;
  /** Sign what symbolic links point to; by default a link is refused. */
  readonly followSymlinks?: boolean | undefined;
}

export interface SignOmsReport {
  readonly name: string;
  /** Hex. */
  readonly root: string;
  readonly files: number;
  /** Paths of what was written. */
  readonly bundle?: string;
  readonly envelope?: string;
}

/** Where a bundle lies, and the envelope beside it: `x.sig` and `x.intoto.jsonl`. */
export function signaturePaths(directory: string, output = join(directory, bundleName)) {
  const stem = basename(output).replace(/\.(sig|json)$/, '');
  const isUsual = basename(output) === bundleName;
  const envelope = join(dirname(output), isUsual ? envelopeName : `${stem}.intoto.jsonl`);
  return { bundle: output, envelope };
}

/** @throws StrongroomError USAGE for shards that would make the statement a burden. */
export function assertShardSize({ shardSize }: Sharding): void {
  if (shardSize === undefined || shardSize >= limits.segmentBytes.usual) return;
  throw new StrongroomError('USAGE', `a shard is at least ${limits.segmentBytes.usual} bytes`);
}

/**
 * Signs the model in `directory`. Nothing is written unless all of it is.
 * @throws StrongroomError USAGE, OUTPUT_EXISTS, and as `measureModel`.
 */
export async function signOms(directory: string, options: SignOmsOptions): Promise<SignOmsReport> {
  const { key, signer, name, followSymlinks = false } = options;
  if (key === undefined && signer === undefined) {
    throw new StrongroomError('USAGE', 'nobody is named to sign');
  }
  assertShardSize(options);
  if (name !== undefined) assertModelName(name);
  const paths = signaturePaths(directory, options.output);
  const outputs = pathsWithin(directory, [paths.bundle, paths.envelope]);
  const isIgnored = ignores([...neverSigned, ...outputs]);
  const measured = await measureModel(directory, { ...options, followSymlinks, isIgnored });
  const model = { ...measured, name: name ?? measured.name };
  const statement = encodeStatement(model, outputs);
  const { root } = decodeStatement(statement, directory);
  const bundle = key && { path: paths.bundle, bytes: encodeBundle(statement, key) };
  const envelope = signer && { path: paths.envelope, bytes: encodeEnvelope(statement, signer) };
  const files = [bundle, envelope].filter((file) => file !== undefined);
  writeNew(files.map((file) => ({ ...file, mode: 0o644 })));
  return {
    name: model.name,
    root,
    files: model.files.length,
    ...(bundle === undefined ? {} : { bundle: bundle.path }),
    ...(envelope === undefined ? {} : { envelope: envelope.path }),
  };
}
