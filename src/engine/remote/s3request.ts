/**
 * Requests to the store that change or tell something; ranges are read by `s3.ts`. Apart from
 * what is written by them, so that whoever takes our types needs none of the storage client's.
 */
import { type S3, s3Client, s3Failure } from './s3client.ts';
import { persist } from './transient.ts';

/** A request that is repeated while it fails in passing. */
export async function ask<T>(
  name: string,
  signal: AbortSignal,
  request: (s3: S3, options: { abortSignal: AbortSignal }) => Promise<T>,
): Promise<T> {
  const s3 = await s3Client();
  return persist(async () => {
    try {
      return await request(s3, { abortSignal: signal });
    } catch (error) {
      throw s3Failure(error, name);
    }
  }, signal);
}
