/** Ranges from a real server that does what servers and networks do on bad days. */
import { createServer } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openSource } from '#strongroom/engine/locate.js';
import { openHttp } from '#strongroom/engine/remote/http.js';
import { type OpenedSource, readExactly } from '#strongroom/engine/source.js';
import { noise, outcome } from '../../support/archive.ts';
import { type Fault, rangeHeaders, serveRanges } from '../../support/ranges.ts';

const content = noise(9 * 2 ** 20 + 17);
const far = 2 ** 20;

async function opened(url: string, stallMs?: number): Promise<OpenedSource> {
  const source = await openHttp({ kind: 'http', url }, { stallMs });
  onTestFinished(() => source.close());
  return source;
}

const same = (a: Uint8Array, b: Uint8Array) => Buffer.from(a).equals(b);

/** Reads past the front, which the first request has brought. */
const readAll = (source: OpenedSource) => readExactly(source, far, content.length - far);

it('reads any range, small or long, with the size and state of the object', async () => {
  const server = await serveRanges(content);
  const source = await opened(server.url);
  expect(source.size).toBe(content.length);
  expect(source.location).toMatchObject({ state: { size: content.length, etag: '"one"' } });
  for (const [offset, length] of [
    [0, 0],
    [0, 4096],
    [131_000, 200],
    [far + 5, 3 * 2 ** 20],
    [content.length - 64, 64],
    [0, content.length],
  ] as const) {
    const bytes = await readExactly(source, offset, length);
    expect(same(bytes, content.subarray(offset, offset + length)), `${offset}`).toBe(true);
  }
  expect(await outcome(() => readExactly(source, content.length - 1, 2))).toBe('TRUNCATED');
  expect(server.requests.every(({ headers }) => headers['accept-encoding'] === 'identity')).toBe(
    true,
  );
});

it('asks once for small reads that lie close together', async () => {
  const server = await serveRanges(content);
  const source = await opened(server.url);
  for (let at = 0; at < 100_000; at += 1000) await readExactly(source, at, 64);
  expect(server.requests.length).toBe(1);
});

it('opens again, as a thread does, without a request of its own', async () => {
  const server = await serveRanges(content);
  const { location } = await opened(server.url);
  const again = await openSource(location);
  onTestFinished(() => again.close());
  expect(server.requests.length).toBe(1);
  expect(same(await readAll(again), content.subarray(far))).toBe(true);
  expect(server.requests.at(-1)?.headers['if-range']).toBe('"one"');
});

describe('survives', () => {
  const survived: Readonly<Record<string, Fault>> = {
    'a reset before the answer': (response) => {
      response.socket?.resetAndDestroy();
      return true;
    },
    'a reset in the middle': (response, range) => {
      response.writeHead(206, { etag: '"one"', ...rangeHeaders(range, content.length) });
      response.write(content.subarray(range.from, range.from + 100_000), () =>
        response.socket?.resetAndDestroy(),
      );
      return true;
    },
    'a body that is cut short': (response, range) => {
      response.writeHead(206, {
        etag: '"one"',
        'content-range': `bytes ${range.from}-${range.to}/${content.length}`,
        connection: 'close',
      });
      response.end(content.subarray(range.from, range.to - 5));
      return true;
    },
    'a body that is too long': (response, range) => {
      response.writeHead(206, {
        etag: '"one"',
        'content-range': `bytes ${range.from}-${range.to}/${content.length}`,
      });
      response.end(Buffer.alloc(range.to - range.from + 9));
      return true;
    },
    'an answer that stalls': () => true,
    'a body that stalls': (response, range) => {
      response.writeHead(206, { etag: '"one"', ...rangeHeaders(range, content.length) });
      response.write(content.subarray(range.from, range.from + 1000));
      return true;
    },
    'another range than was asked for': (response, { from, to }) => {
      const range = { from: from + 1, to };
      response.writeHead(206, { etag: '"one"', ...rangeHeaders(range, content.length) });
      response.end(content.subarray(range.from, to + 1));
      return true;
    },
    ...Object.fromEntries(
      [429, 500, 502, 503, 504].map((status): [string, Fault] => [
        `status ${status}`,
        (response) => {
          response.writeHead(status, { 'retry-after': '0' }).end('busy');
          return true;
        },
      ]),
    ),
  };
  for (const [name, fault] of Object.entries(survived)) {
    it(name, async () => {
      const server = await serveRanges(content);
      // The first, which finds the state, and some after it
      server.fault = (count) => ([0, 2, 3].includes(count) ? fault : undefined);
      const source = await opened(server.url, 300);
      expect(same(await readAll(source), content.subarray(far))).toBe(true);
    });
  }
});

it('goes on after a reset from where it broke off', async () => {
  const server = await serveRanges(content);
  const source = await opened(server.url);
  server.fault = (count) => (count === 1 ? cutInTheMiddle : undefined);
  await readExactly(source, far, 2 ** 20);
  const asked = server.requests.slice(1).map(({ headers }) => headers.range);
  expect(asked).toEqual([`bytes=${far}-${2 * far - 1}`, `bytes=${far + 5000}-${2 * far - 1}`]);
});

const cutInTheMiddle: Fault = (response, range) => {
  response.writeHead(206, {
    etag: '"one"',
    'content-range': `bytes ${range.from}-${range.to}/${content.length}`,
    connection: 'close',
  });
  response.end(content.subarray(range.from, range.from + 5000));
  return true;
};

