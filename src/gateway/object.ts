/** GET and HEAD of a file: conditions and ranges of RFC 9110, sections 13 and 14. */
import type { ServerResponse } from 'node:http';
import type { FileEntry } from '../archive/entry.ts';
import { sendParts } from './body.ts';
import { type Bucket, etagOf } from './bucket.ts';
import type { Fault } from './faults.ts';
import { parseRange } from './range.ts';
import type { GatewayRequest } from './request.ts';

/** Whether a list of validators names `etag`; weak ones never do. */
function names(list: string, etag: string): boolean {
  return list
    .split(',')
    .map((each) => each.trim())
    .some((each) => each === '*' || each === etag || `"${each}"` === etag);
}

/**
 * Answers with a file, or part of it. The first segment is there before the first byte is sent.
 * @returns a fault to answer with instead.
 * @throws what the archive throws; if headers were sent, the connection must be broken.
 */
export async function sendObject(
  request: GatewayRequest,
  response: ServerResponse,
  bucket: Bucket,
  file: FileEntry,
  onSent: (bytes: number) => void,
): Promise<Fault | undefined> {
  const { headers, method } = request;
  const etag = etagOf(bucket, file);
  const lastModified = new Date(file.mtime * 1000).toUTCString();
  const common = {
    ETag: etag,
    'Last-Modified': lastModified,
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'no-store',
  };
  const ifMatch = headers.get('if-match');
  if (ifMatch !== undefined && !names(ifMatch, etag)) return 'PreconditionFailed';
  const ifNoneMatch = headers.get('if-none-match');
  if (ifNoneMatch !== undefined && names(ifNoneMatch.replaceAll('W/', ''), etag)) {
    response.writeHead(304, common).end();
    return undefined;
  }
  const ifRange = headers.get('if-range');
  const isSame = ifRange === undefined || ifRange === etag || ifRange === lastModified;
  const range = parseRange(isSame ? headers.get('range') : undefined, file.size);
  if (range === 'unsatisfiable') {
    response.setHeader('Content-Range', `bytes */${file.size}`);
    return 'InvalidRange';
  }
  const { offset, length } = range ?? { offset: 0, length: file.size };
  const head = {
    ...common,
    'Content-Type': 'application/octet-stream',
    'Content-Length': length,
    ...(range === undefined
      ? {}
      : { 'Content-Range': `bytes ${offset}-${offset + length - 1}/${file.size}` }),
  };
  const status = range === undefined ? 200 : 206;
  if (method === 'HEAD') {
    response.writeHead(status, head).end();
    return undefined;
  }
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const parts = bucket.archive.parts(file.path, { offset, length, signal: gone.signal });
  await sendParts(
    response,
    beginning(parts, () => response.writeHead(status, head)),
    onSent,
  );
  if (!response.headersSent) response.writeHead(status, head);
  response.end();
  return undefined;
}

/** The same parts; `begin` is called when the first is there. */
async function* beginning<T>(parts: AsyncIterable<T>, begin: () => void) {
  let begun = false;
  for await (const part of parts) {
    if (!begun) begin();
    begun = true;
    yield part;
  }
}
