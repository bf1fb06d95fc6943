/**
 * Where the segments of a payload lie, and how one is read so that nothing unverified
 * comes out: hash against the content root, then decrypt (docs/format.md, "How to read").
 */
import { equal } from '../bytes.ts';
import {
  createSegmentCipher,
  type FloeState,
  floeHeaderBytes,
  type SegmentCipher,
  segmentOverhead,
} from '../crypto/floe.ts';
import { type TreeHash, treeHashes } from '../crypto/hash.ts';
import type { Source } from '../engine/source.ts';
import { leafPrefixBytes, type TreeLocation, TreeReader, writeLeafPrefix } from '../engine/tree.ts';
import { StrongroomError } from '../errors.ts';

/** A payload within an archive; plain data, so that threads can be given it. */
export interface Payload {
  readonly hash: TreeHash['name'];
  /** Offset of the FLOE header in the archive. */
  readonly at: number;
  /** Bytes of plaintext, in all and in a full segment. */
  readonly length: number;
  readonly segmentBytes: number;
  readonly segments: number;
}

export const segmentOffset = (payload: Payload, index: number): number =>
  payload.at + floeHeaderBytes + index * (payload.segmentBytes + segmentOverhead);

/** Plaintext bytes of segment `index`. */
export const plaintextBytes = (payload: Payload, index: number): number =>
  Math.min(payload.segmentBytes, payload.length - index * payload.segmentBytes);

export const isFinal = (payload: Payload, index: number): boolean => index === payload.segments - 1;

/** Memory that a `LeafBuffer` takes. */
export const leafBufferBytes = (segmentBytes: number, segments = 1): number =>
  leafPrefixBytes + segments * (segmentBytes + segmentOverhead);

/** A buffer for ciphertext segments with room before them for what a leaf hashes. */
export class LeafBuffer {
  readonly #bytes: Uint8Array;
  readonly #hash: TreeHash;
  /** The bytes of the segments, one behind the other. */
  readonly segment: Uint8Array;

  /** @param memory where it is to be, if it is there already: as long as `leafBufferBytes`. */
  constructor(segmentBytes: number, hash: TreeHash, segments = 1, memory?: Uint8Array) {
    // One allocation of its own, so that its pages are reused for every segment.
    this.#bytes = memory ?? new Uint8Array(leafBufferBytes(segmentBytes, segments));
    this.#hash = hash;
    this.segment = this.#bytes.subarray(leafPrefixBytes);
  }

  /**
   * The leaf hash of the `length` bytes of `segment` from `at` on. Overwrites what is directly
   * before them: segments are taken in order.
   */
  digest(index: number, length: number, at = 0): Uint8Array {
    const leaf = this.#bytes.subarray(at, at + leafPrefixBytes + length);
    writeLeafPrefix(leaf, index);
    return this.#hash.digest(leaf);
  }
}

const ciphertextLength = (payload: Payload, index: number): number =>
  plaintextBytes(payload, index) + segmentOverhead;

/** Consecutive segments that are read at once. */
export interface SegmentRun {
  readonly first: number;
  readonly count: number;
  readonly into: LeafBuffer;
  /** @throws StrongroomError SEGMENT_INVALID, TREE_INVALID, TRUNCATED; and as the source. */
  take(index: number): Promise<Uint8Array>;
}

/** Reads verified segments; one reader per thread. */
export class SegmentReader {
  readonly #source: Source;
  readonly #payload: Payload;
  readonly #tree: TreeReader;
  readonly #buffer: LeafBuffer;

  private constructor(source: Source, payload: Payload, tree: TreeReader) {
    this.#source = source;
    this.#payload = payload;
    this.#tree = tree;
    this.#buffer = new LeafBuffer(payload.segmentBytes, treeHashes[payload.hash]);
  }

  /** @throws StrongroomError TREE_INVALID, TRUNCATED. */
  static async open(source: Source, payload: Payload, tree: TreeLocation): Promise<SegmentReader> {
    const reader = await TreeReader.open(source, treeHashes[payload.hash], tree);
    return new SegmentReader(source, payload, reader);
  }

