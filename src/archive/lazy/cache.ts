/**
 * Verified plaintext segments in a bounded memory. Whoever reads one pins it, and what is not
 * pinned may give way to another. Nothing is in it before its segment was verified.
 *
 * What a stream has passed and nobody follows gives way first, the latest of it before all, and
 * before more memory is taken: a stream goes through a few places that stay in the processor's
 * own caches, and drives out nothing that others come back to.
 */
import { wipe } from '../../bytes.ts';
import { interrupted, orAborted } from '../../engine/abort.ts';
import { sharedBytes } from '../../engine/shared.ts';
import { archiveClosed, type Lane, placeBytes, plaintextIn } from './lane.ts';

/** A segment that stays where it is until it is released. */
export interface PinnedSegment {
  /** Its plaintext. */
  readonly bytes: Uint8Array;
  /** To be called once. */
  release(): void;
}

/** A segment of the cache's own. */
interface Pinned extends PinnedSegment {
  /** Releases it as one that nobody is likely to want again, unless it was wanted before. */
  spend(): void;
}

export interface CacheStatistics {
  /** Segments that were found in the cache, and those that were not. */
  readonly hits: number;
  readonly misses: number;
  /** Segments that were verified and decrypted, and those that were refused. */
  readonly decrypted: number;
  readonly refused: number;
  /** Memory in use, in bytes. */
  readonly bytes: number;
}

interface Held {
  readonly index: number;
  readonly memory: Uint8Array;
  /** Bytes of plaintext; 0 before it is ready. */
  length: number;
  pins: number;
  /** How often it was wanted. */
  uses: number;
  /** Passed, and not wanted since. */
  spent: boolean;
  state: 'waiting' | 'loading' | 'ready' | 'failed';
  readonly ready: Promise<void>;
  readonly settle: (error?: unknown) => void;
}

/** Orders that a lane has at once: one that it works on, and one to go on with. */
const depth = 2;

export class SegmentCache {
  readonly #segmentBytes: number;
  readonly #lanes: readonly { readonly lane: Lane; orders: number }[];
  readonly #capacity: number;
  /** By index, the least recently used first. */
  readonly #held = new Map<number, Held>();
  readonly #free: Uint8Array[] = [];
  /** In the order in which they were spent; some may be wanted again since. */
  #spent: Held[] = [];
  #made = 0;
  /** What somebody waits for, and what somebody may want next. */
  readonly #wanted: Held[] = [];
  #ahead: Held[] = [];
  /** Those that wait for a place, first come first served. */
  readonly #queue: (() => void)[] = [];
  #closed = false;
  readonly #counts = { hits: 0, misses: 0, decrypted: 0, refused: 0 };

  /** @param capacity segments that are kept at most. */
  constructor(segmentBytes: number, capacity: number, lanes: readonly Lane[]) {
    this.#segmentBytes = segmentBytes;
    this.#capacity = capacity;
    this.#lanes = lanes.map((lane) => ({ lane, orders: 0 }));
  }

