/**
 * Ciphertext segments into the parts of a multipart upload. A part is a run of whole segments,
 * the first one with the front of the archive before them, so that threads make and send parts
 * on their own, and one that is lost is made anew without the others.
 *
 * The last run goes back to the main thread, where the trailer is put behind it.
 */
import { segmentOverhead } from '../../crypto/floe.ts';
import type { Control } from '../../engine/control.ts';
import {
  type UploadedPart,
  type UploadLocation,
  uploadPart,
} from '../../engine/remote/multipart.ts';
import type { Payload } from '../segments.ts';
import type { LeafReporter } from './leaves.ts';
import type { SegmentSink } from './sinks.ts';

/** Which runs of a payload one machine of several makes. */
export interface RunShare {
  /** From this run to before that one. */
  readonly from: number;
  readonly to: number;
  /** How many there are in all; the last one takes all the segments that are left. */
  readonly of: number;
}

export interface PartsTarget {
  readonly kind: 'parts';
  /** Absent where all is one run. */
  readonly upload: UploadLocation | undefined;
  /** What comes before the first segment. */
  readonly front: Uint8Array;
  /** Segments in a part. */
  readonly runSegments: number;
  /** For each run whether its part is there already; shared by all threads. */
  readonly done: Uint8Array<SharedArrayBuffer>;
  /** Only these, and all of them are sent; without it all, and the last one goes back. */
  readonly share?: RunShare | undefined;
}

/** The first segment of a run of a share, and the first one behind it. */
export function segmentsOfRun(
  run: number,
  runSegments: number,
  { of }: Pick<RunShare, 'of'>,
  { segments }: Pick<Payload, 'segments'>,
): { readonly from: number; readonly to: number } {
  return { from: run * runSegments, to: run === of - 1 ? segments : (run + 1) * runSegments };
}

/** Most segments that a part takes. */
function mostSegments({ runSegments, share }: PartsTarget, payload: Payload): number {
  if (share === undefined || share.to < share.of) return runSegments;
  const last = segmentsOfRun(share.of - 1, runSegments, share, payload);
  return Math.max(last.to - last.from, share.to - share.from > 1 ? runSegments : 0);
}

/** Memory that the parts of one thread take. */
export const partsBytes = (target: PartsTarget, payload: Payload): number =>
  roomOf(target, payload) * (1 + uploadsAtOnce(roomOf(target, payload)));

const roomOf = (target: PartsTarget, payload: Payload): number =>
  target.front.length + mostSegments(target, payload) * (payload.segmentBytes + segmentOverhead);

const uploadsAtOnce = (room: number): number =>
  Math.max(1, Math.min(mostUploads, Math.floor(uploadBytes / room)));

/** A part that is in the store; the leaves of its segments were reported before. */
export interface PartReport {
  readonly run: number;
  readonly part: UploadedPart;
}

/** The segments from the first of the last run on. */
export interface TailReport {
  readonly tail: Uint8Array;
}

export interface PartsContext {
  readonly control: Control;
  readonly signal: AbortSignal;
  readonly report: (report: PartReport | TailReport) => void;
  readonly leaves: LeafReporter;
}

/** Parts of one thread that are under way, and what they may take in all. */
const mostUploads = 4;
const uploadBytes = 2 ** 26;

export function intoParts(
  target: PartsTarget,
  payload: Payload,
  { signal, report, leaves, control }: PartsContext,
): SegmentSink {
  const { front, runSegments, upload, share } = target;
  const room = roomOf(target, payload);
  const atOnce = uploadsAtOnce(room);
  // Of a pipe the last run is known when nothing follows it
  const lastRun =
    payload.segments === 0 ? undefined : Math.ceil(payload.segments / runSegments) - 1;
  const goesBack = (run: number) =>
    share === undefined && (lastRun === undefined || run === lastRun);
  const free: Uint8Array[] = [];
  const underWay = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  let filling: { readonly run: number; readonly bytes: Uint8Array; filled: number } | undefined;

  function begin(run: number) {
    const bytes = free.pop() ?? new Uint8Array(room);
    if (run === 0) bytes.set(front);
    return { run, bytes, filled: run === 0 ? front.length : 0 };
  }

  async function send({ run, bytes, filled }: NonNullable<typeof filling>): Promise<void> {
    while (underWay.size >= atOnce && failure === undefined) await Promise.race(underWay);
    if (failure !== undefined) throw failure.error;
    // Before the part is told of, so that whoever hears of it has its leaves
    leaves.flush();
    const sending = uploadPart(upload as UploadLocation, run + 1, bytes.subarray(0, filled), signal)
      .then((part) => {
        free.push(bytes);
        report({ run, part });
      })
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => underWay.delete(sending));
    underWay.add(sending);
  }

  return {
    async write(bytes, index) {
      const run = Math.min(Math.floor(index / runSegments), (share?.of ?? Infinity) - 1);
      if (filling !== undefined && filling.run !== run) {
        const full = filling;
        filling = undefined;
        await send(full);
      }
      if (failure !== undefined) throw failure.error;
      if (control.stopped) return false;
      filling ??= begin(run);
      filling.bytes.set(bytes, filling.filled);
      filling.filled += bytes.length;
      return true;
    },
    async finish() {
      if (control.stopped) return;
      if (filling !== undefined) {
        const { run, bytes, filled } = filling;
        if (goesBack(run)) report({ tail: bytes.slice(0, filled) });
        else await send(filling);
      }
      while (underWay.size > 0) await Promise.race(underWay);
      if (failure !== undefined) throw failure.error;
    },
    close() {},
  };
}
