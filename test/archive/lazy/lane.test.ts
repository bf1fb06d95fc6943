/** A lane reads single segments: in this thread, and in one of its own. */
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Lane,
  type LaneJob,
  openLane,
  placeBytes,
  plaintextIn,
} from '#strongroom/archive/lazy/lane.js';
import { startLane } from '#strongroom/archive/lazy/thread.js';
import { locationOf, openSource } from '#strongroom/engine/locate.js';
import { sharedBytes } from '#strongroom/engine/shared.js';
import { refusal } from '../../keys/helpers.ts';
import { noise, sharedWorkspace, workspace } from '../../support/archive.ts';
import { type Served, serveRanges } from '../../support/ranges.ts';
import {
  keysOf,
  type Sealed,
  type Stream,
  sealedIn,
  segmentAt,
  segmentBytes,
  streamIn,
} from '../jobs/helpers.ts';

const root = sharedWorkspace();
let stream: Stream;
let sealed: Sealed;
let long: { readonly stream: Stream; readonly sealed: Sealed };
beforeAll(async () => {
  stream = await streamIn(root);
  sealed = await sealedIn(join(root, 'sealed'), stream);
  const apart = await streamIn(join(root, 'long'), { a: noise(2 ** 19, 20) });
  long = { stream: apart, sealed: await sealedIn(join(root, 'long.sealed'), apart) };
});

const jobAt = (path: string, { payload, tree, floe } = sealed): LaneJob => ({
  source: locationOf(path),
  payload,
  tree,
  floe: keysOf({ floe }),
});

/** A copy of the sealed file with some of its bytes changed. */
function copyOf(change: (bytes: Buffer) => Uint8Array = (bytes) => bytes): string {
  const path = join(workspace(), 'copy');
  writeFileSync(path, change(readFileSync(sealed.path)));
  return path;
}

const plaintextOf = (index: number, { bytes } = stream) =>
  new Uint8Array(bytes.subarray(index * segmentBytes, (index + 1) * segmentBytes));

const newPlace = () => sharedBytes(placeBytes(segmentBytes));

async function read(lane: Lane, index: number, place = newPlace()) {
  const length = await lane.read(index, place);
  return new Uint8Array(plaintextIn(place, length));
}

/** Descriptors of this process, of all its threads, that name `path`. */
const descriptorsOf = (path: string) =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false;
    }
  }).length;

/** Segments so far apart that a range of one holds nothing of the other, nor of the tree. */
const [near, far] = [0, 70];

/** A server that answers nothing from now on, and breaks off what it was asked when it is let go. */
function holding(server: Served) {
  const held: { readonly from: number; readonly drop: () => void }[] = [];
  server.fault = () => (response, range) =>
    held.push({ from: range.from, drop: () => response.destroy() }) > 0;
  return held;
}

/** A lane that is ready, over a server that holds what it is asked for from now on. */
async function farAway(start: (job: LaneJob) => Lane | Promise<Lane>) {
  const server = await serveRanges(readFileSync(long.sealed.path));
  const source = await openSource(locationOf(server.url));
  source.close();
  const lane = await start({ ...jobAt(server.url, long.sealed), source: source.location });
  await lane.ready();
  return { server, lane, held: holding(server) };
}

