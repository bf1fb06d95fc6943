/** Opens segments: verify, decrypt, and put what they hold into files or onto standard output. */
import { createThreadCipher, type SegmentKeys } from '../../crypto/floe.ts';
import type { Control } from '../../engine/control.ts';
import { using } from '../../engine/files.ts';
import { openSource, type SourceLocation } from '../../engine/source.ts';
import type { TreeLocation } from '../../engine/tree.ts';
import { isFinal, type Payload, SegmentReader } from '../segments.ts';
import { claimFrom, SegmentStream } from '../stream.ts';
import { type Extents, inOrder, intoFiles } from './sinks.ts';

export interface OpenJob {
  readonly kind: 'open';
  readonly source: SourceLocation;
  readonly payload: Payload;
  readonly tree: TreeLocation;
  readonly floe: SegmentKeys;
  /** Files to write; all of it to standard output when absent. */
  readonly extents: Extents | undefined;
  /** The segments that are wanted, in order; all of them when absent. */
  readonly wanted: Float64Array<SharedArrayBuffer> | undefined;
}

export async function openSegments(
  job: OpenJob,
  control: Control,
  _report: unknown,
  signal: AbortSignal,
): Promise<void> {
  const { payload, extents, wanted } = job;
  const cipher = createThreadCipher(job.floe);
  const sink = extents === undefined ? inOrder(control) : intoFiles(extents, payload, control);
  try {
    await using(openSource(job.source, signal), (source) =>
      using(sink, async () => {
        const reader = await SegmentReader.open(source, payload, job.tree);
        // Each thread to files of its own, if it can be
        const isApart = extents !== undefined && source.ahead === undefined;
        const ways = isApart ? control.threads : 1;
        const claim = claimFrom(control, payload.segments, wanted, ways);
        await using(new SegmentStream(reader, claim), async (stream) => {
          for (let next = await stream.next(); next !== undefined; next = await stream.next()) {
            const { index, segment } = next;
            // Decrypted where it was read to: one buffer stays in a core's cache, two do not.
            const length = cipher.decrypt(segment, index, isFinal(payload, index), segment);
            if (!sink.write(segment.subarray(0, length), index)) break;
            control.report(length);
          }
        });
      }),
    );
  } finally {
    cipher.wipe();
  }
}
