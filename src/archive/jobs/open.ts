/** Opens segments: verify, decrypt, and put what they hold into files or onto standard output. */
import { createThreadCipher, type SegmentKeys } from '../../crypto/floe.ts';
import { treeHashes } from '../../crypto/hash.ts';
import type { Control } from '../../engine/control.ts';
import { using } from '../../engine/files.ts';
import { openSource } from '../../engine/locate.ts';
import type { SourceLocation } from '../../engine/source.ts';
import type { TreeLocation } from '../../engine/tree.ts';
import { isFinal, type Payload, plaintextBytes, SegmentReader } from '../segments.ts';
import { type Claim, claimFrom, SegmentStream } from '../stream.ts';
import { type JournalTarget, RunJournal, type RunReport } from './journal.ts';
import { type Extents, type FilesSink, inOrder, intoFiles } from './sinks.ts';

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
  /** Of what is written to files. */
  readonly journal?: JournalTarget | undefined;
}

export async function openSegments(
  job: OpenJob,
  control: Control,
  report: (report: RunReport) => void,
  signal: AbortSignal,
): Promise<void> {
  const { payload, extents, wanted } = job;
  const cipher = createThreadCipher(job.floe);
  const files = extents && intoFiles(extents, payload, control);
  const sink = files ?? inOrder(control);
  const journal = job.journal && files && new OpenJournal(job, job.journal, files, control, report);
  try {
    await using(openSource(job.source, signal), (source) =>
      using(sink, async () => {
        const reader = await SegmentReader.open(source, payload, job.tree);
        // Each thread to files of its own, if it can be
        const isApart = extents !== undefined && source.ahead === undefined;
        const ways = isApart ? control.threads : 1;
        const claim = journal?.claim ?? claimFrom(control, payload.segments, wanted, ways);
        await using(new SegmentStream(reader, claim), async (stream) => {
          for (let next = await stream.next(); next !== undefined; next = await stream.next()) {
            const { index, segment } = next;
            // Decrypted where it was read to: one buffer stays in a core's cache, two do not.
            const length = cipher.decrypt(segment, index, isFinal(payload, index), segment);
            const plaintext = segment.subarray(0, length);
            if (!sink.write(plaintext, index)) break;
            journal?.add(plaintext, index);
            control.report(length);
          }
        });
      }),
    );
  } finally {
    journal?.wipe();
    cipher.wipe();
  }
}

/** One thread's part in the journal of an opening: its digests are of what files hold. */
class OpenJournal {
  readonly #runs: RunJournal;
  readonly #files: FilesSink;
  readonly #buffer: Uint8Array;
  readonly #digest: (bytes: Uint8Array) => Uint8Array;
  /** Places that are claimed, and not written yet. */
  readonly #claimed: number[] = [];
  readonly claim: Claim;

  constructor(
    { payload, wanted }: OpenJob,
    target: JournalTarget,
    files: FilesSink,
    control: Control,
    report: (report: RunReport) => void,
  ) {
    const indexAt = (place: number) => wanted?.[place] ?? place;
    this.#files = files;
    this.#buffer = new Uint8Array(payload.segmentBytes);
    this.#digest = treeHashes[payload.hash].digest;
    const digest = (place: number) => {
      const index = indexAt(place);
      const found = files.read(this.#buffer, plaintextBytes(payload, index), index);
      return found && this.#digest(found);
    };
    this.#runs = new RunJournal(target, control, { digest, sync: () => files.sync() }, report);
    const claim = this.#runs.claim(payload.segmentBytes);
    this.claim = (most) => {
      const places = claim(most);
      this.#claimed.push(...places);
      return places.map(indexAt);
    };
  }

  add(plaintext: Uint8Array, index: number): void {
    const place = this.#claimed.shift() as number;
    this.#runs.add(place, this.#digest(this.#files.gather(plaintext, index)));
  }

  wipe(): void {
    this.#buffer.fill(0);
    this.#runs.wipe();
  }
}
