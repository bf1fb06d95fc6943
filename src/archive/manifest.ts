/** The manifest: what the payload holds, encrypted and sealed (docs/format.md, "Manifest"). */
import { z } from 'zod';
import { decryptAll, encryptAll } from '../crypto/floe.ts';
import { isStrongroomError, StrongroomError } from '../errors.ts';
import { decodeJson, encodeJson } from '../json.ts';
import { printable } from '../text.ts';
import type { Core } from './core.ts';
import { type FileDigests, shardCount } from './digests.ts';
import { type Entry, maxEntries, maxTime } from './entry.ts';
import type { ArchiveKeys } from './filekey.ts';
import { assertNoCollisions, assertSafePath } from './paths.ts';

export const maxManifestBytes = 2 ** 28;

/** The most UTF-16 units of a model's name. */
const maxModelName = 255;

/** Whether a model can be called so. */
export const isModelName = (name: string): boolean =>
  name.length > 0 && name.length <= maxModelName && !/[\p{Cc}\p{Cs}]/u.test(name);

const common = {
  path: z.string(),
  mode: z.int().min(0).max(0o777),
  mtime: z.int().min(0).max(maxTime),
};

/**
 * The shape of an entry in a manifest, without members that the format does not name.
 * Whether a path is safe, and how entries fit together, is for `assertSafePath` and
 * `assertNoCollisions`: a schema could not say which rule was broken.
 */
const entrySchema: z.ZodType<Entry> = z.discriminatedUnion('type', [
  z.strictObject({
    ...common,
    type: z.literal('file'),
    size: z.int().min(0),
    offset: z.int().min(0),
  }),
  z.strictObject({ ...common, type: z.literal('directory') }),
]);

/** What Open Model Signing says of the files; how it reads is for the room `provenance`. */
const omsSchema = z.strictObject({
  digests: z.array(z.array(z.string().regex(/^[0-9a-f]{64}$/, 'not a SHA-256 digest'))),
  name: z.string().refine(isModelName, 'not a name of 1 to 255 characters'),
  shardSize: z.int().min(1).exactOptional(),
});

/** All that a payload holds. */
export const entriesSchema = z.array(entrySchema).max(maxEntries);

const document = z.strictObject({
  entries: entriesSchema,
  length: z.int().min(0),
  oms: omsSchema.exactOptional(),
  type: z.literal('strongroom/manifest'),
  version: z.literal(1),
});

export interface Manifest {
  /** In the order of the tar stream. */
  readonly entries: readonly Entry[];
  /** Bytes of the payload's plaintext. */
  readonly length: number;
  /** What an Open Model Signing statement about the files is made of, if it was asked for. */
  readonly oms?: SealedOms;
}

export interface SealedOms {
  /** Of every file of `entries`, in order. */
  readonly digests: FileDigests;
  /** Of the model; informative. */
  readonly name: string;
  /** In bytes: how long shards are; files are hashed whole when absent. */
  readonly shardSize?: number;
}

/** The manifest as it stands in the archive. */
export function sealManifest(manifest: Manifest, core: Core, keys: ArchiveKeys): Uint8Array {
  const tooMany = () => new StrongroomError('SOURCE_UNSUPPORTED', 'too many files for one archive');
  if (manifest.entries.length > maxEntries) throw tooMany();
  const plaintext = encodeJson({ ...manifest, type: 'strongroom/manifest', version: 1 });
  if (plaintext.length > maxManifestBytes) throw tooMany();
  return encryptAll(keys.manifest, core.hash, core.segmentBytes, plaintext);
}

/**
 * Decrypts a manifest whose digest fits the seal, and checks every rule of "Paths and entries".
 * @throws StrongroomError MANIFEST_INVALID, ENTRY_UNSAFE.
 */
export function openManifest(
  bytes: Uint8Array,
  core: Core,
  keys: ArchiveKeys,
  payloadLength: number,
  name: string,
): Manifest {
  const invalid = (what: string, cause?: unknown) =>
    new StrongroomError('MANIFEST_INVALID', `${name}: ${what}`, { file: name, cause });
  let plaintext: Uint8Array;
  try {
    plaintext = decryptAll(keys.manifest, core.hash, core.segmentBytes, bytes);
  } catch (cause) {
    if (!isStrongroomError(cause)) throw cause;
    throw invalid('the manifest does not decrypt', cause);
  }
  const { entries, length, oms } = decodeJson(plaintext, document, {
    what: `${name}: manifest`,
    code: 'MANIFEST_INVALID',
    maxBytes: maxManifestBytes,
  });
  if (length !== payloadLength) throw invalid('the manifest states another length than the seal');
  assertEntries(entries, length, invalid);
  if (oms === undefined) return { entries, length };
  const files = entries.filter((entry) => entry.type === 'file');
  const fits = (digests: readonly string[] | undefined, i: number) =>
    digests?.length === shardCount(files[i]?.size ?? 0, oms);
  if (oms.digests.length !== files.length || !oms.digests.every(fits)) {
    throw invalid('the manifest does not have the digests that its files ask for');
  }
  return { entries, length, oms };
}

/**
 * The rules of "Paths and entries" for all that a payload of `length` bytes holds.
 * @param invalid makes the error for what is wrong with more than a path.
 * @throws StrongroomError ENTRY_UNSAFE, and what `invalid` makes.
 */
export function assertEntries(
  entries: readonly Entry[],
  length: number,
  invalid: (what: string) => StrongroomError,
): void {
  let end = 0;
  for (const entry of entries) {
    assertSafePath(entry.path);
    if (entry.type === 'directory') continue;
    if (entry.offset < end) throw invalid(`${printable(entry.path)} overlaps the file before it`);
    end = entry.offset + entry.size;
    if (end > length) throw invalid(`${printable(entry.path)} reaches beyond the payload`);
  }
  assertNoCollisions(entries);
}
