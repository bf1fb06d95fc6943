/**
 * What threads tell a journal, and how they check what it says. Segments are done in runs: when
 * all of a run are written and durable, a MAC over their digests is reported. A later attempt
 * reads them back, and only a run whose MAC is right counts as done; any other is done anew.
 */
import { concat, equal, u64 } from '../../bytes.ts';
import { hmacSha384 } from '../../crypto/kdf.ts';
import type { Control } from '../../engine/control.ts';
import { sharedBytes } from '../../engine/shared.ts';
import { type Claim, claimRuns } from '../stream.ts';

export const macBytes = 48;

export interface JournalTarget {
  /** Of this journal alone; nobody has it but whoever began it. */
  readonly key: Uint8Array;
  /** Segments in a run. */
  readonly runSegments: number;
  /** Segments in all. */
  readonly segments: number;
  /** For each run the MAC that an earlier attempt left, or zeros; shared by all threads. */
  readonly macs: Uint8Array<SharedArrayBuffer>;
}

/** A run that is durable. */
export interface RunReport {
  readonly run: number;
  readonly mac: Uint8Array;
}

/** What an operation makes of segments, as a journal sees it. */
export interface Journalled {
  /** The digest of what is there of a segment; `undefined` when it is not all there. */
  digest(place: number): Uint8Array | undefined;
  /** Makes durable what this thread has written. */
  sync(): void;
  /** Told of each segment of a run that is there. */
  onFound?(place: number, digest: Uint8Array): void;
}

/** MACs of so many segments, none of them known. */
export const noMacs = (segments: number, runSegments: number) =>
  sharedBytes(Math.ceil(segments / runSegments) * macBytes);

/** What are long runs waits seldom for the disk, and what are short ones loses little. */
const runBytes = { least: 2 ** 22, most: 2 ** 26 } as const;
const usualRuns = 128;
const mostRuns = 2 ** 17;

/** Segments in a run, for so many bytes. */
export function segmentsInRun(length: number, segmentBytes: number): number {
  const wanted = Math.min(Math.max(length / usualRuns, runBytes.least), runBytes.most);
  return Math.ceil(Math.max(wanted, length / mostRuns) / segmentBytes);
}

/** One thread's part in a journal. Places are indices among the segments that are to be done. */
export class RunJournal {
  readonly #target: JournalTarget;
  readonly #control: Control;
  readonly #work: Journalled;
  readonly #report: (report: RunReport) => void;
  #digests: Uint8Array[] = [];

  constructor(
    target: JournalTarget,
    control: Control,
    work: Journalled,
    report: (report: RunReport) => void,
  ) {
    this.#target = target;
    this.#control = control;
    this.#work = work;
    this.#report = report;
  }

  /** What a thread may claim: whole runs, but for those that are there. */
  claim(segmentBytes: number): Claim {
    const { runSegments: together, segments } = this.#target;
    const isDone = (run: number, from: number, to: number) => this.#holds(run, from, to);
    return claimRuns(this.#control, { segments, segmentBytes, together, isDone });
  }

  /** Takes the digest of a segment that is written: all of a run, one after the other. */
  add(place: number, digest: Uint8Array): void {
    const { runSegments, segments } = this.#target;
    this.#digests.push(digest);
    if ((place + 1) % runSegments !== 0 && place + 1 !== segments) return;
    const run = Math.floor(place / runSegments);
    const mac = this.#mac(run, this.#digests);
    this.#digests = [];
    this.#work.sync();
    this.#report({ run, mac });
  }

  /** Whether an earlier attempt did the run from `from` to before `to`, and it is still there. */
  #holds(run: number, from: number, to: number): boolean {
    const { macs } = this.#target;
    const known = macs.slice(run * macBytes, (run + 1) * macBytes);
    if (known.every((byte) => byte === 0)) return false;
    const digests: Uint8Array[] = [];
    for (let place = from; place < to; place++) {
      const digest = this.#control.stopped ? undefined : this.#work.digest(place);
      if (digest === undefined) return false;
      digests.push(digest);
    }
    if (!equal(this.#mac(run, digests), known)) return false;
    digests.forEach((digest, i) => {
      this.#work.onFound?.(from + i, digest);
    });
    return true;
  }

  #mac(run: number, digests: readonly Uint8Array[]): Uint8Array {
    return hmacSha384(this.#target.key, concat(u64(run), ...digests));
  }

  /** Wipes this thread's copy of the key. */
  wipe(): void {
    this.#target.key.fill(0);
  }
}
