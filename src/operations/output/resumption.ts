/**
 * Work that goes on where an earlier attempt was broken off (docs/resume.md): what was written
 * lies beside the output under a name that is found again, and next to it a journal of what of it
 * is durable.
 */
import { chmodSync, closeSync, lstatSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  type JournalTarget,
  macBytes,
  noMacs,
  type RunReport,
} from '../../archive/jobs/journal.ts';
import { randomSecret, secretCopy, wipe } from '../../bytes.ts';
import { exists, syncDirectory } from '../../engine/files.ts';
import { isOwn, isPrivate, Journal } from '../../engine/journal.ts';
import { type Lock, takeLock } from '../../engine/lock.ts';
import { assertDirectoryFree, assertFileFree } from '../../engine/output.ts';
import { asStrongroomError, StrongroomError } from '../../errors.ts';
import {
  type BegunArchive,
  decodeHead,
  decodeRun,
  encodeHead,
  encodeRun,
  type Head,
  inflateFront,
  keyBytes,
  openSecret,
  type Refuse,
  type Work,
} from './head.ts';
import { inodeOf, type Places, placesOf, removeEmpty, removeLeftovers } from './places.ts';

/** What an earlier attempt left. */
interface Kept {
  readonly head: Head;
  readonly journal: Journal;
  /** The key of its MACs, then the file key of a new archive. */
  readonly secret: Uint8Array;
  readonly runs: readonly RunReport[];
}

/** What a new attempt begins with. */
export interface Start {
  readonly segments: number;
  /** Segments in a run; of an earlier attempt its own count. */
  readonly runSegments: number;
  readonly archive?: BegunArchive;
}

export class Resumption {
  readonly #work: Work;
  readonly #lock: Lock;
  readonly #journalPath: string;
  /** Where it is written. */
  readonly stage: string;
  #kept: Kept | undefined;
  #journal: Journal | undefined;
  #key: Uint8Array | undefined;

  private constructor(work: Work, lock: Lock, { stage, journal }: Places) {
    this.#work = work;
    this.#lock = lock;
    this.stage = stage;
    this.#journalPath = journal;
  }

