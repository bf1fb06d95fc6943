/**
 * Work that goes on where an earlier attempt was broken off (docs/resume.md): what was written
 * lies beside the output under a name that is found again, and next to it a journal of what of it
 * is durable.
 *
 * The first line of the journal says what the work is, and is signed by whoever does it, so that
 * nobody else can begin one. The secret in it is sealed to them alone: the key of the MACs that
 * the other lines are, and of a new archive the file key.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  unlinkSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { z } from 'zod';
import { limits, payloadOffset } from '../../archive/core.ts';
import {
  type JournalTarget,
  macBytes,
  noMacs,
  type RunReport,
} from '../../archive/jobs/journal.ts';
import {
  base64,
  concat,
  fromBase64,
  randomSecret,
  secretCopy,
  text,
  utf8,
  wipe,
} from '../../bytes.ts';
import { floeHeaderBytes } from '../../crypto/floe.ts';
import { hpkeOpen, hpkeSeal } from '../../crypto/hpke.ts';
import { exists, syncDirectory } from '../../engine/files.ts';
import { isOwn, isPrivate, Journal } from '../../engine/journal.ts';
import { type Lock, takeLock } from '../../engine/lock.ts';
import { assertDirectoryFree, assertFileFree } from '../../engine/output.ts';
import { asStrongroomError, type ErrorCode, StrongroomError } from '../../errors.ts';
import { decodeJson, encodeJson } from '../../json.ts';
import type { Identity } from '../../keys/identity.ts';
import { schemas, signaturesVerify, signDocument, signingIds } from '../../keys/signed.ts';

/** What makes work the same, but for what is random: SHA-384 in hex. */
export interface Inputs {
  /** What is read. */
  readonly source: string;
  /** What is asked for. */
  readonly options: string;
}

export interface Work {
  readonly kind: 'seal' | 'open' | 'rekey';
  /** Path of what is to be. */
  readonly output: string;
  readonly isDirectory: boolean;
  readonly identity: Identity;
  readonly inputs: Inputs;
  readonly onNotice: (message: string) => void;
}

const digest = z.string().regex(/^[0-9a-f]{96}$/);

const headSchema = z.strictObject({
  signatures: schemas.signatures,
  signed: z.strictObject({
    /** Of the archive to be: all that comes before the first segment, in raw DEFLATE. */
    front: schemas.base64().optional(),
    /** Of what was written. */
    inode: z.string().regex(/^\d{1,20}$/),
    options: digest,
    runSegments: z.int().min(1),
    secret: z.strictObject({ enc: schemas.base64(), sealed: schemas.base64() }),
    source: digest,
    type: z.literal('strongroom/journal'),
    version: z.literal(1),
    work: z.enum(['seal', 'open', 'rekey']),
  }),
});
type Head = z.infer<typeof headSchema>['signed'];

const runSchema = z.strictObject({ mac: schemas.base64(macBytes), run: z.int().min(0) });
const maxRunBytes = 128;

const payloadType = 'application/vnd.strongroom.journal+json';
const secretInfo = utf8('strongroom/v1/journal');
const keyBytes = 32;
/** With the longest key ring there is: the rest of a slot is zeros, which DEFLATE makes little of. */
const maxHeadBytes = 2 ** 27;
const maxFrontBytes = payloadOffset({ slotBytes: limits.slotBytes.most }) + floeHeaderBytes;

/** What an earlier attempt left. */
interface Kept {
  readonly head: Head;
  readonly journal: Journal;
  /** The key of its MACs, then the file key of a new archive. */
  readonly secret: Uint8Array;
  readonly runs: readonly { readonly run: number; readonly mac: string }[];
}

