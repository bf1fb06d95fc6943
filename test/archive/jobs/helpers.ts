/** A payload to work on, and the jobs of threads, run in this one. */
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LeafCollector, type LeafReport } from '#strongroom/archive/jobs/leaves.js';
import { sealSegments } from '#strongroom/archive/jobs/seal.js';
import { shareExtents } from '#strongroom/archive/jobs/sinks.js';
import type { OutputReport, SealTarget } from '#strongroom/archive/jobs/target.js';
import { planSource } from '#strongroom/archive/plan.js';
import type { Payload } from '#strongroom/archive/segments.js';
import {
  decryptAll,
  encryptAll,
  type FloeState,
  floeHeaderBytes,
  segmentCount,
  segmentOverhead,
  startDecryption,
  startEncryption,
} from '#strongroom/crypto/floe.js';
import { treeHashes } from '#strongroom/crypto/hash.js';
import { Control, createControl } from '#strongroom/engine/control.js';
import { standard } from '#strongroom/engine/files.js';
import { type Pieces, PiecesReader } from '#strongroom/engine/pieces.js';
import { buildTree } from '#strongroom/engine/tree.js';
import { type Files, noise, writeFiles } from '../../support/archive.ts';

export const segmentBytes = 4096;
const aad = noise(48, 7);
export const never = new AbortController().signal;
export const control = (threads = 1) => new Control(createControl(threads));

export interface Stream {
  readonly pieces: Pieces;
  readonly bytes: Buffer;
  readonly files: readonly {
    readonly path: string;
    readonly offset: number;
    readonly size: number;
  }[];
}

const usual = (): Files => ({
  a: noise(3 * segmentBytes + 5, 2),
  b: '',
  c: noise(1, 3),
  'd/e': noise(segmentBytes - 512, 4),
  'd/f': noise(2 * segmentBytes, 5),
  'd/g/h/i': noise(10, 6),
  'z/': '',
});

/** Files laid out as they are sealed; without `files` those of all lengths around a segment. */
export async function streamIn(root: string, files: Files = usual()): Promise<Stream> {
  const source = writeFiles(join(root, 'source'), files);
  const { pieces, entries } = await planSource(source, { followSymlinks: false });
  const bytes = Buffer.alloc(pieces.length);
  const reader = new PiecesReader(pieces);
  reader.read(bytes, 0);
  reader.close();
  const found = entries.flatMap((entry) => (entry.type === 'file' ? [entry] : []));
  return { pieces, bytes, files: found };
}

/** A fresh message for a payload of `length` bytes at the beginning of a file. */
export function messageOf(length: number, hash: Payload['hash'] = 'blake3') {
  const key = noise(32, 11);
  const { header, state } = startEncryption(key, aad, segmentBytes);
  const segments = segmentCount(length, segmentBytes);
  const payload: Payload = { hash, at: 0, length, segmentBytes, segments };
  return { key, header, floe: state, payload };
}

export type Message = ReturnType<typeof messageOf>;

/** A message as somebody who has the key may write one, whatever it holds. */
export function written(plaintext: Uint8Array) {
  const key = noise(32, 12);
  const bytes = encryptAll(key, aad, segmentBytes, plaintext);
  const header = bytes.subarray(0, floeHeaderBytes);
  const floe = startDecryption(key, aad, header, segmentBytes);
  return { floe, segments: bytes.subarray(floeHeaderBytes) };
}

export const decrypted = ({ key }: Pick<Message, 'key'>, bytes: Uint8Array): Buffer =>
  Buffer.from(decryptAll(key, aad, segmentBytes, bytes));

/** Seals the stream into a new file at `path`, and tells what was reported. */
export async function sealInto(
  path: string,
  { pieces }: Stream,
  { header, floe, payload }: Message,
  output: Partial<Extract<SealTarget, { kind: 'file' }>> = {},
  during: Control = control(),
) {
  const leaves = new LeafCollector(treeHashes[payload.hash].bytes);
  const told: OutputReport[] = [];
  const report = (each: LeafReport | OutputReport | { digests: LeafReport }) => {
    if ('indices' in each) leaves.add(each);
    else if (!('digests' in each)) told.push(each);
  };
  if (output.journal === undefined) writeFileSync(path, header);
  const target = { kind: 'file', path, ...output } as const;
  const job = { kind: 'seal', payload, floe, pieces, output: target, digests: undefined } as const;
  await sealSegments(job, during, report, never);
  return { leaves, told, done: during.done };
}

/** An archive as far as threads see one: a payload, and the tree behind it. */
export async function sealedIn(path: string, stream: Stream, hash: Payload['hash'] = 'blake3') {
  const message = messageOf(stream.bytes.length, hash);
  const { leaves } = await sealInto(path, stream, message);
  const payload = readFileSync(path);
  const { levels, root } = buildTree(treeHashes[hash], leaves.hashes(message.payload.segments));
  writeFileSync(path, Buffer.concat([payload, ...levels]));
  const tree = { at: payload.length, leaves: message.payload.segments, root };
  return { ...message, path, tree, source: { kind: 'file', path } as const };
}

export type Sealed = Awaited<ReturnType<typeof sealedIn>>;

/** What threads are given of a message; they wipe it. */
export const keysOf = ({ floe }: { readonly floe: FloeState }): FloeState => ({
  ...floe,
  messageKey: new Uint8Array(floe.messageKey),
});

export const segmentAt = (index: number): number =>
  floeHeaderBytes + index * (segmentBytes + segmentOverhead);

/** Runs with standard input or output, as threads know them, being a file. */
export async function through<T>(
  which: keyof typeof standard,
  path: string,
  run: () => Promise<T>,
): Promise<T> {
  const descriptors = standard as { -readonly [K in keyof typeof standard]: number };
  const before = descriptors[which];
  const fd = openSync(path, which === 'input' ? 'r' : 'w');
  descriptors[which] = fd;
  try {
    return await run();
  } finally {
    descriptors[which] = before;
    closeSync(fd);
  }
}

/** The files of a stream below a directory, as far as they have bytes. */
export const extentsIn = (directory: string, { files }: Stream) =>
  shareExtents(
    files
      .filter(({ size }) => size > 0)
      .map(({ path, offset, size }) => ({
        path: join(directory, path),
        mode: 0o600,
        offset,
        size,
      })),
  );
