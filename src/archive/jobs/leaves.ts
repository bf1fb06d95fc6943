/** Leaf hashes on their way from the threads to the tree, a batch at a time. */
import { concat } from '../../bytes.ts';

export interface LeafReport {
  readonly indices: readonly number[];
  /** The hashes of those segments, joined. */
  readonly hashes: Uint8Array;
}

const batch = 64;

export class LeafReporter {
  readonly #report: (leaves: LeafReport) => void;
  #indices: number[] = [];
  #hashes: Uint8Array[] = [];

  constructor(report: (leaves: LeafReport) => void) {
    this.#report = report;
  }

  add(index: number, hash: Uint8Array): void {
    this.#indices.push(index);
    this.#hashes.push(hash);
    if (this.#indices.length >= batch) this.flush();
  }

  flush(): void {
    if (this.#indices.length === 0) return;
    this.#report({ indices: this.#indices, hashes: concat(...this.#hashes) });
    this.#indices = [];
    this.#hashes = [];
  }
}

/** All leaf hashes of a payload, gathered from reports in any order. */
export class LeafCollector {
  readonly #bytes: number;
  #hashes = new Uint8Array(0);
  #count = 0;

  /** @param bytes length of one hash; `expected` how many are likely to come. */
  constructor(bytes: number, expected = 1024) {
    this.#bytes = bytes;
    this.#hashes = new Uint8Array(expected * bytes);
  }

  add({ indices, hashes }: LeafReport): void {
    const highest = indices.reduce((most, index) => Math.max(most, index), 0);
    const needed = (highest + 1) * this.#bytes;
    if (needed > this.#hashes.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#hashes.length));
      grown.set(this.#hashes);
      this.#hashes = grown;
    }
    indices.forEach((index, i) => {
      this.#hashes.set(
        hashes.subarray(i * this.#bytes, (i + 1) * this.#bytes),
        index * this.#bytes,
      );
    });
    this.#count += indices.length;
  }

  get count(): number {
    return this.#count;
  }

  /** The hashes in order. */
  get hashes(): Uint8Array {
    return this.#hashes.subarray(0, this.#count * this.#bytes);
  }
}
