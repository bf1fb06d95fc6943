/** How an upload ends: the last parts, the name, and a look at what has it. */
import { equal } from '../../bytes.ts';
import { using } from '../../engine/files.ts';
import { openSource } from '../../engine/locate.ts';
import { nameOf, type S3Location } from '../../engine/remote/location.ts';
import {
  compositeCrc32,
  headOf,
  partLimits,
  type UploadedPart,
  type UploadLocation,
  uploadPart,
} from '../../engine/remote/multipart.ts';
import { readExactly } from '../../engine/source.ts';
import { StrongroomError } from '../../errors.ts';

/** What a part holds as long as there are not too many of them. */
export const usualPartBytes = 2 ** 24;

/** Sends what comes behind `parts`, and adds its parts to them. */
export async function sendTail(
  upload: UploadLocation,
  parts: UploadedPart[],
  tail: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  for (let from = 0; from < tail.length; ) {
    const rest = tail.length - from;
    // Not so that a part follows that is too short to be one
    const length = rest < usualPartBytes + partLimits.leastBytes ? rest : usualPartBytes;
    const bytes = tail.subarray(from, from + length);
    parts.push(await uploadPart(upload, (parts.at(-1)?.number ?? 0) + 1, bytes, signal));
    from += length;
  }
}

/** What the store should say of an object. */
export interface Expected {
  readonly size: number;
  readonly crc32: string;
}

export const expectedOf = (parts: readonly UploadedPart[]): Expected => ({
  size: parts.reduce((sum, { bytes }) => sum + bytes, 0),
  crc32: compositeCrc32(parts),
});

/** An archive in a store, as it was written. */
export interface Written {
  readonly at: S3Location;
  /** It begins and ends with these. */
  readonly front: Uint8Array;
  readonly footer: Uint8Array;
  readonly signal: AbortSignal;
}

/** Gives an object its name, by a request whose answer may be lost. */
export async function giveName(written: Written, give: () => Promise<void>): Promise<void> {
  try {
    await give();
  } catch (error) {
    // Of an answer that was lost nobody knows but the object
    if (!(await isOurs(written))) throw error;
  }
}

/** Whether the object is this archive: its id is in the front. */
async function isOurs(written: Written): Promise<boolean> {
  try {
    return equal(await readBack(written, 0, written.front.length), written.front);
  } catch {
    return false;
  }
}

const readBack = ({ at, signal }: Written, offset: number, length: number): Promise<Uint8Array> =>
  using(openSource(at, signal), (source) =>
    readExactly(source, offset < 0 ? source.size + offset : offset, length),
  );

/**
 * Size, checksum where the store has one, front and footer as they should be.
 * @throws StrongroomError UPLOAD_INVALID.
 */
export async function assertWritten(written: Written, expected: Expected): Promise<void> {
  const { at, footer, signal } = written;
  const name = nameOf(at);
  const wrong = (what: string) =>
    new StrongroomError('UPLOAD_INVALID', `${name}: ${what}`, { file: name });
  const head = await headOf(at, signal);
  if (head === undefined) throw wrong('is not there after it was written');
  if (head.size !== expected.size) {
    throw wrong(`has ${head.size} bytes after ${expected.size} were written`);
  }
  const comparable = head.crc32?.includes('-') === expected.crc32.includes('-');
  if (head.crc32 !== undefined && comparable && head.crc32 !== expected.crc32) {
    throw wrong('has another checksum than what was written');
  }
  const ends =
    (await isOurs(written)) &&
    equal(await readBack(written, -footer.length, footer.length), footer);
  if (!ends) throw wrong('does not begin and end with what was written');
}
