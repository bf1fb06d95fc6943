/**
 * A lane verifies and decrypts one segment after another into memory that it is given: in the
 * thread that asks, or (`thread.ts`) in one of its own.
 */
import { createThreadCipher, type FloeState } from '../../crypto/floe.ts';
import { treeHashes } from '../../crypto/hash.ts';
import { openSource } from '../../engine/locate.ts';
import type { SourceLocation } from '../../engine/source.ts';
import { leafPrefixBytes, type TreeLocation } from '../../engine/tree.ts';
import { StrongroomError } from '../../errors.ts';
import { isFinal, LeafBuffer, leafBufferBytes, type Payload, SegmentReader } from '../segments.ts';

export interface Lane {
  /**
   * Resolves when nothing has to be begun any more before a segment can be read.
   * @throws StrongroomError TREE_INVALID, TRUNCATED, the source's.
   */
  ready(): Promise<void>;
  /**
   * Reads segment `index` into `place`, and verifies and decrypts it there: `plaintextIn` it is
   * the plaintext then. What is not sound is not decrypted, or leaves zeros.
   * @returns the bytes of plaintext.
   * @throws StrongroomError SEGMENT_INVALID, TREE_INVALID, TRUNCATED, the source's.
   */
  read(index: number, place: Uint8Array): Promise<number>;
  /** Wipes keys and closes the source; what is being read fails or ends first. */
  close(): Promise<void>;
}

/** So far into a place, plaintext begins where a line of the processor's cache does. */
const plaintextAt = 64;

/**
 * Memory for one segment, which goes through all of it: of two buffers, one for ciphertext and
 * one for plaintext, not both would stay in a core's cache.
 */
export const placeBytes = (segmentBytes: number): number =>
  plaintextAt - leafPrefixBytes + leafBufferBytes(segmentBytes);

export const plaintextIn = (place: Uint8Array, length: number): Uint8Array =>
  place.subarray(plaintextAt, plaintextAt + length);

export const archiveClosed = (): StrongroomError =>
  new StrongroomError('ARCHIVE_CLOSED', 'the archive is closed');

/** All that it takes to read segments of one archive; can be sent to threads. */
export interface LaneJob {
  readonly source: SourceLocation;
  readonly payload: Payload;
  readonly tree: TreeLocation;
  readonly floe: FloeState;
}

/**
 * A lane in this thread.
 * @param signal ends what it waits for, if the source is remote: now or later.
 */
export async function openLane(
  { source: location, payload, tree, floe }: LaneJob,
  signal?: AbortSignal,
): Promise<Lane> {
  const cipher = createThreadCipher(floe);
  const source = await openSource(location, signal);
  let reader: SegmentReader;
  try {
    reader = await SegmentReader.open(source, payload, tree);
  } catch (error) {
    cipher.wipe();
    source.close();
    throw error;
  }
  const hash = treeHashes[payload.hash];
  const isRemote = location.kind !== 'file';
  const reading = new Set<Promise<unknown>>();
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;
  const read = async (index: number, place: Uint8Array): Promise<number> => {
    if (closed) throw archiveClosed();
    const at = plaintextAt - leafPrefixBytes;
    const leaf = new LeafBuffer(payload.segmentBytes, hash, 1, place.subarray(at));
    const segment = await reader.run(index, 1, leaf).take(index);
    if (closed) throw archiveClosed();
    return cipher.decrypt(segment, index, isFinal(payload, index), leaf.segment);
  };
  return {
    ready: () => Promise.resolve(),
    read(index, place) {
      // From a disk one after the other, each in the processor's caches; what is far away at once
      const done = isRemote ? read(index, place) : last.then(() => read(index, place));
      last = done.catch(() => {});
      const settled: Promise<unknown> = last.then(() => reading.delete(settled));
      reading.add(settled);
      return done;
    },
    async close() {
      closed = true;
      // What waits for a network must not hold this up; a descriptor must not be gone under a read
      if (isRemote) source.close();
      await Promise.all(reading);
      cipher.wipe();
      if (!isRemote) source.close();
    },
  };
}
