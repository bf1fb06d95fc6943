/**
 * SHA-256 of the files in a stream, of each as a whole or of each of its shards: what Open
 * Model Signing hashes (docs/format.md, "Manifest").
 */
import { createHash, type Hash } from 'node:crypto';
import { hex } from '../bytes.ts';
import { sharedNumbers } from '../engine/shared.ts';
import type { Entry } from './entry.ts';
import type { TarListener } from './tar/follow.ts';

export const digestBytes = 32;

/** How files are divided. */
export interface Sharding {
  /** In bytes: every shard but a file's last is so long. Files are hashed whole when absent. */
  readonly shardSize?: number | undefined;
}

/** Shards of a file: one, also of an empty file, when files are hashed whole. */
export const shardCount = (size: number, { shardSize }: Sharding): number =>
  shardSize === undefined ? 1 : Math.ceil(size / shardSize);

/** What is to be hashed, in the order of the stream; plain data, so that threads can be given it. */
export interface DigestRanges {
  /** Offset in the stream and length, both in bytes. */
  readonly at: Float64Array<SharedArrayBuffer>;
  readonly lengths: Float64Array<SharedArrayBuffer>;
}

/** The ranges of files that lie at `offset` in a stream. */
export function digestRanges(
  files: readonly { readonly offset: number; readonly size: number }[],
  sharding: Sharding,
): DigestRanges {
  const at: number[] = [];
  const lengths: number[] = [];
  for (const { offset, size } of files) {
    const { shardSize = size } = sharding;
    for (let shard = 0; shard < shardCount(size, sharding); shard++) {
      at.push(offset + shard * shardSize);
      lengths.push(Math.min(shardSize, size - shard * shardSize));
    }
  }
  return { at: sharedNumbers(at), lengths: sharedNumbers(lengths) };
}

/** Bytes of all ranges. */
export const digestedBytes = ({ lengths }: DigestRanges): number =>
  lengths.reduce((sum, length) => sum + length, 0);

/** Digests of each file in hex, in order: of the whole file, or of each of its shards. */
export type FileDigests = readonly (readonly string[])[];

/** Gives joined digests of ranges to the files that the ranges were made of. */
export function digestsByFile(
  files: readonly { readonly size: number }[],
  sharding: Sharding,
  hashes: Uint8Array,
): FileDigests {
  let next = 0;
  return files.map(({ size }) =>
    Array.from({ length: shardCount(size, sharding) }, () => {
      const digest = hashes.subarray(next, next + digestBytes);
      next += digestBytes;
      return hex(digest);
    }),
  );
}

/** Hashes the files of a tar as it passes. */
export class PassingDigests implements TarListener {
  readonly #sharding: Sharding;
  readonly #files: string[][] = [];
  #hash: Hash | undefined;
  /** Bytes of the current shard that are still to come. */
  #left = 0;
  #size = 0;

  constructor(sharding: Sharding) {
    this.#sharding = sharding;
  }

  entry(entry: Entry): void {
    this.#end();
    if (entry.type === 'directory') return;
    this.#files.push([]);
    this.#size = entry.size;
    if (shardCount(entry.size, this.#sharding) > 0) this.#begin();
  }

  data(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + this.#left);
      this.#hash?.update(part);
      at += part.length;
      this.#left -= part.length;
      this.#size -= part.length;
      if (this.#left > 0 || this.#size === 0) continue;
      this.#end();
      this.#begin();
    }
  }

  /** Of all files, after the last one has passed. */
  get files(): FileDigests {
    this.#end();
    return this.#files;
  }

  #begin(): void {
    this.#hash = createHash('sha256');
    this.#left = Math.min(this.#sharding.shardSize ?? this.#size, this.#size);
  }

  #end(): void {
    if (this.#hash === undefined) return;
    this.#files.at(-1)?.push(this.#hash.digest('hex'));
    this.#hash = undefined;
  }
}
