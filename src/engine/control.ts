/**
 * What the threads of one job share: which segment is next, whose turn it is to write,
 * how much is done, and whether to stop. Bulk bytes are not shared.
 */

const slots = { next: 0, writeTurn: 1, done: 2, stop: 3, nextBeside: 4, threads: 5 } as const;

/** Locks for writing, one for each of so many groups of files. */
const locks = 8;
const firstLock = Object.keys(slots).length;
/** States of a lock; who sees the last one looks whether the job goes on. */
const [free, taken, stopping] = [0n, 1n, 2n];

/** Below every turn, also after the threads that still write have passed theirs. */
const nobody = -(2n ** 62n);

export type ControlBuffer = SharedArrayBuffer;

export function createControl(threads: number): ControlBuffer {
  const buffer = new SharedArrayBuffer((firstLock + locks) * BigInt64Array.BYTES_PER_ELEMENT);
  new BigInt64Array(buffer)[slots.threads] = BigInt(threads);
  return buffer;
}

export class Control {
  readonly #cells: BigInt64Array<SharedArrayBuffer>;

  constructor(buffer: ControlBuffer) {
    this.#cells = new BigInt64Array(buffer);
  }

  /**
   * The first of the next `count` unclaimed indices, of which those below `end` are meant;
   * `undefined` when none is left or the job stops.
   */
  claim(end: number, count = 1): number | undefined {
    if (this.stopped) return undefined;
    const index = Number(Atomics.add(this.#cells, slots.next, BigInt(count)));
    return index < end ? index : undefined;
  }

  /** How many threads share the job. */
  get threads(): number {
    return Number(this.#cells[slots.threads]);
  }

  /** How many indices were claimed, beyond the end included. */
  get claimed(): number {
    return Number(Atomics.load(this.#cells, slots.next));
  }

  /**
   * The next unclaimed index of a second list of work, if it is below `end` and `isDue`;
   * `undefined` when it is not, or when the job stops.
   */
  claimBeside(end: number, isDue: (index: number) => boolean): number | undefined {
    for (;;) {
      const next = Atomics.load(this.#cells, slots.nextBeside);
      const index = Number(next);
      if (this.stopped || index >= end || !isDue(index)) return undefined;
      const found = Atomics.compareExchange(this.#cells, slots.nextBeside, next, next + 1n);
      if (found === next) return index;
    }
  }

  /** Waits until it is `index`'s turn to write; false when the job stops first. */
  awaitWriteTurn(index: number): boolean {
    for (;;) {
      const turn = Atomics.load(this.#cells, slots.writeTurn);
      if (this.stopped) return false;
      if (Number(turn) === index) return true;
      Atomics.wait(this.#cells, slots.writeTurn, turn);
    }
  }

  passWriteTurn(): void {
    Atomics.add(this.#cells, slots.writeTurn, 1n);
    Atomics.notify(this.#cells, slots.writeTurn);
  }

  /**
   * Lets one thread at a time write to a file. The kernel does so too, but lets the others
   * spin: a core that waits here is free for another thread's cryptography.
   * @returns false, without a write, when the job stops first.
   */
  writeAlone(file: number, write: () => void): boolean {
    const lock = firstLock + (file % locks);
    for (;;) {
      if (this.stopped) return false;
      if (Atomics.compareExchange(this.#cells, lock, free, taken) === free) break;
      Atomics.wait(this.#cells, lock, taken);
    }
    try {
      write();
    } finally {
      Atomics.store(this.#cells, lock, free);
      Atomics.notify(this.#cells, lock, 1);
    }
    return true;
  }

  /** Adds to the bytes done, for progress. */
  report(bytes: number): void {
    Atomics.add(this.#cells, slots.done, BigInt(bytes));
  }

  get done(): number {
    return Number(Atomics.load(this.#cells, slots.done));
  }

  stop(): void {
    Atomics.store(this.#cells, slots.stop, 1n);
    // Wakes those that wait, and keeps from sleeping who is just about to.
    Atomics.store(this.#cells, slots.writeTurn, nobody);
    Atomics.notify(this.#cells, slots.writeTurn);
    for (let lock = firstLock; lock < firstLock + locks; lock++) {
      Atomics.store(this.#cells, lock, stopping);
      Atomics.notify(this.#cells, lock);
    }
  }

  get stopped(): boolean {
    return Atomics.load(this.#cells, slots.stop) !== 0n;
  }
}
