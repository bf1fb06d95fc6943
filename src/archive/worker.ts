/**
 * The threads that do the work on segments. This module starts itself: imported it runs
 * jobs in threads, and as a thread it serves one.
 */
import { isMainThread } from 'node:worker_threads';
import type { Pieces } from '../engine/pieces.ts';
import {
  type RunJob,
  type RunOptions,
  runThreads,
  serveJob,
  startThreads,
  threadsFor,
} from '../engine/pool.ts';
import { type DigestRanges, digestBytes, digestedBytes } from './digests.ts';
import { type DigestJob, type DigestReport, digestRanges } from './jobs/digest.ts';
import { LeafCollector, type LeafReport } from './jobs/leaves.ts';
import { type OpenJob, openSegments } from './jobs/open.ts';
import { segmentsOfRun } from './jobs/parts.ts';
import {
  type OpenPipeJob,
  openPipe,
  type PipeJobReport,
  type PipeReport,
  type SealPipeJob,
  sealPipe,
} from './jobs/pipe.ts';
import { type RekeyJob, rekeySegments } from './jobs/rekey.ts';
import { type SealJob, sealSegments } from './jobs/seal.ts';
import type { OutputReport, SealJobReport } from './jobs/target.ts';
import { type VerifyJob, verifySegments } from './jobs/verify.ts';

type ParallelJob = SealJob | OpenJob | VerifyJob | RekeyJob;
type PipeJob = SealPipeJob | OpenPipeJob;
type Job = ParallelJob | PipeJob | DigestJob;
type Report = PipeJobReport | DigestReport;

/** Told of the parts of an upload, and of runs for a journal. */
type OnPart = (report: OutputReport) => void;

const here = new URL(import.meta.url);

/** Starts threads for about `bytes`, while what they need is still being prepared. */
export const prepareThreads = (bytes: number, asked?: number): void =>
  startThreads(here, threadsFor(bytes / 2 ** 20, asked));

/** Runs a job whose segments can be done in any order, in one thread per core. */
export function runParallel(
  job: ParallelJob,
  options: RunOptions,
  onLeaves: (leaves: LeafReport) => void = () => {},
  onDigests: (digests: LeafReport) => void = () => {},
  onPart: OnPart = () => {},
): Promise<void> {
  const total = Math.min(job.payload.length, wantedBytes(job));
  const threads = threadsFor(total / 2 ** 20, options.threads);
  const beside = job.kind === 'seal' && job.digests ? digestedBytes(job.digests) : 0;
  const onReport = (report: SealJobReport | DigestReport) => {
    if ('digests' in report) onDigests(report.digests);
    else if ('indices' in report) onLeaves(report);
    else onPart(report);
  };
  return runThreads<Job, SealJobReport | DigestReport>(
    here,
    job,
    threads,
    total + beside,
    options,
    onReport,
  );
}

/** Of plaintext, at most, where less than all may be wanted. */
function wantedBytes(job: ParallelJob): number {
  const { segmentBytes, length } = job.payload;
  if ('wanted' in job && job.wanted !== undefined) return job.wanted.length * segmentBytes;
  if (job.kind !== 'seal' || job.output.kind !== 'parts') return length;
  const { share, runSegments } = job.output;
  if (share === undefined) return length;
  const { to } = segmentsOfRun(share.to - 1, runSegments, share, job.payload);
  return (to - share.from * runSegments) * segmentBytes;
}

/** SHA-256 of ranges of a stream, joined in their order. */
export async function runDigests(
  pieces: Pieces,
  ranges: DigestRanges,
  options: RunOptions,
): Promise<Uint8Array> {
  const total = digestedBytes(ranges);
  const threads = Math.min(threadsFor(total / 2 ** 20, options.threads), ranges.at.length);
  const found = new LeafCollector(digestBytes, ranges.at.length);
  const job = { kind: 'digest', pieces, ranges } as const;
  await runThreads<Job, DigestReport>(here, job, threads, total, options, ({ digests }) =>
    found.add(digests),
  );
  return found.hashes(ranges.at.length);
}

/** Runs a job on a pipe, and resolves to what the pipe held. */
export async function runPipe(
  job: PipeJob,
  options: RunOptions,
  onLeaves: (leaves: LeafReport) => void,
  onPart: OnPart = () => {},
): Promise<PipeReport> {
  let held: PipeReport | undefined;
  await runThreads<Job, PipeJobReport>(here, job, 1, undefined, options, (report) => {
    if ('entries' in report) held = report;
    else if ('indices' in report) onLeaves(report);
    else onPart(report);
  });
  if (held === undefined) throw new Error('the thread ended without a report');
  return held;
}

const jobs: {
  [Kind in Job['kind']]: RunJob<Extract<Job, { kind: Kind }>, Report>;
} = {
  seal: sealSegments,
  open: openSegments,
  verify: verifySegments,
  rekey: rekeySegments,
  'seal-pipe': sealPipe,
  'open-pipe': openPipe,
  digest: digestRanges,
};

if (!isMainThread) {
  await serveJob<Job, Report>((job, ...context) =>
    (jobs[job.kind] as RunJob<Job, Report>)(job, ...context),
  );
}
