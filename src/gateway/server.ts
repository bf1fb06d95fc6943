/**
 * Plaintext for loaders on the same machine, over HTTP/1.1 and a part of the S3 API: whoever
 * shows the token, or signs, reads; nobody writes.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { CacheStatistics } from '../archive/lazy/cache.ts';
import { isStrongroomError } from '../errors.ts';
import type { Bucket } from './bucket.ts';
import { type Credentials, denial } from './credentials.ts';
import { type Fault, faultBody, statusOf, xml } from './faults.ts';
import { listBuckets, listObjects } from './listing.ts';
import { Metrics } from './metrics.ts';
import { sendObject } from './object.ts';
import { type GatewayRequest, readRequest } from './request.ts';

export interface GatewayOptions {
  readonly buckets: readonly Bucket[];
  readonly credentials: Credentials;
  readonly statistics: () => Iterable<readonly [name: string, statistics: CacheStatistics]>;
  /** Told what broke a response off: the archive is not sound, or cannot be read. */
  readonly onFailure: (error: unknown, path: string) => void;
  /** Connections at once. */
  readonly maxConnections: number;
}

/** Bounds on what a client may take without giving anything. */
const limits = {
  headerBytes: 16384,
  headersMs: 10_000,
  requestMs: 30_000,
  keepAliveMs: 30_000,
  /** Without a byte in either direction, also while a response is sent. */
  idleMs: 120_000,
};

/** Parameters that clients add, and that change nothing. */
const ignored =
  /^(x-id|X-Amz-.*|list-type|prefix|delimiter|max-keys|start-after|continuation-token|encoding-type|fetch-owner|response-.*)$/;

type Answer = (
  request: GatewayRequest,
  response: ServerResponse,
) => Fault | undefined | Promise<Fault | undefined>;

/** The server, not listening yet. */
export function createGateway(options: GatewayOptions): Server {
  const metrics = new Metrics();
  const buckets = new Map(options.buckets.map((bucket) => [bucket.name, bucket]));

  /** Paths that are of the gateway itself: no bucket has so short a name. */
  const own: Readonly<Record<string, Answer>> = {
    '/-/metrics': (_, response) => {
      const body = metrics.render(options.statistics());
      return send(response, body, 'text/plain; version=0.0.4');
    },
    '/': (_, response) => send(response, listBuckets(buckets.values())),
  };

  const answer: Answer = async (request, response) => {
    const { bucket: name, key, method, rawPath, query } = request;
    if (method !== 'GET' && method !== 'HEAD') return 'MethodNotAllowed';
    const ours = Object.hasOwn(own, rawPath) ? own[rawPath] : undefined;
    if (ours !== undefined) return ours(request, response);
    const bucket = buckets.get(name);
    if (bucket === undefined) return 'NoSuchBucket';
    if (query.some(([each]) => each === 'location') && key === '') {
      const location = '<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>';
      return send(response, xml(location));
    }
    if (query.some(([each]) => !ignored.test(each))) return 'NotImplemented';
    if (key === '') {
      if (method === 'HEAD') return send(response, '');
      const listed = listObjects(bucket, request);
      return listed === 'InvalidArgument' ? listed : send(response, listed);
    }
    const file = bucket.byPath.get(key);
    if (file === undefined) return 'NoSuchKey';
    return sendObject(request, response, bucket, file, (bytes) => {
      metrics.sentBytes += bytes;
    });
  };

  const handle = async (incoming: IncomingMessage, response: ServerResponse) => {
    response.on('finish', () => metrics.answered(response.statusCode));
    const request = readRequest(incoming);
    if (request === undefined || hasBody(incoming)) return refuse(response, 'BadRequest');
    // That it runs is all that this tells, so that an orchestrator needs no secret
    if (request.rawPath === '/-/health') return send(response, 'ok\n', 'text/plain');
    try {
      const denied = denial(request, options.credentials);
      const fault = denied ?? (await answer(request, response));
      if (fault !== undefined) refuse(response, fault);
    } catch (error) {
      breakOff(error, request, response);
    }
  };

  const breakOff = (error: unknown, { rawPath }: GatewayRequest, response: ServerResponse) => {
    // The client went away
    if (response.destroyed && isStrongroomError(error, 'INTERRUPTED')) return;
    metrics.broken++;
    options.onFailure(error, rawPath);
    if (response.headersSent) response.destroy();
    else refuse(response, 'InternalError');
  };

  // Loaded here: every command would pay for it at its start
  const { createServer } = process.getBuiltinModule('node:http');
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.keepAliveMs,
      requireHostHeader: true,
      noDelay: true,
    },
    (incoming, response) => void handle(incoming, response),
  );
  server.maxConnections = options.maxConnections;
  server.setTimeout(limits.idleMs);
  server.on('connection', (socket) => {
    metrics.openConnections++;
    socket.once('close', () => metrics.openConnections--);
  });
  return server;
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;

function send(response: ServerResponse, body: string, type = 'application/xml'): undefined {
  const bytes = Buffer.from(body);
  const head = {
    'Content-Type': type,
    'Content-Length': bytes.length,
    'Cache-Control': 'no-store',
  };
  response.writeHead(200, head).end(bytes);
}

function refuse(response: ServerResponse, fault: Fault): void {
  const body = Buffer.from(faultBody(fault));
  const status = statusOf(fault);
  if (status === 401) response.setHeader('WWW-Authenticate', 'Bearer realm="strongroom"');
  if (status === 405) response.setHeader('Allow', 'GET, HEAD');
  // What is left of a request that was not understood must not be taken for the next one
  if (status === 400 || status === 405 || status === 500) response.setHeader('Connection', 'close');
  response.writeHead(status, { 'Content-Type': 'application/xml', 'Content-Length': body.length });
  response.end(body);
}
