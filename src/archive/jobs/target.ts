/** Where a new archive goes: a file, standard output, or an object store, part by part. */
import type { Control } from '../../engine/control.ts';
import type { Payload } from '../segments.ts';
import { type Claim, claimFrom } from '../stream.ts';
import type { LeafReport, LeafReporter } from './leaves.ts';
import {
  intoParts,
  type PartReport,
  type PartsTarget,
  type RunShare,
  segmentsOfRun,
  type TailReport,
} from './parts.ts';
import { atOffsets, inOrder, type SegmentSink } from './sinks.ts';

export type SealTarget =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'stdout' }
  | PartsTarget;

export type SealJobReport = LeafReport | PartReport | TailReport;

export interface SinkContext {
  readonly control: Control;
  readonly signal: AbortSignal;
  readonly report: (report: SealJobReport) => void;
  readonly leaves: LeafReporter;
}

/** @param payload has no segments where it is not known yet, as that of a pipe. */
export function sealSink(target: SealTarget, payload: Payload, context: SinkContext): SegmentSink {
  const { control } = context;
  switch (target.kind) {
    case 'file':
      return atOffsets(target.path, payload, control);
    case 'stdout':
      return inOrder(control);
    case 'parts':
      return intoParts(target, payload, context);
  }
}

/** Claims the segments of a job one by one, as many at once as belong together. */
export function runsOf(target: SealTarget, payload: Payload, control: Control) {
  const { segments, segmentBytes } = payload;
  if (target.kind === 'parts' && target.share !== undefined) {
    return shareOf(target, target.share, payload, control);
  }
  const together = target.kind === 'parts' ? target.runSegments : 1;
  const isDone = (index: number): boolean =>
    target.kind === 'parts' && target.done[Math.floor(index / together)] === 1;
  let next = 0;
  let end = 0;
  return {
    claim(): number | undefined {
      while (next === end) {
        const from = control.claim(segments, together);
        if (from === undefined) return undefined;
        [next, end] = [from, Math.min(from + together, segments)];
        if (!isDone(from)) break;
        control.report((end - from) * segmentBytes);
        next = end;
      }
      return control.stopped ? undefined : next++;
    },
  };
}

/** The same for the runs of one machine of several. */
function shareOf(
  { runSegments }: PartsTarget,
  share: RunShare,
  payload: Payload,
  control: Control,
) {
  let next = 0;
  let end = 0;
  return {
    claim(): number | undefined {
      if (next === end) {
        const run = control.claim(share.to - share.from);
        if (run === undefined) return undefined;
        ({ from: next, to: end } = segmentsOfRun(share.from + run, runSegments, share, payload));
      }
      return control.stopped ? undefined : next++;
    },
  };
}

/** The same for a thread that reads ahead: it claims whole parts of an upload, in order. */
export function claimFor(target: SealTarget, payload: Payload, control: Control): Claim {
  if (target.kind !== 'parts') return claimFrom(control, payload.segments);
  const { claim } = runsOf(target, payload, control);
  return (most) => {
    const claimed: number[] = [];
    while (claimed.length < most) {
      const index = claim();
      if (index === undefined) break;
      claimed.push(index);
    }
    return claimed;
  };
}
