/** Small objects by their names (Amazon S3 API reference: ListObjectsV2, DeleteObject). */
import type { S3Location } from './location.ts';
import { nameOf } from './location.ts';
import { ask } from './s3request.ts';

/** The keys that begin with that of `at`. */
export async function listObjects(at: S3Location, signal: AbortSignal): Promise<string[]> {
  const keys: string[] = [];
  let token: string | undefined;
  do {
    const ContinuationToken = token;
    const page = await ask(nameOf(at), signal, ({ client, sdk }, options) =>
      client.send(
        new sdk.ListObjectsV2Command({ Bucket: at.bucket, Prefix: at.key, ContinuationToken }),
        options,
      ),
    );
    for (const { Key } of page.Contents ?? []) if (Key !== undefined) keys.push(Key);
    const next = page.IsTruncated ? page.NextContinuationToken : undefined;
    // A store that does not go on would be asked without end
    token = next === token ? undefined : next;
  } while (token !== undefined);
  return keys;
}

export async function deleteObject(at: S3Location, signal: AbortSignal): Promise<void> {
  await ask(nameOf(at), signal, ({ client, sdk }, options) =>
    client.send(new sdk.DeleteObjectCommand({ Bucket: at.bucket, Key: at.key }), options),
  );
}
