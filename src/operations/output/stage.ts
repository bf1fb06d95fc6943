/** Where an archive is opened into before its directory gets its name. */

import { basename } from 'node:path';
import type { Entry } from '../../archive/entry.ts';
import { type JournalTarget, segmentsInRun } from '../../archive/jobs/journal.ts';
import type { Extent } from '../../archive/jobs/sinks.ts';
import type { OutputReport } from '../../archive/jobs/target.ts';
import type { Payload } from '../../archive/segments.ts';
import { adoptDirectory, createDirectory, type Output } from '../../engine/output.ts';
import type { StrongroomError } from '../../errors.ts';
import { prepareTree, sweepTree } from '../extract.ts';
import type { Work } from './head.ts';
import { Resumption } from './resumption.ts';

export interface Stage {
  readonly path: string;
  /** Makes the directories and empty files; returns what is to be filled. */
  prepare(entries: readonly Entry[]): Extent[];
  /** @param wanted how many segments are to be opened. */
  start(payload: Payload, wanted: number): JournalTarget | undefined;
  onRun(report: OutputReport): void;
  /** Makes all of it durable and gives it its name. */
  commit(): void;
  /** Removes what was written, or keeps it for a later attempt. Does nothing after `commit`. */
  discard(reason: StrongroomError): void;
}

/** @throws StrongroomError OUTPUT_EXISTS, NOT_FOUND, PERMISSION_DENIED. */
export function freshStage(output: string): Stage {
  const directory = createDirectory(output);
  return {
    path: directory.path,
    prepare: (entries) => prepareTree(directory.path, entries),
    start: () => undefined,
    onRun() {},
    commit: () => directory.commit(),
    discard: () => directory.discard(),
  };
}

/** @throws StrongroomError OUTPUT_EXISTS; and as `Resumption.take`. */
export async function resumedStage(work: Omit<Work, 'isDirectory' | 'kind'>): Promise<Stage> {
  const { output } = work;
  const resumption = await Resumption.take({ ...work, kind: 'open', isDirectory: true });
  const path = resumption.stage;
  let directory: Output;
  try {
    directory = adoptDirectory(output, basename(path));
  } catch (error) {
    resumption.abandon();
    throw error;
  }
  return {
    path,
    prepare(entries) {
      sweepTree(path, entries);
      return prepareTree(path, entries);
    },
    start: ({ length, segmentBytes }, segments) =>
      resumption.start({ segments, runSegments: segmentsInRun(length, segmentBytes) }),
    onRun(report) {
      if ('mac' in report) resumption.add(report);
    },
    commit() {
      resumption.assertHeld();
      directory.commit();
      resumption.finish();
    },
    discard: (reason) => resumption.stop(reason),
  };
}
