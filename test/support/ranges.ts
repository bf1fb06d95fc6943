/** An HTTP server of one object, with a fault for each request that is to have one. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Range {
  readonly from: number;
  /** Of the last byte. */
  readonly to: number;
}

/** Answers instead of the server; false leaves it to the server. */
export type Fault = (response: ServerResponse, range: Range, request: IncomingMessage) => boolean;

export interface Served {
  content: Uint8Array;
  etag: string | undefined;
  lastModified: string | undefined;
  /** Asked for each request, by its number from 0. */
  fault: (count: number) => Fault | undefined;
  /** Every request so far. */
  readonly requests: IncomingMessage[];
  readonly url: string;
}

/** A server that is gone after the test. */
export async function serveRanges(content: Uint8Array): Promise<Served> {
  const { served, close } = await startRanges(content);
  onTestFinished(close);
  return served;
}

export async function startRanges(content: Uint8Array) {
  const server = createServer((request, response) => {
    const count = served.requests.push(request) - 1;
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const to = Math.min(Number(last), served.content.length - 1);
    const range = { from: Number(first ?? 0), to };
    if (served.fault(count)?.(response, range, request)) return;
    answer(response, served, range, request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  const { port } = server.address() as AddressInfo;
  const served: Served = {
    content,
    etag: '"one"',
    lastModified: undefined,
    fault: () => undefined,
    requests: [],
    url: `http://127.0.0.1:${port}/weights.srm`,
  };
  return { served, port, close };
}

/** What a sound server answers (RFC 9110, sections 13.1.5 and 14). */
function answer(
  response: ServerResponse,
  { content, etag, lastModified }: Served,
  { from, to }: Range,
  request: IncomingMessage,
): void {
  const condition = request.headers['if-range'];
  const validators = {
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified === undefined ? {} : { 'last-modified': lastModified }),
  };
  if (condition !== undefined && condition !== etag && condition !== lastModified) {
    response.writeHead(200, validators).end(content);
    return;
  }
  if (from >= content.length) {
    response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
    return;
  }
  response
    .writeHead(206, { ...validators, ...rangeHeaders({ from, to }, content.length) })
    .end(content.subarray(from, to + 1));
}

export const rangeHeaders = ({ from, to }: Range, size: number) => ({
  'content-range': `bytes ${from}-${to}/${size}`,
  'content-length': to - from + 1,
});
