/** A cache of segments over lanes that answer when they are told to: who waits, and what gives way. */
import { describe, expect, it } from 'vitest';
import { SegmentCache } from '#strongroom/archive/lazy/cache.js';
import { type Lane, plaintextIn } from '#strongroom/archive/lazy/lane.js';
import { StrongroomError } from '#strongroom/errors.js';
import { refusal, unhandled } from '../../keys/helpers.ts';

const segmentBytes = 64;

/** A lane whose segment `i` is 32 bytes of `i`. */
class ToldLane implements Lane {
  readonly asked: number[] = [];
  readonly #open = new Map<number, { place: Uint8Array; settle: (error?: Error) => void }>();
  closed = false;

  ready = async () => {};

  read(index: number, place: Uint8Array): Promise<number> {
    this.asked.push(index);
    return new Promise((resolve, reject) => {
      const settle = (error?: Error) => (error === undefined ? resolve(32) : reject(error));
      this.#open.set(index, { place, settle });
    });
  }

  /** Ends the reading of `index`, and lets everybody hear of it. */
  async answer(index: number, error?: Error): Promise<void> {
    const { place, settle } = this.#open.get(index) ?? expect.unreachable(`${index} is not read`);
    this.#open.delete(index);
    if (error === undefined) plaintextIn(place, 32).fill(index);
    settle(error);
    await settled();
  }

