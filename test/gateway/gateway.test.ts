/** The gateway: who gets in, what comes out, and what happens when the archive is not sound. */
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { segmentOffset } from '#strongroom/archive/segments.js';
import { type Gateway, type ServeOptions, serve } from '#strongroom/index.js';
import {
  makeArchive,
  noise,
  outcome,
  people,
  regionsOf,
  segmentBytes,
  sharedWorkspace,
} from '../support/archive.ts';
import { serveRanges } from '../support/ranges.ts';

const who = people();
const root = sharedWorkspace();
const big = Buffer.from(noise(300 * segmentBytes + 77));
const files = {
  'big.bin': big,
  'config.json': '{}',
  'dir/a b+c&<é>.txt': 'odd',
  'dir/deep/x': 'x',
  'dir-other': 'y',
  empty: '',
};
let path: string;
let gateway: Gateway;
const failures: string[] = [];

const start = (options: Partial<ServeOptions> = {}, archives = [`llm=${path}`]) =>
  serve(archives, {
    identity: who.reader,
    trust: who.trust,
    cacheBytes: 16 * segmentBytes,
    onFailure: (error) => failures.push((error as { code: string }).code),
    ...options,
  });

beforeAll(async () => {
  path = await makeArchive(root, { who, files });
  gateway = await start();
});
afterAll(() => gateway.close());

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Whether the connection ended before the body did. */
  readonly broken: boolean;
}

interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly from?: Gateway;
  readonly body?: string;
}

