/**
 * Objects in S3 and in what speaks its language, read by ranges (Amazon S3 API reference:
 * GetObject with Range and If-Match).
 *
 * Credentials, region and endpoint come from where every tool of AWS has them, such as
 * AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL; nothing of them is an argument of ours.
 */
import type { Readable } from 'node:stream';
import { StrongroomError } from '../../errors.ts';
import type { OpenedSource } from '../source.ts';
import { type Part, receive, usualStallMs } from './body.ts';
import { nameOf, type RemoteState, type S3Location } from './location.ts';
import { firstRange, linkedController, type RemoteOptions, rangeSource } from './ranges.ts';
import { type S3, s3Client, s3Failure } from './s3client.ts';
import { assertSameState, contentRange, type FoundRange } from './state.ts';
import { persist, TransientError } from './transient.ts';

/** @throws StrongroomError as `openSource`. */
export async function openS3(
  location: S3Location,
  options: RemoteOptions = {},
): Promise<OpenedSource> {
  const s3 = await s3Client();
  const controller = linkedController(options.signal);
  let { state } = location;
  const request = (part: Part, offset: number, signal: AbortSignal) => {
    const { stallMs = usualStallMs } = options;
    const at = state === undefined ? location : { ...location, state };
    return getRange(s3, at, part, offset, { signal, stallMs, onState: (now) => (state ??= now) });
  };
  if (state !== undefined) {
    return rangeSource({ location, state, front: new Uint8Array(0), request }, controller);
  }
  const front = { into: new Uint8Array(firstRange.length), filled: 0 };
  const probe = () => request(front, firstRange.offset, controller.signal);
  await persist(probe, controller.signal, () => front.filled);
  const bytes = front.into.subarray(0, front.filled);
  const found = state as RemoteState | undefined;
  return rangeSource({ location, state: found ?? { size: 0 }, front: bytes, request }, controller);
}

interface RangeOptions {
  readonly signal: AbortSignal;
  readonly stallMs: number;
  /** Told as soon as it is known: of a body that breaks off some is kept. */
  readonly onState: (state: RemoteState) => void;
}

/** Fills what `part` misses of an object, which must not change. */
async function getRange(
  { client, sdk }: S3,
  location: S3Location,
  part: Part,
  offset: number,
  { signal, stallMs, onState }: RangeOptions,
): Promise<void> {
  const { bucket, key, state } = location;
  const name = nameOf(location);
  const from = offset + part.filled;
  const to = Math.min(offset + part.into.length, state?.size ?? Infinity) - 1;
  // All came, and then the connection broke off
  if (from > to) return;
  const wrong = (code: 'NETWORK' | 'RANGES_UNSUPPORTED', what: string) =>
    new StrongroomError(code, `${name}: ${what}`, { file: name });
  let body: Readable | undefined;
  try {
    const command = new sdk.GetObjectCommand({
      Bucket: bucket,
      Key: key,
      Range: `bytes=${from}-${to}`,
      IfMatch: state?.etag,
    });
    const response = await client.send(command, { abortSignal: signal });
    body = response.Body as Readable;
    const range: FoundRange | undefined = contentRange(response.ContentRange);
    if (range === undefined) throw wrong('RANGES_UNSUPPORTED', 'its store does not send ranges');
    const now = { size: range.size, etag: response.ETag };
    assertSameState(name, state ?? now, now);
    onState(now);
    if (range.from !== from || range.to !== Math.min(to, range.size - 1)) {
      throw new TransientError(wrong('NETWORK', 'the store sent another range than asked for'));
    }
    const got = { into: part.into.subarray(0, range.to + 1 - offset), filled: part.filled };
    try {
      if (!(await receive(body, got, stallMs))) {
        throw new TransientError(wrong('NETWORK', 'the store sent another length than it stated'));
      }
    } finally {
      part.filled = got.filled;
    }
  } catch (error) {
    // An empty object has no range at all
    if (isEmptyObject(error) && state === undefined) return;
    throw s3Failure(error, name);
  } finally {
    body?.destroy();
  }
}

const isEmptyObject = (error: unknown): boolean =>
  error instanceof Error && error.name === 'InvalidRange';