  /**
   * Takes up what an earlier attempt at the same work left, if there is anything.
   * @throws StrongroomError OUTPUT_EXISTS, RESUME_BUSY, JOURNAL_INVALID, JOURNAL_MISMATCH, SOURCE_CHANGED.
   */
  static async take(work: Work): Promise<Resumption> {
    const places = placesOf(work.output);
    const locked = { path: work.output, file: places.lock, busy: 'RESUME_BUSY' } as const;
    const lock = await takeLock({ ...locked, work: 'writing it' }, { patienceMs: 0 });
    try {
      const resumption = new Resumption(work, lock, places);
      removeLeftovers(work.output, places);
      if (work.isDirectory) assertDirectoryFree(work.output);
      else assertFileFree(work.output);
      resumption.#kept = resumption.#find();
      lock.keep();
      return resumption;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** The front and the file key of the archive that an earlier attempt began; the caller wipes it. */
  get begun(): BegunArchive | undefined {
    const front = this.#kept?.head.front;
    if (this.#kept === undefined || front === undefined) return undefined;
    return {
      front: inflateFront(front, this.#refuse),
      fileKey: secretCopy(this.#kept.secret.subarray(keyBytes)),
    };
  }

  /** Begins the journal, or goes on with it. */
  start({ segments, runSegments: usual, archive }: Start): JournalTarget {
    const kept = this.#kept;
    const runSegments = kept?.head.runSegments ?? usual;
    const macs = noMacs(segments, runSegments);
    if (kept === undefined) {
      const key = randomSecret(keyBytes);
      this.#key = key;
      const begun = { inode: inodeOf(this.stage), runSegments };
      const head = encodeHead(this.#work, key, begun, archive);
      this.#journal = Journal.create(this.#journalPath, head);
    } else {
      this.#key = secretCopy(kept.secret.subarray(0, keyBytes));
      this.#journal = kept.journal;
      wipe(kept.secret);
      let found = 0;
      for (const { run, mac } of kept.runs) {
        if ((run + 1) * macBytes > macs.length) continue;
        macs.set(mac, run * macBytes);
        found++;
      }
      const { output, onNotice } = this.#work;
      const total = macs.length / macBytes;
      onNotice(`${output}: goes on, with ${Math.min(found, total)} of ${total} runs to check`);
    }
    return { key: this.#key, runSegments, segments, macs };
  }

  /** Makes known that a run is durable. */
  add(report: RunReport): void {
    this.#lock.assertHeld();
    this.#journal?.append(encodeRun(report));
  }

  /** @throws StrongroomError RESUME_BUSY if another took over. */
  assertHeld(): void {
    this.#lock.assertHeld();
  }

  /** After the output has its name. */
  finish(): void {
    this.#close();
    rmSync(this.#journalPath, { force: true });
    this.#lock.release();
  }

  /** Stops, and keeps what is there for a later attempt, unless `reason` says that it is of no use. */
  stop(reason: StrongroomError): void {
    this.#close();
    const { output, onNotice, isDirectory } = this.#work;
    if (reason.code === 'SOURCE_CHANGED' && !isDirectory) {
      rmSync(this.stage, { force: true });
      rmSync(this.#journalPath, { force: true });
    } else if (exists(this.#journalPath)) {
      onNotice(`${output}: what was done is kept: run the same again with --resume to go on`);
    }
    this.#lock.release();
  }

  /** Leaves all as it was found. */
  abandon(): void {
    this.#close();
    this.#lock.release();
  }

  #close(): void {
    if (this.#key !== undefined) wipe(this.#key);
    if (this.#kept !== undefined) wipe(this.#kept.secret);
    (this.#journal ?? this.#kept?.journal)?.close();
    this.#journal = undefined;
    this.#kept = undefined;
  }

  /** What is there, once nothing of it is doubtful but whether the runs are as the journal says. */
  #find(): Kept | undefined {
    const stage = lstatSync(this.stage, { throwIfNoEntry: false });
    // A journal of what is not there any more is replaced by the next
    if (stage === undefined) return this.#makeStage();
    const found = Journal.reopen(this.#journalPath);
    if (found === undefined) {
      if (!removeEmpty(this.stage)) throw this.#refuse('JOURNAL_MISMATCH', 'has no journal');
      return this.#makeStage();
    }
    const { journal, lines } = found;
    try {
      const head = decodeHead(lines[0] ?? '', this.#work, this.#refuse);
      const { identity, isDirectory } = this.#work;
      const fits = isDirectory
        ? stage.isDirectory() && isPrivate(stage)
        : stage.isFile() && isOwn(stage);
      const isSame = inodeOf(this.stage) === head.inode && (isDirectory || stage.nlink === 1);
      if (!fits || !isSame) throw this.#refuse('JOURNAL_INVALID', 'is not what was written');
      chmodSync(this.stage, isDirectory ? 0o700 : 0o600);
      const runs = lines.slice(1).flatMap((line) => decodeRun(line) ?? []);
      return { head, journal, secret: openSecret(head, identity, this.#refuse), runs };
    } catch (error) {
      journal.close();
      throw error;
    }
  }

  #makeStage(): undefined {
    const { output, isDirectory } = this.#work;
    try {
      if (isDirectory) mkdirSync(this.stage, { mode: 0o700 });
      else closeSync(openSync(this.stage, 'wx', 0o600));
    } catch (error) {
      throw asStrongroomError(error, output);
    }
    syncDirectory(dirname(this.stage));
  }

  readonly #refuse: Refuse = (code, what) =>
    new StrongroomError(code, `${this.stage}: ${what}`, {
      file: this.stage,
      hint: `to begin anew, remove ${this.stage} and ${this.#journalPath}`,
    });
}