async function until(reached: () => boolean): Promise<void> {
  while (!reached()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe.each<[string, (job: LaneJob) => Lane | Promise<Lane>]>([
  ['in this thread', openLane],
  ['in a thread of its own', startLane],
])('a lane %s', (where, start) => {
  it('reads each segment to its last byte, asked one by one or all at once', async () => {
    const lane = await start(jobAt(sealed.path));
    await lane.ready();
    const { segments } = sealed.payload;
    for (let i = 0; i < segments; i++) expect(await read(lane, i)).toEqual(plaintextOf(i));
    const all = Array.from({ length: segments }, (_, i) => read(lane, segments - 1 - i));
    const expected = all.map((_, i) => plaintextOf(segments - 1 - i));
    expect(await Promise.all(all)).toEqual(expected);
    await lane.close();
  });

  it('decrypts in place: ciphertext and plaintext of a segment share their memory', async () => {
    const lane = await start(jobAt(sealed.path));
    const place = newPlace();
    expect(placeBytes(segmentBytes)).toBeLessThan(segmentBytes + 200);
    expect(await read(lane, 0, place)).toEqual(plaintextOf(0));
    expect(await read(lane, 1, place)).toEqual(plaintextOf(1));
    await lane.close();
  });

  it('refuses a segment that is altered, leaves none of it, and goes on', async () => {
    const path = copyOf((bytes) => {
      bytes[segmentAt(1) + 100] = (bytes[segmentAt(1) + 100] ?? 0) ^ 1;
      return bytes;
    });
    const lane = await start(jobAt(path));
    const place = newPlace();
    const told = await refusal(() => lane.read(1, place));
    expect(told).toMatchObject({ code: 'SEGMENT_INVALID', segment: 1, file: path });
    expect(Buffer.from(place).includes(Buffer.from(plaintextOf(1)).subarray(200, 232))).toBe(false);
    expect(await read(lane, 2, place)).toEqual(plaintextOf(2));
    await lane.close();
  });

  it('that cannot begin says why, to whoever asks, and holds nothing open', async () => {
    const path = copyOf((bytes) => bytes.subarray(0, -1));
    const begun = async () => {
      const lane = await start(jobAt(path));
      await Promise.all([lane.ready(), lane.read(0, newPlace())]);
    };
    expect((await refusal(begun)).code).toBe('TRUNCATED');
    expect(descriptorsOf(path)).toBe(0);
  });

  it('lets what it reads end before it is closed, and reads nothing after that', async () => {
    const path = copyOf();
    const lane = await start(jobAt(path));
    await lane.ready();
    expect(descriptorsOf(path)).toBe(1);
    const ends = [0, 1, 2].map((index) =>
      read(lane, index).then(
        (bytes) => expect(bytes).toEqual(plaintextOf(index)),
        (error) => expect(error).toMatchObject({ code: 'ARCHIVE_CLOSED' }),
      ),
    );
    let ended = 0;
    for (const each of ends) each.then(() => ended++);
    await lane.close();
    expect(ended).toBe(ends.length);
    await Promise.all(ends);
    expect(descriptorsOf(path)).toBe(0);
    const after = await refusal(() => lane.read(0, newPlace()));
    expect(after.code).toBe(where === 'in this thread' ? 'ARCHIVE_CLOSED' : 'INTERNAL');
  });

  it('reads at once what is far away', async () => {
    const { server, lane, held } = await farAway(start);
    const reads = [near, far].map((index) => read(lane, index));
    await until(() => held.length === 2);
    server.fault = () => undefined;
    for (const { drop } of held) drop();
    expect(await Promise.all(reads)).toEqual(
      [near, far].map((index) => plaintextOf(index, long.stream)),
    );
    await lane.close();
  });

  it('waits for no server when it is closed', async () => {
    const { lane, held } = await farAway(start);
    const reading = refusal(() => lane.read(near, newPlace()));
    await until(() => held.length === 1);
    await lane.close();
    expect(['ARCHIVE_CLOSED', 'INTERRUPTED']).toContain((await reading).code);
  });
});

/** A lane that is being opened. */
interface Begun {
  readonly opening: Promise<unknown>;
  close(): Promise<void>;
}

describe('closing what is not open yet', () => {
  it.each<[string, (job: LaneJob) => Begun]>([
    [
      'in this thread, by its signal',
      (job) => {
        const end = new AbortController();
        const opening = openLane(job, end.signal);
        return { opening, close: async () => end.abort() };
      },
    ],
    [
      'in a thread of its own',
      (job) => {
        const lane = startLane(job);
        return { opening: lane.ready(), close: () => lane.close() };
      },
    ],
  ])('waits for no server: %s', async (_, begin) => {
    const server = await serveRanges(readFileSync(long.sealed.path));
    const held = holding(server);
    const { opening, close } = begin(jobAt(server.url, long.sealed));
    const told = refusal(() => opening);
    await until(() => held.length === 1);
    await close();
    expect((await told).code).toBe('INTERRUPTED');
  });
});

it('reads one after the other from a disk', async () => {
  const lane = await openLane(jobAt(sealed.path));
  const order: number[] = [];
  const note = (index: number) => () => order.push(index);
  await Promise.all([2, 0, 1].map((index) => lane.read(index, newPlace()).then(note(index))));
  expect(order).toEqual([2, 0, 1]);
  await lane.close();
});

describe('a thread', () => {
  /** A lane, and the thread that it is in. */
  async function started() {
    const made = once(process, 'worker');
    const lane = startLane(jobAt(sealed.path));
    const [worker] = (await made) as [Worker];
    return { lane, worker };
  }

  it('keeps the process from ending while something is asked of it, and no longer', async () => {
    const holds = () => process.getActiveResourcesInfo().includes('MessagePort');
    const { server, lane, held } = await farAway(startLane);
    expect(holds()).toBe(false);
    const [first, second] = [read(lane, near), read(lane, far)];
    await until(() => held.length === 2);
    expect(holds()).toBe(true);
    server.fault = () => (response, range) =>
      range.from > 0 && held.push({ from: range.from, drop: () => response.destroy() }) > 0;
    for (const { from, drop } of held) if (from === 0) drop();
    await first;
    expect(holds()).toBe(true);
    server.fault = () => undefined;
    for (const { drop } of held) drop();
    await second;
    expect(holds()).toBe(false);
    const closing = lane.close();
    expect(holds()).toBe(true);
    await closing;
  });

  it('keeps it from nothing before it is asked', async () => {
    const { lane, worker } = await started();
    await once(worker, 'online');
    expect(process.getActiveResourcesInfo()).not.toContain('MessagePort');
    await lane.close();
  });

  it.each<[string, (worker: Worker) => void, RegExp]>([
    ['throws', (worker) => worker.postMessage('no order'), /no order/],
    ['is ended', (worker) => void worker.terminate(), /^a thread has ended$/],
  ])('that %s is told to all that wait and all that come', async (_, harm, why) => {
    const { lane, worker } = await started();
    harm(worker);
    const waits = [lane.ready(), lane.read(0, newPlace()), lane.read(1, newPlace())];
    const told = await Promise.all(waits.map((wait) => refusal(() => wait)));
    for (const error of [...told, await refusal(() => lane.read(2, newPlace()))]) {
      expect(error.code).toBe('INTERNAL');
      expect(error.message).toMatch(why);
    }
    await lane.close();
  });
});
