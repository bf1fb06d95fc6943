/** Seals a planned stream: every thread builds, encrypts, hashes and writes whole segments. */
import { createThreadCipher, type SegmentKeys, segmentTextAt } from '../../crypto/floe.ts';
import { treeHashes } from '../../crypto/hash.ts';
import type { Control } from '../../engine/control.ts';
import { using } from '../../engine/files.ts';
import { type Pieces, PiecesReader } from '../../engine/pieces.ts';
import type { DigestRanges } from '../digests.ts';
import { isFinal, LeafBuffer, type Payload, plaintextBytes } from '../segments.ts';
import { type DigestReport, RangeHasher } from './digest.ts';
import { LeafReporter } from './leaves.ts';
import { claimFor, journalOf, type SealJobReport, type SealTarget, sealSink } from './target.ts';

export interface SealJob {
  readonly kind: 'seal';
  readonly payload: Payload;
  readonly floe: SegmentKeys;
  readonly pieces: Pieces;
  readonly output: SealTarget;
  /** What to hash with SHA-256 beside; nothing when absent. */
  readonly digests: DigestRanges | undefined;
}

export async function sealSegments(
  job: SealJob,
  control: Control,
  report: (report: SealJobReport | DigestReport) => void,
  signal: AbortSignal,
): Promise<void> {
  const { payload, output } = job;
  const cipher = createThreadCipher(job.floe);
  const leaf = new LeafBuffer(payload.segmentBytes, treeHashes[payload.hash]);
  // Encrypted where it is read to: one buffer stays in a core's cache, two do not.
  const plaintext = leaf.segment.subarray(segmentTextAt);
  const leaves = new LeafReporter(report);
  const context = { control, signal, report, leaves };
  const sink = sealSink(output, payload, context);
  const journal = journalOf(output, payload, leaf, context);
  const claim = claimFor(output, payload, control, journal?.runs);
  try {
    await using(sink, () =>
      using(new PiecesReader(job.pieces), async (reader) => {
        const hasher = job.digests && new RangeHasher(job.digests, reader, control, report);
        try {
          for (;;) {
            // As soon as sealing has reached a file, so that it is read from the disk once
            hasher?.hashBefore(() => control.claimed * payload.segmentBytes);
            const [index] = claim(1);
            if (index === undefined) break;
            const plain = plaintext.subarray(0, plaintextBytes(payload, index));
            reader.read(plain, index * payload.segmentBytes);
            const length = cipher.encrypt(plain, index, isFinal(payload, index), leaf.segment);
            const digest = leaf.digest(index, length);
            leaves.add(index, digest);
            if (!(await sink.write(leaf.segment.subarray(0, length), index))) break;
            journal?.runs.add(index, digest);
            control.report(plain.length);
          }
          await sink.finish?.();
          leaves.flush();
        } finally {
          hasher?.close();
        }
      }),
    );
  } finally {
    journal?.close();
    leaf.segment.fill(0);
    cipher.wipe();
  }
}