describe('refuses', () => {
  const status = (code: number) => (response: Parameters<Fault>[0]) => {
    response.writeHead(code).end();
    return true;
  };
  it.each([
    [401, 'PERMISSION_DENIED'],
    [403, 'PERMISSION_DENIED'],
    [404, 'NOT_FOUND'],
    [410, 'NOT_FOUND'],
    [418, 'REMOTE_FAILED'],
  ] as const)('status %i at once', async (code, expected) => {
    const server = await serveRanges(content);
    server.fault = () => status(code);
    expect(await outcome(() => opened(server.url))).toBe(expected);
    expect(server.requests.length).toBe(1);
  });

  it('what stays broken, after some attempts', async () => {
    const server = await serveRanges(content);
    server.fault = () => status(503);
    expect(await outcome(() => opened(server.url))).toBe('REMOTE_FAILED');
    expect(server.requests.length).toBeGreaterThan(3);
    server.fault = () => (response) => {
      response.socket?.resetAndDestroy();
      return true;
    };
    expect(await outcome(() => opened(server.url))).toBe('NETWORK');
  });

  it('a server without ranges', async () => {
    const server = await serveRanges(content);
    server.fault = () => (response) => {
      response.writeHead(200, { etag: '"one"' }).end(content);
      return true;
    };
    expect(await outcome(() => opened(server.url))).toBe('RANGES_UNSUPPORTED');
  });

  it('a range that is compressed or does not say which it is', async () => {
    const server = await serveRanges(content);
    const answers = [{ 'content-encoding': 'gzip' }, { 'content-range': 'bytes 0-9/*' }];
    for (const more of answers) {
      server.fault = () => (response, range) => {
        response.writeHead(206, { ...rangeHeaders(range, content.length), ...more });
        response.end(content.subarray(range.from, range.to + 1));
        return true;
      };
      expect(await outcome(() => opened(server.url))).toBe('REMOTE_FAILED');
    }
  });

  it.each([
    ['a strong tag', '"one"', undefined, '"one"'],
    ['a weak tag, which may not stand in a condition', 'W/"one"', undefined, undefined],
    [
      'a time that is old enough',
      undefined,
      'Sun, 01 Nov 2026 00:00:00 GMT',
      'Sun, 01 Nov 2026 00:00:00 GMT',
    ],
  ])('an object that changed, by %s', async (_, etag, lastModified, condition) => {
    const server = await serveRanges(content);
    server.etag = etag;
    server.lastModified = lastModified;
    const source = await opened(server.url);
    await readExactly(source, far, 2 ** 20);
    expect(server.requests.at(-1)?.headers['if-range']).toBe(condition);
    if (etag !== undefined) server.etag = etag.replace('one', 'two');
    else server.lastModified = 'Mon, 02 Nov 2026 00:00:00 GMT';
    expect(await outcome(() => readAll(source))).toBe('SOURCE_CHANGED');
  });

  it('an object that became longer or shorter under the same tag', async () => {
    for (const changed of [content.subarray(0, far), Buffer.concat([content, content])]) {
      const server = await serveRanges(content);
      const source = await opened(server.url);
      server.content = changed;
      expect(await outcome(() => readExactly(source, far, 2 ** 20))).not.toBe('accepted');
    }
  });

  it('to go on once it is aborted', async () => {
    const server = await serveRanges(content);
    const controller = new AbortController();
    const location = { kind: 'http', url: server.url } as const;
    const source = await openHttp(location, { signal: controller.signal });
    server.fault = () => () => {
      controller.abort();
      return true;
    };
    expect(await outcome(() => readAll(source))).toBe('INTERRUPTED');
  });
});

describe('a redirect', () => {
  async function redirecting(location: string) {
    const seen: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(302, { location }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}/x`, seen };
  }

  it('is followed once, and asked for again when its end has expired', async () => {
    const target = await serveRanges(content);
    const { url, seen } = await redirecting(`${target.url}?signature=abc`);
    const source = await opened(url);
    await readExactly(source, far, 2 ** 20);
    expect(seen.length).toBe(1);
    const expiredAt = target.requests.length;
    target.fault = (count) =>
      count === expiredAt
        ? (response) => {
            response.writeHead(403).end();
            return true;
          }
        : undefined;
    await readExactly(source, 3 * far, 2 ** 20);
    expect(seen.length).toBe(2);
  });

  it('takes no user name along that the server put into it', async () => {
    const target = await serveRanges(content);
    const { url } = await redirecting(target.url.replace('//', '//user:secret@'));
    await opened(url);
    expect(target.requests[0]?.headers.authorization).toBeUndefined();
  });

  it('is not followed without end, nor to what is not HTTP', async () => {
    const loop = await redirecting('/x');
    expect(await outcome(() => opened(loop.url))).toBe('REMOTE_FAILED');
    for (const location of ['file:///etc/passwd', 'http://[']) {
      const { url } = await redirecting(location);
      expect(await outcome(() => opened(url)), location).toBe('REMOTE_FAILED');
    }
  });
});

it('never shows the query of an address', async () => {
  const server = await serveRanges(content);
  server.fault = () => (response) => {
    response.writeHead(403).end();
    return true;
  };
  const error = await opened(`${server.url}?X-Amz-Signature=secret`).catch((e: unknown) => e);
  expect(JSON.stringify([String(error), error])).not.toContain('secret');
  expect(String(error)).toContain(`${server.url}?…`);
});
