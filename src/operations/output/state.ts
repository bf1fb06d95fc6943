/**
 * How far an upload came, in a file of the user's, so that one that was killed goes on where
 * it was. The first line tells what the archive begins with; every other one a part that is in
 * the store, with the leaf hashes of its segments and a MAC: a line that is altered counts as none.
 *
 * The file key is in it only as sealed to the author: as a key ring with one recipient, which
 * also proves, by its MAC and signature, that the file is the author's own.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { decodeCore } from '../../archive/core.ts';
import {
  createKeyring,
  decodeKeyring,
  trustKeyring,
  unlockKeyring,
} from '../../archive/keyring.ts';
import { base64, equal, fromBase64, hex, utf8, wipe } from '../../bytes.ts';
import { deriveKey, hmacSha384 } from '../../crypto/kdf.ts';
import { stateDirectory } from '../../custody/epochs/memory.ts';
import { noFollow, quietly, removeFile } from '../../engine/files.ts';
import type { UploadedPart } from '../../engine/remote/multipart.ts';
import { isStrongroomError } from '../../errors.ts';
import { encodeJson } from '../../json.ts';
import type { Identity } from '../../keys/identity.ts';
import { trustCards } from '../../keys/policy.ts';
import { schemas } from '../../keys/signed.ts';
import { type Beginning, continueArchive } from './beginning.ts';

const headSchema = z.strictObject({
  front: z.base64(),
  /** What is sealed, for whom, by whom: hex. */
  inputs: z.string().regex(/^[0-9a-f]{96}$/),
  ring: z.base64(),
  runSegments: z.int().min(1),
  type: z.literal('strongroom/upload'),
  upload: z.string().min(1).max(2048),
  version: z.literal(1),
});

const macBytes = 48;

const partSchema = z.strictObject({
  bytes: z.int().min(1),
  crc32: z.base64(),
  etag: z.string().min(1).max(1024),
  leaves: z.base64(),
  mac: schemas.base64(macBytes),
  run: z.int().min(0),
});

/** A link in its place would lead to a file of somebody else's choice. */
const appending = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | noFollow;

/** A part as the file keeps it. */
export interface KeptPart {
  readonly run: number;
  readonly part: UploadedPart;
  readonly leaves: Uint8Array;
}

export interface KeptUpload {
  readonly beginning: Beginning;
  readonly id: string;
  readonly runSegments: number;
  readonly parts: readonly KeptPart[];
}

/** What the lines of parts are bound to. */
export type Upload = Pick<KeptUpload, 'beginning' | 'id' | 'runSegments'>;

export interface NewUpload extends Upload {
  readonly signer: Identity;
  readonly inputs: string;
}

/** What the file holds, as far as it can be told without a key. */
export type Found =
  | { readonly kind: 'none' }
  /** Of other files, recipients or options, or not readable. */
  | { readonly kind: 'other'; readonly id: string | undefined }
  | { readonly kind: 'same'; readonly kept: KeptUpload };

export class UploadState {
  readonly path: string;

