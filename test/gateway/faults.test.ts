/** The gateway on bad days of the server that its archive is on: survived, or told; never wrong. */
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import { segmentOffset } from '#strongroom/archive/segments.js';
import { type Gateway, serve } from '#strongroom/index.js';
import {
  makeArchive,
  noise,
  people,
  regionsOf,
  segmentBytes,
  sharedWorkspace,
} from '../support/archive.ts';
import { type Fault, rangeHeaders, type Served, serveRanges } from '../support/ranges.ts';

const who = people();
const root = sharedWorkspace();
const big = Buffer.from(noise(400 * segmentBytes + 5));
const path = await makeArchive(root, { who, files: { 'big.bin': big } });
const archive = new Uint8Array(readFileSync(path));
const failures: string[] = [];

interface Answer {
  readonly status: number;
  readonly body: Buffer;
  /** Whether the connection ended before the body did. */
  readonly broken: boolean;
}

function ask({ url, credentials }: Gateway, range?: readonly [from: number, to: number]) {
  const headers = {
    authorization: `Bearer ${credentials.token}`,
    ...(range === undefined ? {} : { range: `bytes=${range.join('-')}` }),
  };
  return new Promise<Answer>((resolve, reject) => {
    const sent = httpRequest(`${url}/far/big.bin`, { headers, agent: false }, (response) => {
      const parts: Buffer[] = [];
      const done = (broken: boolean) =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts), broken });
      response.on('data', (part) => parts.push(part));
      response.on('end', () => done(false));
      response.on('error', () => done(true));
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** A gateway to an archive that a server has, while `use` uses it. */
async function served(
  threads: number,
  content: Uint8Array,
  use: (gateway: Gateway, server: Served) => Promise<void>,
) {
  const server = await serveRanges(content);
  failures.length = 0;
  const gateway = await serve([`far=${server.url}`], {
    identity: who.reader,
    trust: who.trust,
    cacheBytes: 16 * segmentBytes,
    threads,
    onFailure: (error) => failures.push((error as { code: string }).code),
  });
  try {
    await use(gateway, server);
  } finally {
    await gateway.close(0);
  }
}

const drops: Fault = (response, range) => {
  const { from, to } = range;
  response.writeHead(206, { etag: '"one"', ...rangeHeaders(range, archive.length) });
  const half = archive.subarray(from, from + Math.ceil((to - from) / 2));
  response.write(half, () => response.socket?.resetAndDestroy());
  return true;
};

const isBusy: Fault = (response) => {
  response.writeHead(503, { 'retry-after': '0' }).end();
  return true;
};

describe.each([0, 2])('in %i threads', (threads) => {
  it.each([
    ['connections that are dropped in the middle of a range', drops],
    ['answers of 503', isBusy],
  ] as const)('survives %s', async (_, fault) => {
    await served(threads, archive, async (gateway, server) => {
      server.fault = (count) => (count % 5 === 0 ? fault : undefined);
      const { status, body, broken } = await ask(gateway);
      expect([status, broken]).toEqual([200, false]);
      expect(body.equals(big)).toBe(true);
      expect(failures).toEqual([]);
    });
  });

  it('tells of an object that has changed, and sends nothing of it', async () => {
    await served(threads, archive, async (gateway, server) => {
      const inside = [0, 99] as const;
      expect((await ask(gateway, inside)).body.equals(big.subarray(0, 100))).toBe(true);
      server.etag = '"two"';
      server.content = archive.slice().fill(7, 2 ** 16);
      const later = 300 * segmentBytes;
      const { status, body } = await ask(gateway, [later, later + 99]);
      expect([status, body.toString()]).toEqual([500, expect.stringContaining('InternalError')]);
      const whole = await ask(gateway);
      expect(whole.broken || whole.status === 500).toBe(true);
      if (whole.status === 200)
        expect(whole.body.equals(big.subarray(0, whole.body.length))).toBe(true);
      expect(failures).toEqual(['SOURCE_CHANGED', 'SOURCE_CHANGED']);
    });
  });

  it('breaks off at a segment that is not the one that was sealed, wherever it lies', async () => {
    const { core, at } = regionsOf(archive);
    const place = { hash: core.suite.hash.name, at: at.header[0], segmentBytes };
    const offset = segmentOffset({ ...place, length: 0, segments: 0 }, 200) + 50;
    const altered = archive.slice();
    altered[offset] = (altered[offset] as number) ^ 1;
    await served(threads, altered, async (gateway) => {
      const { status, body, broken } = await ask(gateway);
      expect([status, broken]).toEqual([200, true]);
      expect(body.length).toBeLessThan(200 * segmentBytes);
      expect(body.equals(big.subarray(0, body.length))).toBe(true);
      const from = 202 * segmentBytes;
      const behind = await ask(gateway, [from, from + 9]);
      expect(behind.body.equals(big.subarray(from, from + 10))).toBe(true);
      expect(failures).toEqual(['SEGMENT_INVALID']);
    });
  });
});
