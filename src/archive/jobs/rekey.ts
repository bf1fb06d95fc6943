/**
 * Seals the payload of an archive anew under another key: every thread verifies, decrypts,
 * encrypts, hashes and writes whole segments. Plaintext is in its buffer only.
 */
import { createThreadCipher, type FloeState } from '../../crypto/floe.ts';
import { treeHashes } from '../../crypto/hash.ts';
import type { Control } from '../../engine/control.ts';
import { using } from '../../engine/files.ts';
import { openSource, type SourceLocation } from '../../engine/source.ts';
import type { TreeLocation } from '../../engine/tree.ts';
import { isFinal, LeafBuffer, type Payload, SegmentReader } from '../segments.ts';
import { claimFrom, SegmentStream } from '../stream.ts';
import { type LeafReport, LeafReporter } from './leaves.ts';
import { atOffsets } from './sinks.ts';

export interface RekeyJob {
  readonly kind: 'rekey';
  readonly source: SourceLocation;
  readonly payload: Payload;
  readonly tree: TreeLocation;
  readonly floe: FloeState;
  /** What it becomes: as many segments of the same length, elsewhere and under another key. */
  readonly next: { readonly payload: Payload; readonly floe: FloeState };
  /** The archive being written. */
  readonly output: string;
}

export async function rekeySegments(
  job: RekeyJob,
  control: Control,
  report: (leaves: LeafReport) => void,
  signal: AbortSignal,
): Promise<void> {
  const { payload, next } = job;
  const decryption = createThreadCipher(job.floe);
  const encryption = createThreadCipher(next.floe);
  const plaintext = new Uint8Array(payload.segmentBytes);
  const leaf = new LeafBuffer(payload.segmentBytes, treeHashes[payload.hash]);
  const leaves = new LeafReporter(report);
  try {
    await using(openSource(job.source, signal), (source) =>
      using(atOffsets(job.output, next.payload, control), async (sink) => {
        const reader = await SegmentReader.open(source, payload, job.tree);
        const stream = new SegmentStream(reader, claimFrom(control, payload.segments));
        for (let next = await stream.next(); next !== undefined; next = await stream.next()) {
          const { index, segment } = next;
          const final = isFinal(payload, index);
          const length = decryption.decrypt(segment, index, final, plaintext);
          const plain = plaintext.subarray(0, length);
          const written = encryption.encrypt(plain, index, final, leaf.segment);
          leaves.add(index, leaf.digest(index, written));
          sink.write(leaf.segment.subarray(0, written), index);
          control.report(length);
        }
        leaves.flush();
      }),
    );
  } finally {
    plaintext.fill(0);
    decryption.wipe();
    encryption.wipe();
  }
}