/** What a new attempt begins with. */
export interface Start {
  readonly segments: number;
  /** Segments in a run; of an earlier attempt its own count. */
  readonly runSegments: number;
  /** Of a new archive. */
  readonly archive?: { readonly front: Uint8Array; readonly fileKey: Uint8Array };
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
  get begun(): { readonly front: Uint8Array; readonly fileKey: Uint8Array } | undefined {
    if (this.#kept?.head.front === undefined) return undefined;
    const { head, secret } = this.#kept;
    return {
      front: this.#inflated(head.front as string),
      fileKey: secretCopy(secret.subarray(keyBytes)),
    };
  }

  #inflated(front: string): Uint8Array {
    try {
      return inflateRawSync(fromBase64(front), { maxOutputLength: maxFrontBytes });
    } catch {
      throw this.#refuse('JOURNAL_INVALID', 'its journal is altered');
    }
  }

  /** Begins the journal, or goes on with it. */
  start({ segments, runSegments: usual, archive }: Start): JournalTarget {
    const kept = this.#kept;
    const runSegments = kept?.head.runSegments ?? usual;
    const macs = noMacs(segments, runSegments);
    if (kept === undefined) {
      const key = randomSecret(keyBytes);
      this.#key = key;
      this.#journal = Journal.create(this.#journalPath, this.#newHead(runSegments, key, archive));
    } else {
      this.#key = secretCopy(kept.secret.subarray(0, keyBytes));
      this.#journal = kept.journal;
      wipe(kept.secret);
      let found = 0;
      for (const { run, mac } of kept.runs) {
        if ((run + 1) * macBytes > macs.length) continue;
        macs.set(fromBase64(mac), run * macBytes);
        found++;
      }
      const { output, onNotice } = this.#work;
      const total = macs.length / macBytes;
      onNotice(`${output}: goes on, with ${Math.min(found, total)} of ${total} runs to check`);
    }
    return { key: this.#key, runSegments, segments, macs };
  }

  /** Makes known that a run is durable. */
  add({ run, mac }: RunReport): void {
    this.#lock.assertHeld();
    this.#journal?.append(text(encodeJson({ mac: base64(mac), run })));
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

  #newHead(runSegments: number, key: Uint8Array, archive: Start['archive']): string {
    const { identity, inputs, kind } = this.#work;
    const secret = concat(key, archive?.fileKey ?? new Uint8Array());
    const { card } = identity;
    const { enc, sealed } = hpkeSeal(card.suite, card.kem.publicKey, secretInfo, secret);
    wipe(secret);
    const signed: Head = {
      ...(archive === undefined ? {} : { front: base64(deflateRawSync(archive.front)) }),
      inode: inodeOf(this.stage),
      options: inputs.options,
      runSegments,
      secret: { enc: base64(enc), sealed: base64(sealed) },
      source: inputs.source,
      type: 'strongroom/journal',
      version: 1,
      work: kind,
    };
    return text(encodeJson(signDocument(payloadType, signed, identity)));
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
      const head = this.#readHead(lines[0] ?? '');
      const { isDirectory } = this.#work;
      const fits = isDirectory
        ? stage.isDirectory() && isPrivate(stage)
        : stage.isFile() && isOwn(stage);
      const isSame = inodeOf(this.stage) === head.inode && (isDirectory || stage.nlink === 1);
      if (!fits || !isSame) throw this.#refuse('JOURNAL_INVALID', 'is not what was written');
      chmodSync(this.stage, isDirectory ? 0o700 : 0o600);
      const runs = lines.slice(1).flatMap((line) => readRun(line) ?? []);
      return { head, journal, secret: this.#openSecret(head), runs };
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

  /** The first line, if it is of this work and of this identity. */
  #readHead(line: string): Head {
    const { identity, inputs, kind } = this.#work;
    const path = this.#journalPath;
    const document = (() => {
      try {
        const kind = { what: path, code: 'JOURNAL_INVALID', maxBytes: maxHeadBytes } as const;
        return decodeJson(utf8(line), headSchema, kind);
      } catch {
        throw this.#refuse('JOURNAL_INVALID', 'its journal is altered');
      }
    })();
    const { signatures, signed } = document;
    const own = signingIds(identity.card);
    if (!signatures.every(({ keyid }) => own.includes(keyid))) {
      throw this.#refuse('JOURNAL_MISMATCH', 'was begun by another identity');
    }
    if (!signaturesVerify(payloadType, encodeJson(signed), signatures, identity.card)) {
      throw this.#refuse('JOURNAL_INVALID', 'its journal is altered');
    }
    if (signed.work !== kind) throw this.#refuse('JOURNAL_MISMATCH', `was begun by ${signed.work}`);
    if (signed.source !== inputs.source) {
      if (kind !== 'seal') throw this.#refuse('JOURNAL_MISMATCH', 'was begun of another archive');
      throw this.#refuse('SOURCE_CHANGED', 'what it is sealed from has changed since');
    }
    if (signed.options !== inputs.options) {
      throw this.#refuse('JOURNAL_MISMATCH', `was begun with other ${wordsOf[kind]}`);
    }
    return signed;
  }

  #openSecret({ secret, front }: Head): Uint8Array {
    const { identity } = this.#work;
    const [enc, sealed] = [fromBase64(secret.enc), fromBase64(secret.sealed)];
    const opened = hpkeOpen(identity.card.suite, identity.kemSeed, enc, sealed, secretInfo);
    const expected = front === undefined ? keyBytes : 2 * keyBytes;
    if (opened?.length === expected) return opened;
    throw this.#refuse('JOURNAL_INVALID', 'its journal does not open');
  }

  #refuse(code: ErrorCode, what: string): StrongroomError {
    return new StrongroomError(code, `${this.stage}: ${what}`, {
      file: this.stage,
      hint: `to begin anew, remove ${this.stage} and ${this.#journalPath}`,
    });
  }
}