  /**
   * Segment `index`, pinned.
   * @throws StrongroomError INTERRUPTED on an abort; what the lane throws.
   */
  async acquire(index: number, signal?: AbortSignal): Promise<Pinned> {
    let held = this.#held.get(index);
    this.#counts[held === undefined ? 'misses' : 'hits']++;
    let isFirst = this.#queue.length === 0;
    for (;;) {
      if (this.#closed) throw archiveClosed();
      if (signal?.aborted) {
        // The place that it was called for goes to the next
        this.#call();
        throw interrupted();
      }
      held = this.#held.get(index) ?? (isFirst ? this.#begin(index, this.#wanted) : undefined);
      if (held !== undefined) break;
      await this.#turn(signal);
      isFirst = true;
    }
    held.pins++;
    held.uses++;
    held.spent = false;
    this.#touch(held);
    if (held.state === 'waiting') this.#promote(held);
    this.#work();
    // What is there is given at once: nobody comes in between
    if (held.state !== 'ready') {
      try {
        await orAborted(held.ready, signal);
      } catch (error) {
        this.#unpin(held);
        throw error;
      }
    }
    return {
      bytes: plaintextIn(held.memory, held.length),
      release: () => this.#unpin(held),
      spend: () => {
        // What was wanted before may be wanted again
        if (held.uses === 1) this.#spend(held);
        this.#unpin(held);
      },
    };
  }

  /**
   * Begins to read a segment that may be wanted next.
   * @returns false where there is no room for it now.
   */
  prefetch(index: number): boolean {
    if (this.#closed) return false;
    if (this.#held.has(index)) return true;
    if (this.#queue.length > 0 || this.#begin(index, this.#ahead) === undefined) return false;
    this.#work();
    return true;
  }

  get statistics(): CacheStatistics {
    return { ...this.#counts, bytes: this.#made * this.#segmentBytes };
  }

  /** Ends the lanes and wipes all plaintext; nobody may read what they have pinned any more. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const held of [...this.#wanted, ...this.#ahead]) held.settle(archiveClosed());
    for (const call of this.#queue.splice(0)) call();
    await Promise.all(this.#lanes.map(({ lane }) => lane.close()));
    wipe(...this.#free, ...[...this.#held.values()].map(({ memory }) => memory));
    this.#held.clear();
  }

  /** Gives a segment a place and an order; `undefined` when every place is in use. */
  #begin(index: number, orders: Held[]): Held | undefined {
    const memory = this.#place();
    if (memory === undefined) return undefined;
    let settle: Held['settle'] = () => {};
    const ready = new Promise<void>((resolve, reject) => {
      settle = (error) => (error === undefined ? resolve() : reject(error));
    });
    ready.catch(() => {});
    const held: Held = {
      index,
      memory,
      length: 0,
      pins: 0,
      uses: 0,
      spent: false,
      state: 'waiting',
      ready,
      settle,
    };
    this.#held.set(index, held);
    orders.push(held);
    return held;
  }

  #place(): Uint8Array | undefined {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const spent = this.#lastSpent();
    if (spent !== undefined) return spent;
    if (this.#made < this.#capacity) {
      this.#made++;
      return sharedBytes(placeBytes(this.#segmentBytes));
    }
    for (const held of this.#held.values()) {
      if (held.pins > 0 || held.state !== 'ready') continue;
      this.#held.delete(held.index);
      return held.memory;
    }
    return undefined;
  }

  #spend(held: Held): void {
    held.spent = true;
    this.#spent.push(held);
    if (this.#spent.length <= 2 * this.#capacity) return;
    // Without those that are named twice, or wanted since
    this.#spent = [...new Set(this.#spent)].filter(({ spent }) => spent);
  }

  #lastSpent(): Uint8Array | undefined {
    for (let held = this.#spent.pop(); held !== undefined; held = this.#spent.pop()) {
      if (!held.spent || held.pins > 0 || this.#held.get(held.index) !== held) continue;
      this.#held.delete(held.index);
      return held.memory;
    }
    return undefined;
  }

  #touch(held: Held): void {
    this.#held.delete(held.index);
    this.#held.set(held.index, held);
  }

  /** From what may be wanted to what is. */
  #promote(held: Held): void {
    const before = this.#ahead.length;
    this.#ahead = this.#ahead.filter((other) => other !== held);
    if (this.#ahead.length < before) this.#wanted.push(held);
  }

  #unpin(held: Held): void {
    held.pins--;
    if (held.pins === 0) this.#call();
  }

  /** Lets the next in the queue look for a place. */
  #call(): void {
    this.#queue.shift()?.();
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    let call = () => {};
    const called = new Promise<void>((resolve) => {
      call = resolve;
    });
    this.#queue.push(call);
    try {
      await orAborted(called, signal);
    } catch (error) {
      const at = this.#queue.indexOf(call);
      if (at < 0) this.#call();
      else this.#queue.splice(at, 1);
      throw error;
    }
  }

  /** Gives orders to lanes that can take one. */
  #work(): void {
    for (;;) {
      const least = this.#lanes.reduce((a, b) => (b.orders < a.orders ? b : a));
      if (least.orders >= depth || this.#closed) return;
      const held = this.#wanted.shift() ?? this.#ahead.shift();
      if (held === undefined) return;
      held.state = 'loading';
      least.orders++;
      least.lane.read(held.index, held.memory).then(
        (length) => {
          held.length = length;
          held.state = 'ready';
          this.#counts.decrypted++;
          this.#done(least, held);
        },
        (error) => {
          held.state = 'failed';
          this.#counts.refused++;
          if (!this.#closed) {
            this.#held.delete(held.index);
            this.#free.push(held.memory);
          }
          this.#done(least, held, error);
        },
      );
    }
  }

  #done(lane: { orders: number }, held: Held, error?: unknown): void {
    lane.orders--;
    held.settle(error);
    if (held.pins === 0 || error !== undefined) this.#call();
    this.#work();
  }
}
