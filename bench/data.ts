/**
 * Models to measure with: sharded safetensors (github.com/huggingface/safetensors, "Format")
 * with valid headers, and weights that look random and do not compress.
 */
import { createCipheriv, createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

export interface Model {
  readonly directory: string;
  /** Names of the shards, without the directory. */
  readonly shards: readonly string[];
  /** Of all shards together, exactly as asked for. */
  readonly bytes: number;
}

const MiB = 2 ** 20;
const hidden = 4096;
const bytesPerWeight = 2;
const rowBytes = hidden * bytesPerWeight;
const largestShard = 2 ** 31;

const shardCount = (bytes: number): number => Math.max(4, Math.ceil(bytes / largestShard));

const shardName = (index: number, count: number): string => {
  const number = (n: number) => String(n).padStart(5, '0');
  return `model-${number(index + 1)}-of-${number(count)}.safetensors`;
};

/** Length of the header (u64, little-endian), then JSON padded with spaces to 8 bytes. */
function shardHeader(shard: number, dataBytes: number): Buffer {
  const tensors: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  const tensorBytes = 32 * MiB;
  for (let at = 0, layer = 0; at < dataBytes; at += tensorBytes, layer++) {
    const end = Math.min(at + tensorBytes, dataBytes);
    const rows = (end - at) / rowBytes;
    const shape = Number.isInteger(rows) ? [rows, hidden] : [(end - at) / bytesPerWeight];
    tensors[`model.layers.${shard}.${layer}.weight`] = {
      dtype: 'BF16',
      shape,
      data_offsets: [at, end],
    };
  }
  const json = JSON.stringify(tensors);
  const padded = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded]);
}

/** A header whose data make the shard `bytes` long; the header's length depends on the data's. */
function fittingHeader(shard: number, bytes: number): Buffer {
  const draft = shardHeader(shard, bytes - (bytes % 2));
  // Room for digits that come and go; spaces fill it, which the format allows.
  const headerBytes = draft.length + 64;
  const json = shardHeader(shard, bytes - headerBytes).subarray(8);
  const out = Buffer.alloc(headerBytes, ' ');
  out.writeBigUInt64LE(BigInt(headerBytes - 8));
  json.copy(out, 8);
  return out;
}

/** The keystream of AES-256-CTR under the shard's name: fast, and the same on every machine. */
function writeShard(path: string, name: string, shard: number, bytes: number): void {
  const key = createHash('sha256').update(name).digest();
  const stream = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  const zeros = Buffer.alloc(4 * MiB);
  const fd = openSync(path, 'w');
  try {
    const header = fittingHeader(shard, bytes);
    writeSync(fd, header);
    for (let left = bytes - header.length; left > 0; ) {
      const chunk = stream.update(zeros.subarray(0, Math.min(left, zeros.length)));
      for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
      left -= chunk.length;
    }
  } finally {
    closeSync(fd);
  }
}

/**
 * Makes the model below `parent`, or finds it there complete from an earlier run.
 * @param bytes of all shards together: a multiple of 1 MiB, at least 4 MiB.
 */
export function createModel(parent: string, bytes: number): Model {
  const count = shardCount(bytes);
  const directory = join(parent, `model-${bytes / MiB}MiB`);
  const shardBytes = Math.floor(bytes / count / 2) * 2;
  const shards = Array.from({ length: count }, (_, i) => shardName(i, count));
  const sizeOf = (i: number) => (i < count - 1 ? shardBytes : bytes - shardBytes * (count - 1));
  const model: Model = { directory, shards, bytes };

  // The index is written last: with it, all shards are complete.
  const index = join(directory, 'model.safetensors.index.json');
  const isThere = (name: string, i: number) => {
    const path = join(directory, name);
    return existsSync(path) && statSync(path).size === sizeOf(i);
  };
  if (existsSync(index) && shards.every(isThere)) return model;

  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  shards.forEach((name, i) => {
    writeShard(join(directory, name), `${bytes}/${name}`, i, sizeOf(i));
  });
  writeFileSync(index, JSON.stringify({ metadata: { total_size: bytes }, weight_map: {} }));
  return model;
}