const wordsOf = {
  seal: 'recipients or options',
  rekey: 'recipients or options',
  open: 'choices of files',
} as const;

function readRun(line: string): { run: number; mac: string } | undefined {
  try {
    const kind = { what: 'run', code: 'JOURNAL_INVALID', maxBytes: maxRunBytes } as const;
    return decodeJson(utf8(line), runSchema, kind);
  } catch {
    return undefined;
  }
}

interface Places {
  readonly stage: string;
  readonly journal: string;
  readonly lock: string;
}

/** The longest name that is kept as it is. */
const maxName = 60;

/** Names that another run for the same output comes to as well. */
function placesOf(output: string): Places {
  const target = resolve(output);
  const name = basename(target);
  const short = createHash('sha256').update(name).digest('hex').slice(0, 16);
  const stem = name.length <= maxName ? name : `${name.slice(0, maxName - 17)}-${short}`;
  const stage = join(dirname(target), `.${stem}.resume`);
  return { stage, journal: `${stage}.journal`, lock: `${stage}.lock` };
}

/** Removes what a run left that was killed when its output just had its name. */
function removeLeftovers(output: string, { stage, journal }: Places): void {
  const made = lstatSync(output, { bigint: true, throwIfNoEntry: false });
  if (made === undefined) return;
  const left = lstatSync(stage, { bigint: true, throwIfNoEntry: false });
  if (left !== undefined && (left.ino !== made.ino || left.dev !== made.dev)) return;
  // Of a directory there is no second name; an empty one may be there before anything is opened
  if (made.isDirectory() && readdirSync(output).length === 0) return;
  if (left !== undefined) unlinkSync(stage);
  rmSync(journal, { force: true });
}

/**
 * Removes a stage that nothing was written to, such as one whose tree was made and whose journal
 * was not yet; false if any file in it has a byte.
 */
function removeEmpty(stage: string): boolean {
  const stat = lstatSync(stage);
  if (stat.isFile() && stat.size === 0) {
    unlinkSync(stage);
    return true;
  }
  if (!stat.isDirectory()) return false;
  const inside = readdirSync(stage, { withFileTypes: true, recursive: true });
  const isEmpty = inside.every(
    (entry) =>
      entry.isDirectory() ||
      (entry.isFile() && lstatSync(join(entry.parentPath, entry.name)).size === 0),
  );
  if (isEmpty) rmSync(stage, { recursive: true });
  return isEmpty;
}

const inodeOf = (path: string): string => String(lstatSync(path, { bigint: true }).ino);