  async close() {
    this.closed = true;
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

function cacheOf(capacity: number, lanes = 1) {
  const all = Array.from({ length: lanes }, () => new ToldLane());
  const cache = new SegmentCache(segmentBytes, capacity, all);
  const lane = all[0] as ToldLane;
  /** A segment that is read at once. */
  const get = async (index: number) => {
    const pinned = cache.acquire(index);
    if (lane.asked.at(-1) === index) await lane.answer(index).catch(() => {});
    return pinned;
  };
  return { cache, lane, lanes: all, get };
}

const holds = (pinned: { readonly bytes: Uint8Array }, index: number) =>
  expect(pinned.bytes).toEqual(new Uint8Array(32).fill(index));

/** Whether a promise is still open. */
const isOpen = async (promise: Promise<unknown>) => {
  const open = Symbol('open');
  await settled();
  return (await Promise.race([promise, Promise.resolve(open)])) === open;
};

describe('what is pinned', () => {
  it('stays as it is until it is released, whoever waits for a place', async () => {
    const { cache, lane, get } = cacheOf(2);
    const [one, two] = [await get(1), await get(2)];
    const three = cache.acquire(3);
    expect(await isOpen(three)).toBe(true);
    expect(lane.asked).toEqual([1, 2]);
    holds(one, 1);
    holds(two, 2);
    one.release();
    await settled();
    await lane.answer(3);
    holds(await three, 3);
    holds(two, 2);
    expect(cache.statistics).toMatchObject({ bytes: 2 * segmentBytes, misses: 3, decrypted: 3 });
  });

  it('stays also if it was passed by, and came to be wanted again', async () => {
    const { cache, lane, get } = cacheOf(2);
    (await get(1)).spend();
    const again = await get(1);
    const two = await get(2);
    const three = cache.acquire(3);
    expect(await isOpen(three)).toBe(true);
    holds(again, 1);
    two.release();
    await settled();
    await lane.answer(3);
    holds(again, 1);
    holds(await three, 3);
  });

  it('by two is free when both have released it', async () => {
    const { cache, lane, get } = cacheOf(1);
    const [first, second] = [await get(1), await get(1)];
    expect(lane.asked).toEqual([1]);
    const other = cache.acquire(2);
    first.release();
    expect(await isOpen(other)).toBe(true);
    holds(second, 1);
    second.release();
    await settled();
    await lane.answer(2);
    holds(await other, 2);
  });

  it('is not taken while it is read', async () => {
    const { cache, lane } = cacheOf(1);
    expect(cache.prefetch(1)).toBe(true);
    const two = cache.acquire(2);
    expect(await isOpen(two)).toBe(true);
    expect(lane.asked).toEqual([1]);
    await lane.answer(1);
    await lane.answer(2);
    holds(await two, 2);
  });
});

describe('what gives way', () => {
  it('is the least recently used', async () => {
    const { cache, get } = cacheOf(2);
    (await get(1)).release();
    (await get(2)).release();
    (await get(1)).release();
    (await get(3)).release();
    const before = cache.statistics;
    (await get(1)).release();
    expect(cache.statistics).toEqual({ ...before, hits: before.hits + 1 });
    (await get(2)).release();
    expect(cache.statistics.misses).toBe(before.misses + 1);
  });

  it('is what a stream has passed, before more memory is taken', async () => {
    const { cache, get } = cacheOf(64);
    (await get(0)).release();
    for (let i = 1; i <= 40; i++) (await get(i)).spend();
    expect(cache.statistics.bytes).toBe(2 * segmentBytes);
    const { misses } = cache.statistics;
    (await get(0)).release();
    expect(cache.statistics.misses).toBe(misses);
  });

  it('is not what was wanted twice, though a stream passed it', async () => {
    const { cache, get } = cacheOf(8);
    const [one, again] = [await get(1), await get(1)];
    one.spend();
    again.release();
    (await get(2)).release();
    const { misses } = cache.statistics;
    holds(await get(1), 1);
    expect(cache.statistics).toMatchObject({ misses, bytes: 2 * segmentBytes });
  });

  it('is right also where the same are passed over and over', async () => {
    const { cache, get } = cacheOf(2);
    for (let round = 0; round < 20; round++) {
      for (const index of [1, 2, 3]) {
        const pinned = await get(index);
        holds(pinned, index);
        if (round % 2 === 0) pinned.spend();
        else pinned.release();
      }
    }
    expect(cache.statistics.bytes).toBeLessThanOrEqual(2 * segmentBytes);
  });
});

describe('reading ahead', () => {
  it('is done once, and not where there is no room', async () => {
    const { cache, lane, get } = cacheOf(2);
    expect(cache.prefetch(1)).toBe(true);
    expect(cache.prefetch(1)).toBe(true);
    expect(lane.asked).toEqual([1]);
    await lane.answer(1);
    const one = await cache.acquire(1);
    holds(one, 1);
    const two = await get(2);
    expect(cache.prefetch(3)).toBe(false);
    expect(lane.asked).toEqual([1, 2]);
    two.release();
    expect(cache.prefetch(3)).toBe(true);
    await lane.answer(3);
    holds(one, 1);
  });

  it('comes after what somebody waits for', async () => {
    const { cache, lane } = cacheOf(8);
    for (const index of [1, 2, 3, 4, 5]) expect(cache.prefetch(index)).toBe(true);
    const five = cache.acquire(5);
    const six = cache.acquire(6);
    expect(lane.asked).toEqual([1, 2]);
    await lane.answer(1);
    await lane.answer(2);
    expect(lane.asked).toEqual([1, 2, 5, 6]);
    await lane.answer(5);
    await lane.answer(6);
    expect(lane.asked).toEqual([1, 2, 5, 6, 3, 4]);
    holds(await five, 5);
    holds(await six, 6);
  });

  it('is given to the lanes that have least to do, two orders each', () => {
    const { cache, lanes } = cacheOf(8, 3);
    for (let i = 1; i <= 8; i++) cache.prefetch(i);
    expect(lanes.map(({ asked }) => asked.length)).toEqual([2, 2, 2]);
    expect(lanes.map(({ asked }) => asked[0]).sort()).toEqual([1, 2, 3]);
  });
});

describe('a segment that is refused', () => {
  const bad = new StrongroomError('SEGMENT_INVALID', 'segment 1 is not the one that was sealed');

  it('is told to whoever waits for it, and not kept', async () => {
    const { cache, lane } = cacheOf(1);
    const [one, same] = [cache.acquire(1), cache.acquire(1)];
    const two = cache.acquire(2);
    const told = [refusal(() => one), refusal(() => same)];
    await lane.answer(1, bad);
    for (const error of await Promise.all(told)) expect(error.code).toBe('SEGMENT_INVALID');
    await lane.answer(2);
    holds(await two, 2);
    expect(cache.statistics).toMatchObject({ refused: 1, decrypted: 1, bytes: segmentBytes });
    (await two).release();
    const again = cache.acquire(1);
    await lane.answer(1);
    holds(await again, 1);
  });
});

it('a segment that was read ahead and is refused harms nobody who did not wait', async () => {
  const { cache, lane, get } = cacheOf(1);
  const found = await unhandled(async () => {
    expect(cache.prefetch(1)).toBe(true);
    await lane.answer(1, new StrongroomError('SEGMENT_INVALID', 'segment 1 is altered'));
    holds(await get(2), 2);
  });
  expect(found).toEqual([]);
});

describe('whoever stops waiting', () => {
  it('for a place is not counted any more, and the next gets it', async () => {
    const { cache, lane, get } = cacheOf(1);
    const one = await get(1);
    const left = new AbortController();
    const two = cache.acquire(2, left.signal);
    const three = cache.acquire(3);
    const told = refusal(() => two);
    left.abort();
    expect((await told).code).toBe('INTERRUPTED');
    one.release();
    await settled();
    await lane.answer(3);
    holds(await three, 3);
    expect(lane.asked).toEqual([1, 3]);
  });

  it('in the middle of those that wait keeps nobody from being called', async () => {
    const { cache, lane, get } = cacheOf(1);
    const one = await get(1);
    const left = new AbortController();
    const two = cache.acquire(2);
    const three = cache.acquire(3, left.signal);
    const four = cache.acquire(4);
    const told = refusal(() => three);
    await settled();
    left.abort();
    expect((await told).code).toBe('INTERRUPTED');
    // Whoever was called for nothing waits again, behind all others
    await settled();
    one.release();
    await settled();
    await lane.answer(2);
    holds(await two, 2);
    (await two).release();
    await settled();
    await lane.answer(4);
    holds(await four, 4);
    expect(lane.asked).toEqual([1, 2, 4]);
  });

  it.each(['before', 'after'])('at once %s it was called lets the next one in', async (order) => {
    const { cache, lane, get } = cacheOf(1);
    const one = await get(1);
    const left = new AbortController();
    const two = cache.acquire(2, left.signal);
    const three = cache.acquire(3);
    const told = refusal(() => two);
    await settled();
    if (order === 'before') left.abort();
    one.release();
    if (order === 'after') left.abort();
    expect((await told).code).toBe('INTERRUPTED');
    await settled();
    await lane.answer(3);
    holds(await three, 3);
    expect(lane.asked).toEqual([1, 3]);
  });

  it('for a segment lets go of it', async () => {
    const { cache, lane } = cacheOf(1);
    const left = new AbortController();
    const one = cache.acquire(1, left.signal);
    const told = refusal(() => one);
    left.abort();
    expect((await told).code).toBe('INTERRUPTED');
    await lane.answer(1);
    const two = cache.acquire(2);
    await lane.answer(2);
    holds(await two, 2);
  });

  it('before the beginning reads nothing', async () => {
    const { cache, lane } = cacheOf(1);
    const error = await refusal(() => cache.acquire(1, AbortSignal.abort()));
    expect(error.code).toBe('INTERRUPTED');
    expect(lane.asked).toEqual([]);
  });
});

describe('closing', () => {
  it('ends all waiting, closes the lanes and wipes what was read', async () => {
    const { cache, lane, lanes, get } = cacheOf(3, 2);
    const one = await get(1);
    const waits = [2, 3, 4].map((index) => refusal(() => cache.acquire(index)));
    await settled();
    const closing = cache.close();
    await cache.close();
    await closing;
    // What is being read ends with its lane
    for (const each of lanes) {
      for (const index of each.asked) {
        if (index !== 1) {
          await each.answer(index, new StrongroomError('ARCHIVE_CLOSED', 'the archive is closed'));
        }
      }
    }
    for (const error of await Promise.all(waits)) expect(error.code).toBe('ARCHIVE_CLOSED');
    expect(lanes.map(({ closed }) => closed)).toEqual([true, true]);
    expect(one.bytes).toEqual(new Uint8Array(32));
    expect((await refusal(() => cache.acquire(1))).code).toBe('ARCHIVE_CLOSED');
    expect(cache.prefetch(5)).toBe(false);
    expect(lane.asked).not.toContain(5);
  });

  it('is heard by what was only ordered', async () => {
    const { cache } = cacheOf(8);
    const waits = [1, 2, 3, 4].map((index) => refusal(() => cache.acquire(index)));
    await settled();
    await cache.close();
    const [, , third, fourth] = waits;
    for (const wait of [third, fourth]) expect((await wait)?.code).toBe('ARCHIVE_CLOSED');
  });
});
