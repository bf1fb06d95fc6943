/**
 * Writing objects to S3 and its kin (Amazon S3 API reference: PutObject, CreateMultipartUpload,
 * UploadPart, ListParts, CompleteMultipartUpload, AbortMultipartUpload).
 *
 * Every part carries its CRC-32, which the store checks: against mishaps on the way. Against
 * anybody's intent there is the seal.
 */
import { crc32 } from 'node:zlib';
import { concat, fromBase64 } from '../../bytes.ts';
import { isStrongroomError, StrongroomError } from '../../errors.ts';
import { nameOf, type S3Location } from './location.ts';
import { ask } from './s3request.ts';

/** An upload that has begun; plain data, so that threads can be given it. */
export interface UploadLocation {
  readonly bucket: string;
  readonly key: string;
  readonly id: string;
}

export interface UploadedPart {
  readonly number: number;
  readonly etag: string;
  /** Base64, of the CRC-32 in big-endian. */
  readonly crc32: string;
  readonly bytes: number;
}

/** What the store allows: parts of an upload, least bytes of every part but the last, and most. */
export const partLimits = {
  most: 10_000,
  leastBytes: 5 * 2 ** 20,
  mostBytes: 5 * 2 ** 30,
} as const;

const crc32Of = (bytes: Uint8Array): string => {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return sum.toString('base64');
};

export async function beginUpload(at: S3Location, signal: AbortSignal): Promise<UploadLocation> {
  const { bucket, key } = at;
  const { UploadId: id } = await ask(nameOf(at), signal, ({ client, sdk }, options) =>
    client.send(
      new sdk.CreateMultipartUploadCommand({
        Bucket: bucket,
        Key: key,
        ChecksumAlgorithm: 'CRC32',
        ContentType: 'application/octet-stream',
      }),
      options,
    ),
  );
  if (id !== undefined) return { bucket, key, id };
  throw new StrongroomError('REMOTE_FAILED', `${nameOf(at)}: the store begins no upload`);
}

const nameOfUpload = ({ bucket, key }: UploadLocation) => nameOf({ kind: 's3', bucket, key });
const idOf = ({ bucket, key, id }: UploadLocation) => ({ Bucket: bucket, Key: key, UploadId: id });

