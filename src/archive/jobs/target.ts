/** Where a new archive goes: a file, standard output, or an object store, part by part. */
import { closeSync, fsyncSync } from 'node:fs';
import { segmentOverhead } from '../../crypto/floe.ts';
import type { Control } from '../../engine/control.ts';
import { openMade, readFully } from '../../engine/files.ts';
import { type LeafBuffer, type Payload, plaintextBytes, segmentOffset } from '../segments.ts';
import { type Claim, claimFrom, claimRuns, claimSpans } from '../stream.ts';
import { type JournalTarget, RunJournal, type RunReport } from './journal.ts';
import type { LeafReport } from './leaves.ts';
import {
  intoParts,
  type PartReport,
  type PartsContext,
  type PartsTarget,
  segmentsOfRun,
  type TailReport,
} from './parts.ts';
import { atOffsets, inOrder, type SegmentSink } from './sinks.ts';

export type SealTarget =
  | { readonly kind: 'file'; readonly path: string; readonly journal?: JournalTarget }
  | { readonly kind: 'stdout' }
  | PartsTarget;

/** What is told of how far the output came. */
export type OutputReport = PartReport | TailReport | RunReport;

export type SealJobReport = LeafReport | OutputReport;

export interface SinkContext extends PartsContext {
  readonly report: (report: SealJobReport) => void;
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

/** One thread's part in the journal of a file, if there is one; `leaf` is free between segments. */
export function journalOf(
  target: SealTarget,
  payload: Payload,
  leaf: LeafBuffer,
  { control, report, leaves }: SinkContext,
): SealJournal | undefined {
  if (target.kind !== 'file' || target.journal === undefined) return undefined;
  const fd = openMade(target.path);
  const work = {
    digest(index: number) {
      const length = plaintextBytes(payload, index) + segmentOverhead;
      const segment = leaf.segment.subarray(0, length);
      const isThere = readFully(fd, segment, segmentOffset(payload, index)) === length;
      return isThere ? leaf.digest(index, length) : undefined;
    },
    sync: () => fsyncSync(fd),
    onFound: (index: number, digest: Uint8Array) => leaves.add(index, digest),
  };
  const runs = new RunJournal(target.journal, control, work, report);
  return {
    runs,
    close() {
      runs.wipe();
      closeSync(fd);
    },
  };
}

interface SealJournal {
  readonly runs: RunJournal;
  close(): void;
}

/** Claims the segments of a job, as many at once as belong together. */
export function claimFor(
  target: SealTarget,
  payload: Payload,
  control: Control,
  journal?: RunJournal,
): Claim {
  const { segments, segmentBytes } = payload;
  if (journal !== undefined) return journal.claim(segmentBytes);
  if (target.kind !== 'parts') return claimFrom(control, segments);
  const { runSegments: together, done, share } = target;
  if (share === undefined) {
    const isDone = (run: number) => done[run] === 1;
    return claimRuns(control, { segments, segmentBytes, together, isDone });
  }
  // The runs of one machine of several
  return claimSpans(control, () => {
    const run = control.claim(share.to - share.from);
    return run === undefined
      ? undefined
      : segmentsOfRun(share.from + run, together, share, payload);
  });
}