function ask(target: string, { method = 'GET', headers, from = gateway, body }: Ask = {}) {
  const bearer = { authorization: `Bearer ${from.credentials.token}` };
  const { hostname, port } = new URL(from.url);
  const at = from.socket === undefined ? { hostname, port } : { socketPath: from.socket };
  return new Promise<Answer>((resolve, reject) => {
    const sent = httpRequest(
      { ...at, path: target, method, headers: { ...bearer, ...headers }, agent: false },
      (response) => {
        const parts: Buffer[] = [];
        const done = (broken: boolean) =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(parts),
            broken,
          });
        response.on('data', (part) => parts.push(part));
        response.on('end', () => done(false));
        response.on('error', () => done(true));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

describe('a file', () => {
  it('comes whole, with what HTTP wants to know', async () => {
    const { status, headers, body } = await ask('/llm/big.bin');
    expect(status).toBe(200);
    expect(body.equals(big)).toBe(true);
    expect(headers).toMatchObject({
      'content-length': String(big.length),
      'accept-ranges': 'bytes',
      'content-type': 'application/octet-stream',
      'cache-control': 'no-store',
    });
    expect(headers.etag).toMatch(/^"[0-9a-f]{32}"$/);
    expect(headers['last-modified']).toMatch(/ GMT$/);
  });

  it('comes in parts', async () => {
    for (const [from, to] of [
      [0, 0],
      [4095, 4096],
      [100_000, 300_000],
      [big.length - 1, big.length - 1],
    ] as const) {
      const { status, headers, body } = await ask('/llm/big.bin', {
        headers: { range: `bytes=${from}-${to}` },
      });
      expect(status).toBe(206);
      expect(headers['content-range']).toBe(`bytes ${from}-${to}/${big.length}`);
      expect(body.equals(big.subarray(from, to + 1))).toBe(true);
    }
    const beyond = await ask('/llm/big.bin', { headers: { range: `bytes=${big.length}-` } });
    expect(beyond).toMatchObject({
      status: 416,
      headers: { 'content-range': `bytes */${big.length}` },
    });
  });

  it('comes to 32 readers at once', async () => {
    const readers = Array.from({ length: 32 }, async (_, i) => {
      const from = i * 30_000;
      const { status, body } = await ask('/llm/big.bin', {
        headers: { range: `bytes=${from}-${from + 250_000}` },
      });
      return status === 206 && body.equals(big.subarray(from, from + 250_001));
    });
    expect(await Promise.all(readers)).toEqual(Array(32).fill(true));
  });

  it('is told of by HEAD, without a byte', async () => {
    const { status, headers, body } = await ask('/llm/big.bin', { method: 'HEAD' });
    expect({ status, length: headers['content-length'], body: body.length }).toEqual({
      status: 200,
      length: String(big.length),
      body: 0,
    });
  });

  it('comes under conditions', async () => {
    const { headers } = await ask('/llm/config.json');
    const etag = headers.etag as string;
    const status = async (given: Readonly<Record<string, string>>) =>
      (await ask('/llm/config.json', { headers: given })).status;
    expect(await status({ 'if-none-match': etag })).toBe(304);
    expect(await status({ 'if-none-match': `"x", W/${etag}` })).toBe(304);
    expect(await status({ 'if-none-match': '"x"' })).toBe(200);
    expect(await status({ 'if-match': '"x"' })).toBe(412);
    expect(await status({ 'if-match': etag })).toBe(200);
    expect(await status({ range: 'bytes=0-0', 'if-range': etag })).toBe(206);
    expect(await status({ range: 'bytes=0-0', 'if-range': '"x"' })).toBe(200);
  });

  it('is found under any name, and is empty if it is', async () => {
    const odd = await ask('/llm/dir/a%20b+c%26%3C%C3%A9%3E.txt');
    expect([odd.status, odd.body.toString()]).toEqual([200, 'odd']);
    const empty = await ask('/llm/empty');
    expect([empty.status, empty.body.length, empty.headers['content-length']]).toEqual([
      200,
      0,
      '0',
    ]);
  });
});

describe('a list', () => {
  const keys = (xml: string, tag = 'Key') =>
    [...xml.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, 'g'))].map((match) => match[1]);

  it('has all files in order, a page after the other', async () => {
    const { body } = await ask('/llm?list-type=2');
    expect(keys(body.toString())).toEqual([
      'big.bin',
      'config.json',
      'dir-other',
      'dir/a b+c&amp;&lt;é&gt;.txt',
      'dir/deep/x',
      'empty',
    ]);
    const found: (string | undefined)[] = [];
    for (let token = ''; ; ) {
      const url = `/llm/?list-type=2&max-keys=4&encoding-type=url&continuation-token=${token}`;
      const page = (await ask(url)).body.toString();
      found.push(...keys(page));
      [token = ''] = keys(page, 'NextContinuationToken') as string[];
      expect(page).toContain(`<IsTruncated>${token !== ''}</IsTruncated>`);
      if (token === '') break;
    }
    expect(found.map((key) => decodeURIComponent(key ?? ''))).toEqual(Object.keys(files).sort());
  });

  it('has directories for a delimiter, and what begins with a prefix', async () => {
    const { body } = await ask('/llm?list-type=2&delimiter=%2F&prefix=d');
    expect(keys(body.toString())).toEqual(['dir-other']);
    expect(keys(body.toString(), 'Prefix')).toEqual(['d', 'dir/']);
    const inside = await ask('/llm?list-type=2&delimiter=/&prefix=dir/');
    expect(keys(inside.body.toString(), 'Prefix')).toEqual(['dir/', 'dir/deep/']);
    const after = await ask('/llm?list-type=2&start-after=dir-other');
    expect(keys(after.body.toString())).toHaveLength(3);
    expect((await ask('/llm?list-type=2&max-keys=-1')).status).toBe(400);
  });

  it('has the archives', async () => {
    expect((await ask('/')).body.toString()).toContain('<Name>llm</Name>');
  });
});

describe('refused is', () => {
  it.each([
    ['/', 401],
    ['/llm/config.json', 401],
    ['/llm/none', 401],
    ['/none', 401],
    ['/-/metrics', 401],
  ])('%s without a token', async (target, status) => {
    const answer = await ask(target, { headers: { authorization: '' } });
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([
      status,
      'Bearer realm="strongroom"',
    ]);
  });

  it.each([
    ['/llm/none', 'GET', 404],
    ['/llm/dir', 'GET', 404],
    ['/llm/../llm/config.json', 'GET', 404],
    ['/none/config.json', 'GET', 404],
    ['/llm/config.json', 'PUT', 405],
    ['/llm/config.json', 'DELETE', 405],
    ['/llm/config.json', 'POST', 405],
    ['/llm/config.json?acl', 'GET', 501],
    ['/llm?versions', 'GET', 501],
    ['/llm/%ff', 'GET', 400],
    ['/llm/%', 'GET', 400],
    ['/__proto__', 'GET', 404],
    ['/llm/__proto__', 'GET', 404],
  ])('%s by %s', async (target, method, status) => {
    expect((await ask(target, { method })).status).toBe(status);
  });

  it('a request with a body', async () => {
    expect(
      (await ask('/llm/config.json', { body: 'x', headers: { 'content-length': '1' } })).status,
    ).toBe(400);
  });

  it('a request with two hosts', async () => {
    const { hostname, port } = new URL(gateway.url);
    const statusFor = async (hosts: string) => {
      const socket = connect(Number(port), hostname);
      socket.end(`GET /-/health HTTP/1.1\r\n${hosts}Connection: close\r\n\r\n`);
      const [head = ''] = (await text(socket)).split('\r\n');
      return head;
    };
    expect(await statusFor('Host: a\r\n')).toMatch(/ 200 /);
    expect(await statusFor('Host: a\r\nhost: b\r\n')).toMatch(/ 400 /);
  });

  it('an address that others get to', async () => {
    expect(await outcome(() => start({ listen: '0.0.0.0:0' }))).toBe('USAGE');
    expect(await outcome(() => start({ listen: '[::]:0' }))).toBe('USAGE');
    expect(await outcome(() => start({ listen: 'example.com:80' }))).toBe('USAGE');
    expect(await outcome(() => start({ listen: '127.0.0.1' }))).toBe('USAGE');
    const exposed = await start({ listen: '0.0.0.0:0', exposed: true });
    await exposed.close();
  });

  it('one name for two archives', async () => {
    expect(await outcome(() => start({}, [`llm=${path}`, `llm=${path}`]))).toBe('USAGE');
    const both = await start({}, [`one=${path}`, path]);
    expect(both.archives.map(({ name }) => name)).toEqual(['one', 'archive']);
    await both.close();
  });

  it('a name that no bucket can have', async () => {
    for (const name of ['w', 'LLM', '-llm']) {
      expect(await outcome(() => start({}, [`${name}=${path}`]))).toBe('USAGE');
    }
  });
});

it('an archive that is elsewhere is served as one that is here', async () => {
  const server = await serveRanges(new Uint8Array(readFileSync(path)));
  const far = await start({}, [`far=${server.url}?token=a=b`]);
  const { body } = await ask('/far/big.bin', { from: far });
  expect(body.equals(big)).toBe(true);
  await far.close();
});

it('a segment that was altered breaks the response off, and is told of', async () => {
  const altered = await makeArchive(root, { who, name: 'altered', files: { 'big.bin': big } });
  const { core, at } = regionsOf(readFileSync(altered));
  const payload = {
    hash: core.suite.hash.name,
    at: at.header[0],
    segmentBytes,
    length: 0,
    segments: 0,
  };
  const bad = await start({}, [`bad=${altered}`]);
  const fd = openSync(altered, 'r+');
  writeSync(fd, Uint8Array.of(1, 2, 3, 4), 0, 4, segmentOffset(payload, 100) + 1000);
  closeSync(fd);
  failures.length = 0;
  const whole = await ask('/bad/big.bin', { from: bad });
  expect([whole.status, whole.broken]).toEqual([200, true]);
  // Whatever came before the segment is what was sealed
  expect(whole.body.length).toBeLessThan(100 * segmentBytes);
  expect(whole.body.equals(big.subarray(0, whole.body.length))).toBe(true);
  const range = { range: `bytes=${100 * segmentBytes}-${100 * segmentBytes + 10}` };
  const inside = await ask('/bad/big.bin', { from: bad, headers: range });
  expect([inside.status, inside.broken]).toEqual([500, false]);
  const before = await ask('/bad/big.bin', { from: bad, headers: { range: 'bytes=0-9' } });
  expect([before.status, before.body.equals(big.subarray(0, 10))]).toEqual([206, true]);
  expect(failures).toEqual(['SEGMENT_INVALID', 'SEGMENT_INVALID']);
  const metrics = (await ask('/-/metrics', { from: bad })).body.toString();
  expect(metrics).toContain('strongroom_gateway_broken_responses_total 2\n');
  expect(metrics).toMatch(/segments_refused_total\{archive="bad"\} [1-9]/);
  await bad.close();
});

it('clients that go away or stand still take nothing from others', async () => {
  const small = await start({ cacheBytes: 2 * segmentBytes });
  const authorization = `Bearer ${small.credentials.token}`;
  const gone = Array.from(
    { length: 8 },
    () =>
      new Promise<void>((resolve) => {
        const sent = httpRequest(`${small.url}/llm/big.bin`, {
          headers: { authorization },
          agent: false,
        });
        sent.on('response', (response) => {
          response.on('error', () => {});
          response.once('data', () => {
            response.destroy();
            resolve();
          });
        });
        sent.end();
      }),
  );
  await Promise.all(gone);
  const { body } = await ask('/llm/big.bin', { from: small });
  expect(body.equals(big)).toBe(true);
  const metrics = (await ask('/-/metrics', { from: small })).body.toString();
  expect(metrics).toContain(`strongroom_gateway_cache_bytes{archive="llm"} ${2 * segmentBytes}\n`);
  expect(metrics).toContain('strongroom_gateway_broken_responses_total 0\n');
  await small.close();
});

describe.skipIf(process.platform === 'win32')('a socket', () => {
  it('is for its owner, replaces a dead one and nothing else, and goes with the gateway', async () => {
    const socket = join(root, 'gw.sock');
    const first = await start({ listen: `unix:${socket}` });
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect((await ask('/llm/config.json', { from: first })).body.toString()).toBe('{}');
    expect(await outcome(() => start({ listen: `unix:${socket}` }))).toBe('OUTPUT_EXISTS');
    await first.close();
    expect(existsSync(socket)).toBe(false);
    writeFileSync(socket, '');
    expect(await outcome(() => start({ listen: `unix:${socket}` }))).toBe('OUTPUT_EXISTS');
  });
});

it('health needs no token, and tells nothing', async () => {
  const { status, body } = await ask('/-/health', { headers: { authorization: '' } });
  expect([status, body.toString()]).toEqual([200, 'ok\n']);
});

it('an end breaks off what goes on for too long', async () => {
  const ending = await start();
  const authorization = `Bearer ${ending.credentials.token}`;
  const broken = new Promise<boolean>((resolve) => {
    const sent = httpRequest(`${ending.url}/llm/big.bin`, {
      headers: { authorization },
      agent: false,
    });
    sent.on('response', (response) => {
      response.pause();
      response.on('error', () => resolve(true));
      response.on('close', () => resolve(!response.complete));
      void ending.close(50).then(() => response.resume());
    });
    sent.end();
  });
  await broken;
  await ending.close();
  await expect(ask('/llm/config.json', { from: ending })).rejects.toMatchObject({
    code: 'ECONNREFUSED',
  });
});