/** @param number from 1. A part of that number that is there already is replaced. */
export async function uploadPart(
  upload: UploadLocation,
  number: number,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<UploadedPart> {
  const name = nameOfUpload(upload);
  const sum = crc32Of(bytes);
  const { ETag: etag } = await ask(name, signal, ({ client, sdk }, options) =>
    client.send(
      new sdk.UploadPartCommand({
        ...idOf(upload),
        PartNumber: number,
        Body: bytes,
        ContentLength: bytes.length,
        ChecksumCRC32: sum,
      }),
      options,
    ),
  );
  if (etag !== undefined) return { number, etag, crc32: sum, bytes: bytes.length };
  throw new StrongroomError('REMOTE_FAILED', `${name}: the store gives a part no tag`);
}

/** A part as the store tells of it. */
export interface ListedPart {
  readonly etag: string;
  readonly bytes: number;
  /** Not every store tells it. */
  readonly crc32: string | undefined;
}

/**
 * The parts that are in the store, by number; `undefined` when the upload is not there.
 * @param span the numbers that are of interest: all of them are, when it is absent.
 */
export async function listParts(
  upload: UploadLocation,
  signal: AbortSignal,
  span?: { readonly from: number; readonly to: number },
): Promise<Map<number, ListedPart> | undefined> {
  const parts = new Map<number, ListedPart>();
  let marker = span && String(span.from - 1);
  do {
    const PartNumberMarker = marker;
    try {
      const page = await ask(nameOfUpload(upload), signal, ({ client, sdk }, options) =>
        client.send(new sdk.ListPartsCommand({ ...idOf(upload), PartNumberMarker }), options),
      );
      for (const { PartNumber = 0, ETag = '', Size = -1, ChecksumCRC32: crc32 } of page.Parts ??
        []) {
        parts.set(PartNumber, { etag: ETag, bytes: Size, crc32 });
      }
      const next = page.IsTruncated ? page.NextPartNumberMarker : undefined;
      const isBehind = span !== undefined && Number(next) >= span.to - 1;
      marker = next === marker || isBehind ? undefined : next;
    } catch (error) {
      if (isStrongroomError(error, 'UPLOAD_INVALID') || isStrongroomError(error, 'NOT_FOUND')) {
        return undefined;
      }
      throw error;
    }
  } while (marker !== undefined);
  return parts;
}

/** That a new object must not take the name of another, unless that is asked for. */
const condition = (overwrite: boolean) => (overwrite ? {} : { IfNoneMatch: '*' });

/** A condition that failed at an object that did not change but is there. */
const asTaken = (error: unknown, name: string): unknown =>
  isStrongroomError(error, 'SOURCE_CHANGED') ? takenError(name) : error;

const takenError = (name: string): StrongroomError =>
  new StrongroomError('OUTPUT_EXISTS', `${name}: exists already`, {
    file: name,
    hint: 'choose another name; "seal" and "rekey" take --overwrite',
  });

/** @param parts in order of their numbers. */
export async function completeUpload(
  upload: UploadLocation,
  parts: readonly UploadedPart[],
  overwrite: boolean,
  signal: AbortSignal,
): Promise<void> {
  const name = nameOfUpload(upload);
  const Parts = parts.map(({ number, etag, crc32: sum }) => ({
    PartNumber: number,
    ETag: etag,
    ChecksumCRC32: sum,
  }));
  try {
    await ask(name, signal, ({ client, sdk }, options) =>
      client.send(
        new sdk.CompleteMultipartUploadCommand({
          ...idOf(upload),
          ...condition(overwrite),
          MultipartUpload: { Parts },
        }),
        options,
      ),
    );
  } catch (error) {
    throw asTaken(error, name);
  }
}

/** Gives an upload up, so that its parts cost nothing any more. */
export async function abortUpload(upload: UploadLocation, signal: AbortSignal): Promise<void> {
  await ask(nameOfUpload(upload), signal, ({ client, sdk }, options) =>
    client.send(new sdk.AbortMultipartUploadCommand(idOf(upload)), options),
  );
}

/** Writes an object in one request. */
export async function putObject(
  at: S3Location,
  bytes: Uint8Array,
  overwrite: boolean,
  signal: AbortSignal,
): Promise<void> {
  const name = nameOf(at);
  try {
    await ask(name, signal, ({ client, sdk }, options) =>
      client.send(
        new sdk.PutObjectCommand({
          Bucket: at.bucket,
          Key: at.key,
          Body: bytes,
          ContentLength: bytes.length,
          ContentType: 'application/octet-stream',
          ChecksumCRC32: crc32Of(bytes),
          ...condition(overwrite),
        }),
        options,
      ),
    );
  } catch (error) {
    throw asTaken(error, name);
  }
}

/**
 * Writes a small object under a name that nothing has.
 * @throws StrongroomError OUTPUT_EXISTS; and of any request.
 */
export async function putNewObject(at: S3Location, bytes: Uint8Array): Promise<void> {
  const { signal } = new AbortController();
  await assertNameFree(at, signal);
  await putObject(at, bytes, false, signal);
}

/**
 * Refuses a name that is taken. Stores that know conditions are asked again when the object
 * gets its name; for the others this is all there is.
 * @throws StrongroomError OUTPUT_EXISTS.
 */
export async function assertNameFree(at: S3Location, signal: AbortSignal): Promise<void> {
  if ((await headOf(at, signal)) !== undefined) throw takenError(nameOf(at));
}

export interface ObjectHead {
  /** In bytes. */
  readonly size: number;
  /** Base64; with `-N` behind it that of the CRC-32 of N parts. */
  readonly crc32: string | undefined;
}

/** What the store says of an object; `undefined` when there is none. */
export async function headOf(at: S3Location, signal: AbortSignal): Promise<ObjectHead | undefined> {
  try {
    const head = await ask(nameOf(at), signal, ({ client, sdk }, options) =>
      client.send(
        new sdk.HeadObjectCommand({ Bucket: at.bucket, Key: at.key, ChecksumMode: 'ENABLED' }),
        options,
      ),
    );
    return { size: head.ContentLength ?? -1, crc32: head.ChecksumCRC32 };
  } catch (error) {
    if (isStrongroomError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/** What a store makes of the checksums of parts. */
export const compositeCrc32 = (parts: readonly UploadedPart[]): string =>
  `${crc32Of(concat(...parts.map((part) => fromBase64(part.crc32))))}-${parts.length}`;

/** The checksum of an object that was written in one request. */
export const objectCrc32 = (bytes: Uint8Array): string => crc32Of(bytes);
