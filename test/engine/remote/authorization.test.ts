/** Headers that tell a server who asks: where they go, and where they do not. */
import { describe, expect, it } from 'vitest';
import { locationOf, openSource } from '#strongroom/engine/locate.js';
import { readExactly } from '#strongroom/engine/source.js';
import { authorizeHttp, isStrongroomError, verify } from '#strongroom/index.js';
import { noise, outcome } from '../../support/archive.ts';
import { type Fault, serveRanges } from '../../support/ranges.ts';

const content = noise(300_000);
const secret = 'Bearer s3cr3t-of-the-server';

const asks: Fault = (response, _, request) => {
  if (request.headers.authorization === secret) return false;
  response.writeHead(401).end();
  return true;
};

const read = async (address: string): Promise<Uint8Array> => {
  const source = await openSource(locationOf(address));
  try {
    return await readExactly(source, 0, source.size);
  } finally {
    source.close();
  }
};

describe('a header', () => {
  it('goes to the server that it is for, with every request', async () => {
    const server = await serveRanges(content);
    server.fault = () => asks;
    const error = await read(server.url).catch((thrown: unknown) => thrown);
    expect(isStrongroomError(error, 'PERMISSION_DENIED')).toBe(true);
    expect((error as { hint: string }).hint).toContain('--http-header');
    authorizeHttp(server.url, { authorization: secret });
    expect(Buffer.from(await read(server.url)).equals(content)).toBe(true);
    // Those of threads as well, of which each opens the same location
    expect(await outcome(() => verify(server.url, { trust: { entries: [] } }))).toBe(
      'NOT_AN_ARCHIVE',
    );
  });

  it('goes to no other, also when the server leads there', async () => {
    const elsewhere = await serveRanges(content);
    const server = await serveRanges(content);
    authorizeHttp(server.url, { authorization: secret });
    server.fault = () => (response, range, request) => {
      if (asks(response, range, request)) return true;
      response.writeHead(302, { location: elsewhere.url }).end();
      return true;
    };
    expect(Buffer.from(await read(server.url)).equals(content)).toBe(true);
    expect(elsewhere.requests.length).toBeGreaterThan(0);
    for (const { headers } of elsewhere.requests) expect(headers.authorization).toBeUndefined();
  });

  it('takes the place of none of ours', async () => {
    const server = await serveRanges(content);
    for (const name of ['Range', 'if-match', 'Host', 'Content-Length']) {
      expect(await outcome(() => authorizeHttp(server.url, { [name]: 'x' }))).toBe('USAGE');
    }
  });

  it.each([
    ['ftp://host/x', { a: 'b' }],
    ['s3://bucket/x', { a: 'b' }],
    ['/a/path', { a: 'b' }],
    // In the clear, over a network
    ['http://store.example/x', { a: 'b' }],
    ['http://127.0.0.1.store.example/x', { a: 'b' }],
    ['https://store.example/x', { 'a b': 'c' }],
    ['https://store.example/x', { a: '' }],
    ['https://store.example/x', { a: 'b\r\nHost: c' }],
    ['https://store.example/x', { a: 'b\u0000' }],
    ['https://store.example/x', { a: 'x'.repeat(8193) }],
  ])('is refused for %s, without a word of it', async (address, fields) => {
    let error: unknown;
    try {
      authorizeHttp(address, fields);
    } catch (thrown) {
      error = thrown;
    }
    expect(isStrongroomError(error, 'USAGE')).toBe(true);
    for (const value of Object.values(fields)) {
      if (value.length > 1) expect(String(error)).not.toContain(value);
    }
  });
});
