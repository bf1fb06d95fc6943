/**
 * A lane verifies and decrypts one segment after another into memory that it is given: in the
 * thread that asks, or (`thread.ts`) in one of its own.
 */
import { createThreadCipher, type FloeState } from '../../crypto/floe.ts';
import { openSource, type SourceLocation } from '../../engine/source.ts';
import type { TreeLocation } from '../../engine/tree.ts';
import { StrongroomError } from '../../errors.ts';
import { isFinal, type Payload, SegmentReader } from '../segments.ts';

export interface Lane {
  /**
   * Resolves when nothing has to be begun any more before a segment can be read.
   * @throws StrongroomError TREE_INVALID, TRUNCATED, the source's.
   */
  ready(): Promise<void>;
  /**
   * Verifies and decrypts segment `index` to the beginning of `into`; zeros if it is not sound.
   * @returns the bytes of plaintext.
   * @throws StrongroomError SEGMENT_INVALID, TREE_INVALID, TRUNCATED, the source's.
   */
  read(index: number, into: Uint8Array): Promise<number>;
  /** Wipes keys and closes the source; what is being read fails or ends first. */
  close(): Promise<void>;
}

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
  // The reader has one buffer, so one segment is read after the other
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;
  const next = <T>(work: () => T | Promise<T>): Promise<T> => {
    const done = last.then(work);
    last = done.catch(() => {});
    return done;
  };
  return {
    ready: () => Promise.resolve(),
    read: (index, into) =>
      next(async () => {
        if (closed) throw archiveClosed();
        const segment = await reader.ciphertext(index);
        return cipher.decrypt(segment, index, isFinal(payload, index), into);
      }),
    close() {
      closed = true;
      // What waits for a network must not hold this up; a descriptor must not be gone under a read
      const isRemote = location.kind !== 'file';
      if (isRemote) source.close();
      return next(() => {
        cipher.wipe();
        reader.close();
        if (!isRemote) source.close();
      });
    },
  };
}
