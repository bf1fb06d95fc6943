/** A server that speaks as much of S3 as an archive needs, with a fault for what is to have one. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32 } from 'node:zlib';
import { afterAll } from 'vitest';

type Operation =
  | 'put'
  | 'begin'
  | 'part'
  | 'list'
  | 'complete'
  | 'abort'
  | 'head'
  | 'get'
  | 'delete'
  | 'names';

export interface Asked {
  readonly operation: Operation;
  readonly key: string;
  readonly part: number;
  readonly headers: IncomingMessage['headers'];
}

/** Before: answers instead of the server. After: in the place of the server's answer. */
export interface StoreFault {
  readonly when: 'before' | 'after';
  readonly answer: (response: ServerResponse) => void;
}

export interface ServedStore {
  readonly objects: Map<string, { bytes: Buffer; etag: string }>;
  readonly uploads: Map<string, Map<number, Buffer>>;
  readonly asked: Asked[];
  fault: (asked: Asked) => StoreFault | undefined;
}

export const failsWith =
  (status: number, code = 'SlowDown') =>
  (response: ServerResponse): void => {
    response.writeHead(status).end(`<Error><Code>${code}</Code></Error>`);
  };

const sumOf = (bytes: Uint8Array): string => {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return sum.toString('base64');
};

const operationOf = (method: string, query: URLSearchParams): Operation => {
  const inUpload = query.has('uploadId');
  if (method === 'PUT') return inUpload ? 'part' : 'put';
  if (method === 'POST') return inUpload ? 'complete' : 'begin';
  if (method === 'DELETE') return inUpload ? 'abort' : 'delete';
  if (query.has('list-type')) return 'names';
  if (method === 'HEAD') return 'head';
  return inUpload ? 'list' : 'get';
};

/** A store for a file of tests, which the environment names from now on. */
export async function serveStore(): Promise<ServedStore> {
  const { store, port, close } = await startStore();
  Object.assign(process.env, storeEnvironment(port));
  afterAll(close);
  return store;
}

/** What clients of a store at `port` of this machine find in their environment. */
export const storeEnvironment = (port: number) => ({
  AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
  AWS_ACCESS_KEY_ID: 'tester',
  AWS_SECRET_ACCESS_KEY: 'a-secret',
  AWS_REGION: 'nowhere',
});

export async function startStore() {
  const store: ServedStore = {
    objects: new Map(),
    uploads: new Map(),
    asked: [],
    fault: () => undefined,
  };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      // The client went away
      return;
    }
    const url = new URL(request.url ?? '', 'http://store');
    const asked = {
      operation: operationOf(request.method ?? '', url.searchParams),
      key: decodeURIComponent(url.pathname),
      part: Number(url.searchParams.get('partNumber')),
      headers: request.headers,
    };
    store.asked.push(asked);
    const fault = store.fault(asked);
    if (fault?.when === 'before') return fault.answer(response);
    const id = url.searchParams.get('uploadId') ?? '';
    const prefix = `${asked.key}${asked.key.endsWith('/') ? '' : '/'}${url.searchParams.get('prefix')}`;
    const place = asked.operation === 'names' ? { ...asked, key: prefix } : asked;
    const [status, headers, body] = answer(store, place, id, Buffer.concat(chunks));
    if (fault !== undefined) return fault.answer(response);
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { store, port: (server.address() as AddressInfo).port, close };
}

type Answer = readonly [status: number, headers: Record<string, string>, body?: string | Buffer];

const error = (status: number, code: string): Answer => [
  status,
  {},
  `<Error><Code>${code}</Code></Error>`,
];

function answer(store: ServedStore, asked: Asked, id: string, body: Buffer): Answer {
  const { objects, uploads } = store;
  const { key, headers, operation } = asked;
  const upload = uploads.get(id);
  const inUpload = ['part', 'list', 'complete', 'abort'].includes(operation);
  if (inUpload && upload === undefined) return error(404, 'NoSuchUpload');
  const parts = upload ?? new Map<number, Buffer>();
  const taken = headers['if-none-match'] === '*' && objects.has(key);
  switch (operation) {
    case 'put':
      if (taken) return error(412, 'PreconditionFailed');
      objects.set(key, { bytes: body, etag: `"${sumOf(body)}"` });
      return [200, { etag: `"${sumOf(body)}"` }];
    case 'begin': {
      const made = `upload-${store.asked.length}`;
      uploads.set(made, new Map());
      const xml = `<InitiateMultipartUploadResult><UploadId>${made}</UploadId></InitiateMultipartUploadResult>`;
      return [200, {}, xml];
    }
    case 'part':
      if (headers['x-amz-checksum-crc32'] !== sumOf(body)) return error(400, 'BadDigest');
      parts.set(asked.part, body);
      return [200, { etag: `"${sumOf(body)}"` }];
    case 'list': {
      const each = [...parts].map(
        ([number, bytes]) =>
          `<Part><PartNumber>${number}</PartNumber><ETag>"${sumOf(bytes)}"</ETag><Size>${bytes.length}</Size><ChecksumCRC32>${sumOf(bytes)}</ChecksumCRC32></Part>`,
      );
      return [200, {}, `<ListPartsResult>${each.join('')}</ListPartsResult>`];
    }
    case 'complete': {
      if (taken) return error(412, 'PreconditionFailed');
      const numbers = [...body.toString().matchAll(/<PartNumber>(\d+)/g)].map(([, n]) => Number(n));
      const bytes = Buffer.concat(numbers.map((number) => parts.get(number) as Buffer));
      objects.set(key, { bytes, etag: `"${sumOf(bytes)}-${numbers.length}"` });
      uploads.delete(id);
      return [200, {}, '<CompleteMultipartUploadResult></CompleteMultipartUploadResult>'];
    }
    case 'abort':
      uploads.delete(id);
      return [204, {}];
    case 'delete':
      objects.delete(key);
      return [204, {}];
    case 'names': {
      const bucket = key.split('/')[1]?.length ?? 0;
      const found = [...objects.keys()].filter((name) => name.startsWith(key));
      const each = found.map((name) => `<Contents><Key>${name.slice(bucket + 2)}</Key></Contents>`);
      return [200, {}, `<ListBucketResult>${each.join('')}</ListBucketResult>`];
    }
    default:
      return object(store, asked);
  }
}

function object({ objects }: ServedStore, { key, headers, operation }: Asked): Answer {
  const found = objects.get(key);
  if (found === undefined) return error(404, 'NoSuchKey');
  const { bytes, etag } = found;
  if (headers['if-match'] !== undefined && headers['if-match'] !== etag) {
    return error(412, 'PreconditionFailed');
  }
  if (operation === 'head') return [200, { etag, 'content-length': String(bytes.length) }];
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
  const [from, to] = [Number(first), Math.min(Number(last), bytes.length - 1)];
  const range = { etag, 'content-range': `bytes ${from}-${to}/${bytes.length}` };
  return [206, range, bytes.subarray(from, to + 1)];
}
