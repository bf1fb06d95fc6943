/**
 * A new archive in an object store. Its parts are made and sent by the threads; the last of the
 * segments and the trailer are sent from here. The object gets its name when all parts are
 * there, on the condition that nothing has it, and is then looked at as its readers will.
 */
import type { OutputReport, SealTarget } from '../../archive/jobs/target.ts';
import { concat } from '../../bytes.ts';
import { segmentCount, segmentOverhead } from '../../crypto/floe.ts';
import { type Lock, takeLock } from '../../engine/lock.ts';
import { nameOf, type S3Location } from '../../engine/remote/location.ts';
import {
  abortUpload,
  assertNameFree,
  beginUpload,
  completeUpload,
  listParts,
  objectCrc32,
  partLimits,
  putObject,
  type UploadedPart,
  type UploadLocation,
} from '../../engine/remote/multipart.ts';
import { sharedBytes } from '../../engine/shared.ts';
import { asStrongroomError, isStrongroomError, type StrongroomError } from '../../errors.ts';
import type { Identity } from '../../keys/identity.ts';
import type { Beginning } from './beginning.ts';
import type { ArchiveOutput, Begun } from './output.ts';
import { type KeptPart, type Upload, UploadState } from './state.ts';
import {
  assertWritten,
  type Expected,
  expectedOf,
  giveName,
  sendTail,
  usualPartBytes,
} from './upload.ts';

/** Of what comes through a pipe, and may be long. */
const pipePartBytes = 2 ** 26;
/** Of the most that there can be; the rest is for the trailer. */
const payloadParts = partLimits.most - 200;
/** For giving up an upload after everything else was stopped. */
const abortMs = 15_000;

export interface ObjectOptions {
  readonly at: S3Location;
  readonly overwrite: boolean;
  /** Keep the parts that are there, whatever it fails of. */
  readonly resume: boolean;
  readonly signal: AbortSignal;
  readonly signer: Identity;
  /** What is sealed for whom, so that only the same goes on; absent for a pipe. */
  readonly inputs: string | undefined;
  /** Told what became of an earlier upload. */
  readonly onNotice: (message: string) => void;
}

/** @throws StrongroomError OUTPUT_EXISTS, UPLOAD_BUSY; and of any request. */
export async function objectOutput(options: ObjectOptions): Promise<ArchiveOutput> {
  const { at, overwrite, signal, inputs } = options;
  if (!overwrite) await assertNameFree(at, signal);
  const output = new ObjectOutput(options);
  try {
    if (inputs !== undefined) await output.lookForEarlier(inputs);
  } catch (error) {
    output.release();
    throw error;
  }
  return output;
}

class ObjectOutput implements ArchiveOutput {
  readonly #options: ObjectOptions;
  readonly #name: string;
  readonly #state: UploadState | undefined;
  #lock: Lock | undefined;
  #kept: readonly KeptPart[] = [];
  #runSegments: number | undefined;
  #upload: UploadLocation | undefined;
  #begun: Begun | undefined;
  #front: Uint8Array = new Uint8Array();
  /** What the state file tells of, once it is begun. */
  #told: Upload | undefined;
  readonly #parts: UploadedPart[] = [];
  /** Behind the parts, and not sent yet. */
  #tail: Uint8Array[] = [];
  #footer: Uint8Array = new Uint8Array();
  #committed = false;