  /**
   * Ciphertext of segment `index`, held against the content root; valid until the next call.
   * @throws StrongroomError SEGMENT_INVALID, TREE_INVALID, TRUNCATED.
   */
  async ciphertext(index: number): Promise<Uint8Array> {
    const length = ciphertextLength(this.#payload, index);
    const segment = this.#buffer.segment.subarray(0, length);
    const offset = segmentOffset(this.#payload, index);
    if ((await this.#source.readAt(segment, offset)) < length) throw this.#cut(index);
    await this.#hold(index, this.#buffer.digest(index, length));
    return segment;
  }

  /** @throws StrongroomError SEGMENT_INVALID unless `digest` is the leaf of segment `index`. */
  async #hold(index: number, digest: Uint8Array): Promise<void> {
    if (equal(digest, await this.#tree.leaf(index))) return;
    const { name } = this.#source;
    throw new StrongroomError(
      'SEGMENT_INVALID',
      `${name}: segment ${index} is not the one that was sealed`,
      { file: name, segment: index, offset: segmentOffset(this.#payload, index) },
    );
  }

  #cut(index: number): StrongroomError {
    const { name } = this.#source;
    return new StrongroomError('TRUNCATED', `${name}: ends within segment ${index}`, {
      file: name,
      segment: index,
      offset: segmentOffset(this.#payload, index),
    });
  }

  /**
   * Begins to read `count` segments from `first` on. The promise is for each of them in turn,
   * held against the content root; it must be taken before the next, and while `into` is not
   * used for anything else.
   */
  run(first: number, count: number, into: LeafBuffer): SegmentRun {
    const payload = this.#payload;
    const at = segmentOffset(payload, first);
    const end =
      segmentOffset(payload, first + count - 1) + ciphertextLength(payload, first + count - 1);
    const reading = this.#source.readAt(into.segment.subarray(0, end - at), at);
    // Waited for later: until then nobody may be there to hear of a failure
    if (typeof reading !== 'number') reading.catch(() => {});
    return {
      first,
      count,
      into,
      take: async (index) => {
        const from = segmentOffset(payload, index) - at;
        const length = ciphertextLength(payload, index);
        if ((await reading) < from + length) throw this.#cut(index);
        await this.#hold(index, into.digest(index, length, from));
        return into.segment.subarray(from, from + length);
      },
    };
  }

  /** How many segments, and how many runs of so many, are worth reading ahead. */
  get ahead(): { readonly segments: number; readonly runs: number } {
    const { ahead } = this.#source;
    if (ahead === undefined) return { segments: 1, runs: 0 };
    const segments = Math.ceil(ahead.bytes / (this.#payload.segmentBytes + segmentOverhead));
    return { segments, runs: ahead.reads };
  }

  /** A buffer for a run of so many segments. */
  bufferFor(segments: number): LeafBuffer {
    const { segmentBytes, hash } = this.#payload;
    return new LeafBuffer(segmentBytes, treeHashes[hash], segments);
  }

  /** Wipes the buffer, into which callers may decrypt. */
  close(): void {
    this.#buffer.segment.fill(0);
  }
}

/** Reads ranges of the verified plaintext, keeping the last few segments. */
export class PlaintextReader {
  readonly #payload: Payload;
  readonly #segments: SegmentReader;
  readonly #cipher: SegmentCipher;
  readonly #kept = new Map<number, Uint8Array>();
  readonly #keep: number;

  constructor(payload: Payload, segments: SegmentReader, floe: FloeState, keep = 4) {
    this.#payload = payload;
    this.#segments = segments;
    this.#cipher = createSegmentCipher(floe);
    this.#keep = keep;
  }

  /** Bytes of plaintext in all. */
  get length(): number {
    return this.#payload.length;
  }

  /** Fills `into` from `offset` on; returns fewer bytes only at the end. */
  async readAt(into: Uint8Array, offset: number): Promise<number> {
    const end = Math.min(offset + into.length, this.#payload.length);
    let at = offset;
    while (at < end) {
      const index = Math.floor(at / this.#payload.segmentBytes);
      const within = at - index * this.#payload.segmentBytes;
      const part = (await this.#segment(index)).subarray(within, within + end - at);
      into.set(part, at - offset);
      at += part.length;
    }
    return Math.max(0, at - offset);
  }

  async #segment(index: number): Promise<Uint8Array> {
    const kept = this.#kept.get(index);
    if (kept !== undefined) return kept;
    const ciphertext = await this.#segments.ciphertext(index);
    // The buffer of the segment that falls out is used again.
    const plaintext = this.#evict() ?? new Uint8Array(this.#payload.segmentBytes);
    const final = isFinal(this.#payload, index);
    const length = this.#cipher.decrypt(ciphertext, index, final, plaintext);
    const segment = plaintext.subarray(0, length);
    this.#kept.set(index, segment);
    return segment;
  }

  #evict(): Uint8Array | undefined {
    if (this.#kept.size < this.#keep) return undefined;
    for (const [index, segment] of this.#kept) {
      this.#kept.delete(index);
      return new Uint8Array(segment.buffer);
    }
    return undefined;
  }

  /** Wipes keys and plaintext. */
  close(): void {
    for (const segment of this.#kept.values()) segment.fill(0);
    this.#kept.clear();
    this.#cipher.wipe();
  }
}
