/** Leaf hashes on their way from the threads to the tree, a batch at a time. */
import { concat } from '../../bytes.ts';
import { StrongroomError } from '../../errors.ts';

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

/** All leaf hashes of a payload, gathered from reports in any order, each of them once. */
export class LeafCollector {
  readonly #bytes: number;
  #hashes: Uint8Array<ArrayBuffer>;
  /** For each index whether its hash came. */
  #came: Uint8Array<ArrayBuffer>;
  #count = 0;

  /** @param bytes length of one hash; `expected` how many are likely to come. */
  constructor(bytes: number, expected = 1024) {
    this.#bytes = bytes;
    this.#hashes = new Uint8Array(expected * bytes);
    this.#came = new Uint8Array(expected);
  }

  /** @throws StrongroomError INTERNAL for a hash that came before. */
  add({ indices, hashes }: LeafReport): void {
    this.#makeRoom(indices.reduce((most, index) => Math.max(most, index), 0) + 1);
    indices.forEach((index, i) => {
      if (this.#came[index] !== 0) throw wrong(`segment ${index} was done twice`);
      this.#came[index] = 1;
      this.#hashes.set(
        hashes.subarray(i * this.#bytes, (i + 1) * this.#bytes),
        index * this.#bytes,
      );
    });
    this.#count += indices.length;
  }

  /** Adds the hashes of runs of segments, each from the first of the run on. */
  addRuns(runs: readonly { readonly from: number; readonly hashes: Uint8Array }[]): void {
    for (const { from, hashes } of runs) {
      const count = hashes.length / this.#bytes;
      this.add({ indices: Array.from({ length: count }, (_, i) => from + i), hashes });
    }
  }

  #makeRoom(count: number): void {
    if (count <= this.#came.length) return;
    const room = Math.max(count, 2 * this.#came.length);
    const [hashes, came] = [new Uint8Array(room * this.#bytes), new Uint8Array(room)];
    hashes.set(this.#hashes);
    came.set(this.#came);
    [this.#hashes, this.#came] = [hashes, came];
  }

  /** The hashes of the segments from `from` to before `to`, which came. */
  range(from: number, to: number): Uint8Array {
    return this.#hashes.slice(from * this.#bytes, to * this.#bytes);
  }

  /**
   * The hashes of all `segments` in order.
   * @throws StrongroomError INTERNAL unless those came and no others.
   */
  hashes(segments: number): Uint8Array {
    const missing = this.#came.subarray(0, segments).indexOf(0);
    if (missing >= 0 || this.#count !== segments) {
      throw wrong(`${this.#count} of ${segments} segments were done`);
    }
    return this.#hashes.subarray(0, segments * this.#bytes);
  }
}

const wrong = (what: string) => new StrongroomError('INTERNAL', what);