  constructor(options: ObjectOptions) {
    const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL = '' } = process.env;
    this.#options = options;
    this.#name = nameOf(options.at);
    const store = AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL;
    if (options.inputs !== undefined) this.#state = new UploadState(`${store}\n${this.#name}`);
  }

  get begun(): Begun | undefined {
    return this.#begun;
  }

  /** Takes up an upload of the same that was broken off, or gives up one of something else. */
  async lookForEarlier(inputs: string): Promise<void> {
    const { at, signal, signer, onNotice } = this.#options;
    const state = this.#state as UploadState;
    const locked = { path: this.#name, file: `${state.path}.lock`, busy: 'UPLOAD_BUSY' } as const;
    this.#lock = await takeLock({ ...locked, work: 'uploading to it' }, { patienceMs: 0 });
    this.#lock.keep();
    const found = await state.find(inputs, signer);
    if (found.kind === 'none') return;
    const id = found.kind === 'same' ? found.kept.id : found.id;
    const upload = id === undefined ? undefined : { bucket: at.bucket, key: at.key, id };
    const listed = upload === undefined ? undefined : await listParts(upload, signal);
    if (found.kind === 'same' && listed !== undefined) {
      const { kept } = found;
      this.#kept = kept.parts.filter(({ part }) => {
        const there = listed.get(part.number);
        return there?.bytes === part.bytes && there.etag === part.etag;
      });
      this.#upload = upload;
      this.#runSegments = kept.runSegments;
      const leaves = this.#kept.map(({ run, leaves: hashes }) => ({
        from: run * kept.runSegments,
        hashes,
      }));
      this.#begun = { beginning: kept.beginning, leaves };
      onNotice(`${this.#name}: goes on with an upload of which ${leaves.length} parts are there`);
      return;
    }
    if (found.kind === 'same') found.kept.beginning.wipe();
    if (upload !== undefined && listed !== undefined) {
      await abortUpload(upload, signal);
      onNotice(`${this.#name}: gave up an unfinished upload of something else`);
    }
    state.remove();
  }

  async start(beginning: Beginning, plaintextBytes: number | undefined): Promise<SealTarget> {
    const { at, signal, signer, inputs } = this.#options;
    const { core, front } = beginning;
    this.#front = front;
    const runSegments = this.#runSegments ?? segmentsInPart(core.segmentBytes, plaintextBytes);
    const segments =
      plaintextBytes === undefined
        ? Number.POSITIVE_INFINITY
        : segmentCount(plaintextBytes, core.segmentBytes);
    this.#runSegments = runSegments;
    const runs = Math.ceil(segments / runSegments);
    const done = sharedBytes(runs === Number.POSITIVE_INFINITY ? 0 : runs);
    for (const { run, part } of this.#kept) {
      done[run] = 1;
      this.#parts.push(part);
    }
    if (runs > 1) {
      this.#upload ??= await beginUpload(at, signal);
      const { id } = this.#upload;
      if (inputs !== undefined) {
        this.#told = { beginning, id, runSegments };
        this.#state?.write({ ...this.#told, signer, inputs }, this.#kept);
      }
    }
    return { kind: 'parts', upload: this.#upload, front, runSegments, done };
  }

  onPart(report: OutputReport, leaves: (from: number, to: number) => Uint8Array): void {
    if ('tail' in report) this.#tail.push(report.tail);
    if (!('part' in report)) return;
    this.#lock?.assertHeld();
    const { run, part } = report;
    this.#parts.push(part);
    const from = run * (this.#runSegments as number);
    const to = from + (this.#runSegments as number);
    if (this.#told !== undefined)
      this.#state?.add({ run, part, leaves: leaves(from, to) }, this.#told);
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#tail.push(bytes);
    this.#footer = bytes;
  }

  async commit(): Promise<void> {
    const { at, overwrite, signal } = this.#options;
    const tail = concat(...this.#tail);
    const parts = this.#parts.sort((a, b) => a.number - b.number);
    let expected: Expected;
    let give: () => Promise<void>;
    const upload = this.#upload;
    if (upload === undefined) {
      expected = { size: tail.length, crc32: objectCrc32(tail) };
      give = () => putObject(at, tail, overwrite, signal);
    } else {
      await sendTail(upload, parts, tail, signal);
      expected = expectedOf(parts);
      if (!overwrite) await assertNameFree(at, signal);
      give = () => completeUpload(upload, parts, overwrite, signal);
    }
    const written = { at, front: this.#front, footer: this.#footer, signal };
    await giveName(written, give);
    this.#committed = true;
    this.#state?.remove();
    this.release();
    await assertWritten(written, expected);
  }

  /** Lets other processes upload to the same object. */
  release(): void {
    this.#lock?.release();
  }

  async discard(reason: StrongroomError): Promise<void> {
    this.#begun?.beginning.wipe();
    try {
      await this.#giveUp(reason);
    } finally {
      this.release();
    }
  }

  async #giveUp(reason: StrongroomError): Promise<void> {
    const upload = this.#upload;
    if (upload === undefined || this.#committed) return;
    this.#upload = undefined;
    const { onNotice, resume } = this.#options;
    // What a network broke off is worth going on with
    if (this.#state !== undefined && (resume || isStrongroomError(reason, 'NETWORK'))) {
      onNotice(`${this.#name}: the parts that are there are kept; run it again to go on`);
      return;
    }
    try {
      await abortUpload(upload, AbortSignal.timeout(abortMs));
      this.#state?.remove();
    } catch (error) {
      const { message } = asStrongroomError(error);
      onNotice(`${message}: the upload could not be given up, and its parts are kept`);
    }
  }
}

/** Segments in a part, such that there are not too many parts. */
function segmentsInPart(segmentBytes: number, plaintextBytes: number | undefined): number {
  const wanted =
    plaintextBytes === undefined
      ? pipePartBytes
      : Math.max(usualPartBytes, plaintextBytes / payloadParts);
  return Math.ceil(wanted / (segmentBytes + segmentOverhead));
}
