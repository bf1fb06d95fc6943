/** Holds every ciphertext segment against the content root; needs no key. */
import type { Control } from '../../engine/control.ts';
import { using } from '../../engine/files.ts';
import { openSource, type SourceLocation } from '../../engine/source.ts';
import type { TreeLocation } from '../../engine/tree.ts';
import { type Payload, plaintextBytes, SegmentReader } from '../segments.ts';

export interface VerifyJob {
  readonly kind: 'verify';
  readonly source: SourceLocation;
  readonly payload: Payload;
  readonly tree: TreeLocation;
}

export async function verifySegments(job: VerifyJob, control: Control): Promise<void> {
  await using(openSource(job.source), async (source) => {
    const reader = await SegmentReader.open(source, job.payload, job.tree);
    for (;;) {
      const index = control.claim(job.payload.segments);
      if (index === undefined) return;
      await reader.ciphertext(index);
      control.report(plaintextBytes(job.payload, index));
    }
  });
}