  /** @param target names the object, store included. */
  constructor(target: string, directory = join(stateDirectory(), 'uploads')) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const name = createHash('sha256').update(utf8(target)).digest('hex').slice(0, 32);
    this.path = join(directory, `${name}.upload`);
  }

  async find(inputs: string, signer: Identity): Promise<Found> {
    const lines = this.#lines();
    if (lines === undefined) return { kind: 'none' };
    const head = parse(headSchema, lines[0]);
    if (head === undefined) return { kind: 'other', id: undefined };
    const { upload: id, runSegments } = head;
    const beginning = head.inputs === inputs ? await reopen(head, signer, this.path) : undefined;
    if (beginning === undefined) return { kind: 'other', id };
    const upload = { beginning, id, runSegments };
    const parts = lines.slice(1).flatMap((line) => partOf(line, upload) ?? []);
    return { kind: 'same', kept: { ...upload, parts } };
  }

  #lines(): string[] | undefined {
    try {
      // What is no text in it, after a power cut, makes a line that counts as none
      return readFileSync(this.path, 'utf8').split('\n');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Begins the file anew, with the parts that are known. */
  write(upload: NewUpload, parts: readonly KeptPart[] = []): void {
    const { beginning, signer, id, runSegments, inputs } = upload;
    const { core, keys, fileKey, front } = beginning;
    const own = { core, keys, fileKey, signer, recipients: [signer.card], hideRecipients: false };
    const head: z.infer<typeof headSchema> = {
      front: base64(front),
      inputs,
      ring: base64(createKeyring(own).bytes),
      runSegments,
      type: 'strongroom/upload',
      upload: id,
      version: 1,
    };
    const lines = parts.map((part) => lineOf(part, upload));
    const temporary = `${this.path}.${randomBytes(6).toString('hex')}.partial`;
    const fd = openSync(temporary, 'wx', 0o600);
    try {
      try {
        writeFileSync(fd, [JSON.stringify(head), ...lines, ''].join('\n'));
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(temporary, this.path);
    } catch (error) {
      quietly(() => removeFile(temporary));
      throw error;
    }
  }

  /** Not made durable each time: a part whose line is lost is only sent once more. */
  add(part: KeptPart, upload: Upload): void {
    const fd = openSync(this.path, appending, 0o600);
    try {
      writeFileSync(fd, `${lineOf(part, upload)}\n`);
    } finally {
      closeSync(fd);
    }
  }

  remove(): void {
    removeFile(this.path);
  }
}

function lineOf({ run, part, leaves }: KeptPart, upload: Upload): string {
  const { number: _, ...rest } = part;
  const told = { ...rest, run, leaves: base64(leaves) };
  return JSON.stringify({ ...told, mac: base64(macOf(told, upload)) });
}

function partOf(line: string, upload: Upload): KeptPart | undefined {
  const found = parse(partSchema, line);
  if (found === undefined) return undefined;
  const { mac, ...told } = found;
  if (!equal(macOf(told, upload), fromBase64(mac))) return undefined;
  const { run, leaves, ...rest } = told;
  return { run, part: { number: run + 1, ...rest }, leaves: fromBase64(leaves) };
}

/** By whoever has the file key, over all that a line tells, and which upload it is of. */
function macOf(
  told: Omit<z.infer<typeof partSchema>, 'mac'>,
  { beginning: { core, fileKey }, id, runSegments }: Upload,
): Uint8Array {
  const key = deriveKey(fileKey, core.archiveId, core.hash, 'upload', macBytes);
  try {
    return hmacSha384(key, encodeJson({ ...told, runSegments, upload: id }));
  } finally {
    wipe(key);
  }
}

/** A line that a kill or a power cut left broken counts as none. */
function parse<T>(schema: z.ZodType<T>, line: string | undefined): T | undefined {
  try {
    return schema.safeParse(JSON.parse(line ?? '')).data;
  } catch {
    return undefined;
  }
}

/** The beginning, if the signer can open it and wrote it. */
async function reopen(
  { front: encoded, ring: own }: z.infer<typeof headSchema>,
  signer: Identity,
  name: string,
): Promise<Beginning | undefined> {
  try {
    const front = fromBase64(encoded);
    const core = decodeCore(front.subarray(0, 4096), name);
    const ring = decodeKeyring(fromBase64(own), core, name);
    const { fileKey, keys } = await unlockKeyring(ring, core, signer, name);
    trustKeyring(ring, core, trustCards([signer.card]), name);
    return continueArchive({ core, fileKey, keys }, front, name);
  } catch (error) {
    if (isStrongroomError(error)) return undefined;
    throw error;
  }
}

/** One name for all that makes two runs of `seal` the same. */
export function inputsDigest(parts: readonly (Uint8Array | string)[]): string {
  const hash = createHash('sha384');
  for (const part of parts) {
    const bytes = typeof part === 'string' ? utf8(part) : part;
    hash.update(`${bytes.length}:`).update(bytes);
  }
  return hex(hash.digest());
}
