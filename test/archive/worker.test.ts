/** Jobs in threads: what they are given, what each of their reports reaches, and what is counted. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { digestRanges } from '#strongroom/archive/digests.js';
import { LeafCollector, type LeafReport } from '#strongroom/archive/jobs/leaves.js';
import type { TailReport } from '#strongroom/archive/jobs/parts.js';
import type { OutputReport, SealTarget } from '#strongroom/archive/jobs/target.js';
import { prepareThreads, runDigests, runParallel, runPipe } from '#strongroom/archive/worker.js';
import type { Progress, RunOptions } from '#strongroom/engine/pool.js';
import { beginUpload } from '#strongroom/engine/remote/multipart.js';
import { sharedBytes, sharedNumbers } from '#strongroom/engine/shared.js';
import { refusal } from '../keys/helpers.ts';
import { noise, sharedWorkspace, workspace } from '../support/archive.ts';
import { serveStore } from '../support/store.ts';
import {
  decrypted,
  keysOf,
  type Message,
  messageOf,
  never,
  type Sealed,
  type Stream,
  sealedIn,
  segmentAt,
  segmentBytes,
  streamIn,
} from './jobs/helpers.ts';

const store = await serveStore();
const root = sharedWorkspace();
let stream: Stream;
let sealed: Sealed;
beforeAll(async () => {
  stream = await streamIn(root);
  sealed = await sealedIn(join(root, 'sealed'), stream);
});

/** Options that keep the last progress that was told. */
function followed(options: RunOptions = { threads: 2 }) {
  const told: Progress[] = [];
  const onProgress = (progress: Progress) => told.push(progress);
  return { options: { ...options, onProgress }, last: () => told.at(-1) };
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
const fileDigests = () =>
  Buffer.concat(
    stream.files.map(({ offset, size }) => sha256(stream.bytes.subarray(offset, offset + size))),
  );
const fileBytes = () => stream.files.reduce((sum, { size }) => sum + size, 0);

/** A message and the file that it is to be in. */
function prepared(length = stream.bytes.length) {
  const message = messageOf(length);
  const path = join(workspace(), 'out');
  writeFileSync(path, message.header);
  return { message, path };
}

/** Runs with `path` for standard input of this process, in all of its threads. */
async function reading<T>(path: string, run: () => Promise<T>): Promise<T> {
  closeSync(0);
  expect(openSync(path, 'r')).toBe(0);
  try {
    return await run();
  } finally {
    closeSync(0);
    openSync('/dev/null', 'r');
  }
}

describe('sealing', () => {
  it('tells leaves and digests, each to whom it concerns, and counts both', async () => {
    const { message, path } = prepared();
    const [leaves, digests] = [new LeafCollector(32), new LeafCollector(32)];
    const { options, last } = followed();
    await runParallel(
      {
        kind: 'seal',
        payload: message.payload,
        floe: message.floe,
        pieces: stream.pieces,
        output: { kind: 'file', path },
        digests: digestRanges(stream.files, {}),
      },
      options,
      (report) => leaves.add(report),
      (report) => digests.add(report),
      () => expect.unreachable('a file has no parts'),
    );
    expect(decrypted(message, readFileSync(path)).equals(stream.bytes)).toBe(true);
    const { segments } = message.payload;
    expect(leaves.hashes(segments)).toHaveLength(32 * segments);
    expect(Buffer.from(digests.hashes(stream.files.length))).toEqual(fileDigests());
    const total = stream.bytes.length + fileBytes();
    expect(last()).toEqual({ done: total, total });
  });

  it.each([
    ['a share of the parts', { from: 1, to: 2, of: 3 }, [1], false],
    ['the last share, which is the rest', { from: 1, to: 3, of: 3 }, [1, 2], false],
    ['all parts but the last, which comes back', undefined, [0, 1, 2], true],
  ])('counts %s, and tells of each', async (_, share, runs, hasTail) => {
    const { message } = prepared();
    const runSegments = 2;
    const { payload } = message;
    expect(Math.ceil(payload.segments / runSegments)).toBeGreaterThan(3);
    const upload = await beginUpload({ kind: 's3', bucket: 'models', key: 'm' }, never);
    const leaves: LeafReport[] = [];
    const parts: OutputReport[] = [];
    const { options, last } = followed();
    const done = sharedBytes(Math.ceil(payload.segments / runSegments));
    const output = { kind: 'parts', upload, front: message.header, runSegments, done } as const;
    await runParallel(
      {
        kind: 'seal',
        payload,
        floe: message.floe,
        pieces: stream.pieces,
        output: { ...output, share },
        digests: undefined,
      },
      options,
      (report) => leaves.push(report),
      () => expect.unreachable('no digests were asked for'),
      (report) => parts.push(report),
    );
    const sent = parts.flatMap((each) => ('part' in each ? [each.run] : []));
    expect(parts.some((each) => 'tail' in each)).toBe(hasTail);
    const expected = hasTail ? Array.from({ length: done.length - 1 }, (_, i) => i) : runs;
    expect(sent.sort()).toEqual(expected);
    expect([...(store.uploads.get(upload.id)?.keys() ?? [])].sort()).toEqual(
      expected.map((run) => run + 1),
    );
    const from = (share?.from ?? 0) * runSegments;
    const to = share === undefined || share.to === share.of ? payload.segments : share.to * 2;
    expect(leaves.reduce((sum, { indices }) => sum + indices.length, 0)).toBe(to - from);
    const bytes = Math.min(stream.bytes.length, to * segmentBytes) - from * segmentBytes;
    expect(last()?.done).toBe(bytes);
    const total = share === undefined ? stream.bytes.length : (to - from) * segmentBytes;
    expect(last()?.total).toBe(total);
  });
});

describe('verifying', () => {
  const verify = (options: RunOptions, wanted?: readonly number[], job: Sealed = sealed) => {
    const { source, payload, tree } = job;
    const some = wanted === undefined ? undefined : sharedNumbers(wanted);
    return runParallel({ kind: 'verify', source, payload, tree, wanted: some }, options);
  };

  it('counts what is wanted of it, and never more than there is', async () => {
    const whole = followed();
    await verify(whole.options);
    expect(whole.last()).toEqual({ done: stream.bytes.length, total: stream.bytes.length });
    const two = followed();
    await verify(two.options, [1, 3]);
    expect(two.last()).toEqual({ done: 2 * segmentBytes, total: 2 * segmentBytes });
    const all = followed();
    await verify(
      all.options,
      Array.from({ length: sealed.payload.segments }, (_, i) => i),
    );
    expect(all.last()).toEqual({ done: stream.bytes.length, total: stream.bytes.length });
  });

  it('tells what a thread refuses, and where', async () => {
    const path = join(workspace(), 'altered');
    const bytes = readFileSync(sealed.path);
    bytes[segmentAt(2) + 9] = (bytes[segmentAt(2) + 9] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    const job = { ...sealed, source: { kind: 'file', path } as const };
    const error = await refusal(() => verify({ threads: 2 }, undefined, job));
    expect(error).toMatchObject({ code: 'SEGMENT_INVALID', segment: 2, file: path });
  });
});

it('digests come in the order of their ranges, however many threads make them', async () => {
  for (const threads of [1, 2, 9]) {
    const { options, last } = followed({ threads });
    const found = await runDigests(stream.pieces, digestRanges(stream.files, {}), options);
    expect(Buffer.from(found)).toEqual(fileDigests());
    expect(last()).toEqual({ done: fileBytes(), total: fileBytes() });
  }
});

it('threads that were prepared do the work that comes', async () => {
  prepareThreads(64 * 2 ** 20, 2);
  const found = await runDigests(stream.pieces, digestRanges(stream.files, {}), { threads: 2 });
  expect(Buffer.from(found)).toEqual(fileDigests());
});

describe('a pipe', () => {
  const fileOf = (bytes: Uint8Array) => {
    const path = join(workspace(), 'in');
    writeFileSync(path, bytes);
    return path;
  };
  const shape = () => {
    const { hash, at } = sealed.payload;
    return { hash, at, segmentBytes };
  };
  const sealing = (
    bytes: Uint8Array,
    { floe }: Pick<Message, 'floe'>,
    output: SealTarget,
    options: RunOptions,
    onLeaves: (report: LeafReport) => void,
    onPart: (report: OutputReport) => void,
  ) => {
    const job = { kind: 'seal-pipe', payload: shape(), floe, output, digests: undefined } as const;
    return reading(fileOf(bytes), () => runPipe(job, options, onLeaves, onPart));
  };

  it('is sealed, and what it held is told; its length is not known before', async () => {
    const { message, path } = prepared(0);
    const leaves = new LeafCollector(32);
    const { options, last } = followed();
    const held = await sealing(
      stream.bytes,
      message,
      { kind: 'file', path },
      options,
      (report) => leaves.add(report),
      () => expect.unreachable('a file has no parts'),
    );
    expect(decrypted(message, readFileSync(path)).equals(stream.bytes)).toBe(true);
    const { segments } = sealed.payload;
    expect(held).toMatchObject({ length: stream.bytes.length, segments });
    expect(held.entries).toHaveLength(10);
    expect(leaves.hashes(segments)).toHaveLength(32 * segments);
    expect(last()).toEqual({ done: stream.bytes.length, total: undefined });
  });

  it('that goes to a store comes back as far as it is not sent', async () => {
    const { message } = prepared(0);
    const [runSegments, done] = [1000, sharedBytes(1)];
    const front = message.header;
    const output = { kind: 'parts', upload: undefined, front, runSegments, done } as const;
    const parts: OutputReport[] = [];
    const told = (report: OutputReport) => parts.push(report);
    await sealing(stream.bytes, message, output, { threads: 1 }, () => {}, told);
    expect(parts).toEqual([{ tail: expect.any(Uint8Array) }]);
    const [only] = parts as [TailReport];
    expect(decrypted(message, only.tail).equals(stream.bytes)).toBe(true);
  });

  it('is opened into a directory', async () => {
    const directory = workspace();
    const segments = readFileSync(sealed.path).subarray(segmentAt(0), sealed.tree.at);
    const floe = keysOf(sealed);
    const job = { kind: 'open-pipe', payload: shape(), floe, directory, only: undefined } as const;
    const held = await reading(fileOf(segments), () => runPipe(job, { threads: 1 }, () => {}));
    expect(held.length).toBe(stream.bytes.length);
    for (const { path, offset, size } of stream.files) {
      const expected = stream.bytes.subarray(offset, offset + size);
      expect(readFileSync(join(directory, path)).equals(expected)).toBe(true);
    }
  });

  it('that is no tar is refused for that', async () => {
    const { message, path } = prepared(0);
    const none = () => {};
    const output = { kind: 'file', path } as const;
    const error = await refusal(() =>
      sealing(noise(9000, 21), message, output, { threads: 1 }, none, none),
    );
    expect(error.code).toBe('TAR_INVALID');
  });
});
