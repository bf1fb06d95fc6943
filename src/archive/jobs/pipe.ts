/**
 * Sealing from and opening from a pipe: one thread reads in order and does the whole job,
 * following the tar as it passes.
 */
import { closeSync, constants, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { viewOf } from '../../bytes.ts';
import { createThreadCipher, type FloeState, segmentOverhead } from '../../crypto/floe.ts';
import { type TreeHash, treeHashes } from '../../crypto/hash.ts';
import type { Control } from '../../engine/control.ts';
import { readPipe, standard, using, writePipe } from '../../engine/files.ts';
import { asStrongroomError, StrongroomError } from '../../errors.ts';
import { type FileDigests, PassingDigests, type Sharding } from '../digests.ts';
import { type Entry, extractedMode } from '../entry.ts';
import { LeafBuffer, type Payload } from '../segments.ts';
import { parents, pathFilter } from '../select.ts';
import { TarFollower } from '../tar/follow.ts';
import { LeafReporter } from './leaves.ts';
import { type SealJobReport, type SealTarget, sealSink } from './target.ts';

export const pipeName = 'standard input';

/** What a pipe turned out to hold. */
export interface PipeReport {
  readonly entries: readonly Entry[];
  /** Bytes of plaintext. */
  readonly length: number;
  readonly segments: number;
  /** Of its files, if they were asked for. */
  readonly digests?: FileDigests;
}

export type PipeJobReport = SealJobReport | PipeReport;

/** The place and shape of a payload whose length is not known yet. */
export type OpenEndedPayload = Pick<Payload, 'hash' | 'at' | 'segmentBytes'>;

export interface SealPipeJob {
  readonly kind: 'seal-pipe';
  readonly payload: OpenEndedPayload;
  readonly floe: FloeState;
  readonly output: SealTarget;
  /** How to hash files with SHA-256; not at all when absent. */
  readonly digests: Sharding | undefined;
}

/** Seals a tar from standard input, byte for byte. */
export async function sealPipe(
  job: SealPipeJob,
  control: Control,
  report: (report: PipeJobReport) => void,
  signal: AbortSignal,
): Promise<void> {
  const { segmentBytes, hash } = job.payload;
  const cipher = createThreadCipher(job.floe);
  const leaf = new LeafBuffer(segmentBytes, treeHashes[hash]);
  const leaves = new LeafReporter(report);
  const digests = job.digests && new PassingDigests(job.digests);
  const follower = new TarFollower(digests);
  // A segment is final if nothing follows it, so one is always read ahead.
  let current = new Uint8Array(segmentBytes);
  let ahead = new Uint8Array(segmentBytes);
  const payload = { ...job.payload, length: 0, segments: 0 };
  const sink = sealSink(job.output, payload, { control, signal, report, leaves });
  try {
    await using(sink, async () => {
      let filled = readInput(current);
      if (filled === 0) throw emptyPipe();
      let length = 0;
      for (let index = 0; !control.stopped; index++) {
        const next = filled < segmentBytes ? 0 : readInput(ahead);
        // The read may have waited until long after.
        if (control.stopped) return;
        const plain = current.subarray(0, filled);
        follower.push(plain);
        const written = cipher.encrypt(plain, index, next === 0, leaf.segment);
        leaves.add(index, leaf.digest(index, written));
        await sink.write(leaf.segment.subarray(0, written), index);
        control.report(filled);
        length += filled;
        if (next === 0) {
          follower.end();
          await sink.finish?.();
          leaves.flush();
          const held = { entries: follower.entries, length, segments: index + 1 };
          report(digests === undefined ? held : { ...held, digests: digests.files });
          return;
        }
        [current, ahead, filled] = [ahead, current, next];
      }
    });
  } finally {
    current.fill(0);
    ahead.fill(0);
    cipher.wipe();
  }
}

function readInput(into: Uint8Array): number {
  try {
    return readPipe(standard.input, into);
  } catch (error) {
    throw asStrongroomError(error, pipeName);
  }
}

/** No program writes a tar of no bytes: one that failed does. */
const emptyPipe = (): StrongroomError =>
  new StrongroomError('TAR_INVALID', `${pipeName}: empty, and not a tar`, {
    file: pipeName,
    hint: 'see whether the command before the pipe failed',
  });

export interface OpenPipeJob {
  readonly kind: 'open-pipe';
  readonly payload: OpenEndedPayload;
  readonly floe: FloeState;
  /** A directory that nothing looks into before the seal was verified. */
  readonly directory: string;
  /** Globs: what to keep; all when absent. */
  readonly only: readonly string[] | undefined;
}

/** Opens segments from standard input into a staging directory; nothing of it is trusted yet. */
export async function openPipe(
  job: OpenPipeJob,
  control: Control,
  report: (report: PipeJobReport) => void,
): Promise<void> {
  const { segmentBytes, hash } = job.payload;
  const cipher = createThreadCipher(job.floe);
  const plaintext = new Uint8Array(segmentBytes);
  const leaves = new LeafReporter(report);
  try {
    await using(new Stage(job.directory, pathFilter(job.only)), (stage) => {
      const follower = new TarFollower(stage);
      const reader = new PipeSegments(segmentBytes, hash);
      for (let index = 0; !control.stopped; index++) {
        const { segment, final, leaf } = reader.next(index);
        // The read may have waited until after the stage was removed.
        if (control.stopped) return;
        const length = cipher.decrypt(segment, index, final, plaintext);
        leaves.add(index, leaf);
        follower.push(plaintext.subarray(0, length));
        control.report(length);
        if (final) {
          follower.end();
          leaves.flush();
          report({
            entries: follower.entries,
            length: index * segmentBytes + length,
            segments: index + 1,
          });
          return;
        }
      }
    });
  } finally {
    plaintext.fill(0);
    cipher.wipe();
  }
}

/** Ciphertext segments one after the other; the last one is known by its length field. */
class PipeSegments {
  readonly #buffer: LeafBuffer;
  readonly #full: number;

  constructor(segmentBytes: number, hash: TreeHash['name']) {
    this.#full = segmentBytes + segmentOverhead;
    this.#buffer = new LeafBuffer(segmentBytes, treeHashes[hash]);
  }

  next(index: number): { segment: Uint8Array; final: boolean; leaf: Uint8Array } {
    const { segment } = this.#buffer;
    this.#fill(segment.subarray(0, 4), index);
    const stated = viewOf(segment).getUint32(0);
    const final = stated !== 0xffffffff;
    const length = final ? stated : this.#full;
    if (length < segmentOverhead || length > this.#full) {
      throw new StrongroomError(
        'SEGMENT_INVALID',
        `${pipeName}: segment ${index} states a length that is not allowed`,
        { file: pipeName, segment: index },
      );
    }
    this.#fill(segment.subarray(4, length), index);
    return {
      segment: segment.subarray(0, length),
      final,
      leaf: this.#buffer.digest(index, length),
    };
  }

  #fill(into: Uint8Array, index: number): void {
    if (readInput(into) === into.length) return;
    throw new StrongroomError('TRUNCATED', `${pipeName}: ends within segment ${index}`, {
      file: pipeName,
      segment: index,
    });
  }
}

/** Puts the members of a tar into a directory as they pass. */
class Stage {
  readonly #directory: string;
  readonly #selects: (path: string) => boolean;
  readonly #made = new Set<string>();
  #fd: number | undefined;

  constructor(directory: string, selects: (path: string) => boolean) {
    this.#directory = directory;
    this.#selects = selects;
  }

  entry(entry: Entry): void {
    this.close();
    if (!this.#selects(entry.path)) return;
    const path = join(this.#directory, entry.path);
    if (entry.type === 'directory') {
      this.#ensure(entry.path);
      return;
    }
    this.#ensure(dirname(entry.path));
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
    this.#fd = openSync(path, flags, extractedMode(entry));
  }

  /** Makes a directory and those above it, but never the stage itself: it may be gone for good. */
  #ensure(directory: string): void {
    const missing = [directory, ...parents(directory)].filter((path) => !this.#made.has(path));
    for (const path of missing.reverse()) {
      if (path !== '.') mkdirSync(join(this.#directory, path));
      this.#made.add(path);
    }
  }

  data(bytes: Uint8Array): void {
    if (this.#fd !== undefined) writePipe(this.#fd, bytes);
  }

  close(): void {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}
