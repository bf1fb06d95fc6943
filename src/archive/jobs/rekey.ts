/**
 * Seals the payload of an archive anew under another key: every thread verifies, decrypts,
 * encrypts, hashes and writes whole segments. Plaintext is in its buffer only.
 */
import { createThreadCipher, type FloeState } from '../../crypto/floe.ts';
import { treeHashes } from '../../crypto/hash.ts';
import type { Control } from '../../engine/control.ts';
import { using } from '../../engine/files.ts';
import { openSource } from '../../engine/locate.ts';
import type { SourceLocation } from '../../engine/source.ts';
import type { TreeLocation } from '../../engine/tree.ts';
import { isFinal, LeafBuffer, type Payload, SegmentReader } from '../segments.ts';
import { SegmentStream } from '../stream.ts';
import { LeafReporter } from './leaves.ts';
import { claimFor, journalOf, type SealJobReport, type SealTarget, sealSink } from './target.ts';

export interface RekeyJob {
  readonly kind: 'rekey';
  readonly source: SourceLocation;
  readonly payload: Payload;
  readonly tree: TreeLocation;
  readonly floe: FloeState;
  /** What it becomes: as many segments of the same length, elsewhere and under another key. */
  readonly next: { readonly payload: Payload; readonly floe: FloeState };
  readonly output: SealTarget;
}

export async function rekeySegments(
  job: RekeyJob,
  control: Control,
  report: (report: SealJobReport) => void,
  signal: AbortSignal,
): Promise<void> {
  const { payload, next, output } = job;
  const decryption = createThreadCipher(job.floe);
  const encryption = createThreadCipher(next.floe);
  const plaintext = new Uint8Array(payload.segmentBytes);
  const leaf = new LeafBuffer(payload.segmentBytes, treeHashes[payload.hash]);
  const leaves = new LeafReporter(report);
  const context = { control, signal, report, leaves };
  const journal = journalOf(output, next.payload, leaf, context);
  try {
    await using(sealSink(output, next.payload, context), (sink) =>
      using(openSource(job.source, signal), async (source) => {
        const reader = await SegmentReader.open(source, payload, job.tree);
        const stream = new SegmentStream(
          reader,
          claimFor(output, next.payload, control, journal?.runs),
        );
        for (let next = await stream.next(); next !== undefined; next = await stream.next()) {
          const { index, segment } = next;
          const final = isFinal(payload, index);
          const length = decryption.decrypt(segment, index, final, plaintext);
          const plain = plaintext.subarray(0, length);
          const written = encryption.encrypt(plain, index, final, leaf.segment);
          const digest = leaf.digest(index, written);
          leaves.add(index, digest);
          if (!(await sink.write(leaf.segment.subarray(0, written), index))) break;
          journal?.runs.add(index, digest);
          control.report(length);
        }
        await sink.finish?.();
        leaves.flush();
      }),
    );
  } finally {
    journal?.close();
    plaintext.fill(0);
    decryption.wipe();
    encryption.wipe();
  }
}
