/** Holds every ciphertext segment against the content root; needs no key. */
import type { Control } from '../../engine/control.ts';
import { using } from '../../engine/files.ts';
import { openSource } from '../../engine/locate.ts';
import type { SourceLocation } from '../../engine/source.ts';
import type { TreeLocation } from '../../engine/tree.ts';
import { type Payload, plaintextBytes, SegmentReader } from '../segments.ts';
import { claimFrom, SegmentStream } from '../stream.ts';

export interface VerifyJob {
  readonly kind: 'verify';
  readonly source: SourceLocation;
  readonly payload: Payload;
  readonly tree: TreeLocation;
  /** The segments that are wanted, in order; all of them when absent. */
  readonly wanted?: Float64Array<SharedArrayBuffer> | undefined;
}

export async function verifySegments(
  { source: location, payload, tree, wanted }: VerifyJob,
  control: Control,
  _report: unknown,
  signal: AbortSignal,
): Promise<void> {
  await using(openSource(location, signal), async (source) => {
    const reader = await SegmentReader.open(source, payload, tree);
    const stream = new SegmentStream(reader, claimFrom(control, payload.segments, wanted));
    for (let next = await stream.next(); next !== undefined; next = await stream.next()) {
      control.report(plaintextBytes(payload, next.index));
    }
  });
}
