/** Archives that are elsewhere: whatever a path does, an address does. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  cat,
  grant,
  inspect,
  isStrongroomError,
  list,
  open,
  recipients,
  rekey,
  seal,
  verify,
} from '#strongroom/index.js';
import {
  leftovers,
  makeArchive,
  noise,
  outcome,
  people,
  readFiles,
  sharedWorkspace,
  workspace,
} from '../support/archive.ts';
import { rangeHeaders, serveRanges } from '../support/ranges.ts';

const who = people();
const root = sharedWorkspace();
const big = noise(12 * 2 ** 20 + 99);
const path = await makeArchive(root, {
  who,
  files: { big, 'a/small.json': '{}', empty: '', tail: noise(5000, 2) },
  segmentBytes: 2 ** 16,
});
const archive = new Uint8Array(readFileSync(path));
const access = { identity: who.reader, trust: who.trust };

describe('an archive over HTTP', () => {
  it('is opened whole by several threads, with what was sealed in it', async () => {
    const server = await serveRanges(archive);
    const output = join(workspace(), 'out');
    await open(server.url, { ...access, output, threads: 3 });
    expect(readFiles(output)).toEqual(readFiles(join(root, 'archive-source')));
    // One request that finds the state, whatever the number of threads
    const first = server.requests.filter(({ headers }) => headers['if-range'] === undefined);
    expect(first.length).toBe(1);
  });

  it('reads only what holds the files that are wanted', async () => {
    const server = await serveRanges(archive);
    const output = join(workspace(), 'out');
    await open(server.url, { ...access, output, only: ['tail', 'a/*'] });
    expect(Object.keys(readFiles(output)).sort()).toEqual(['a/', 'a/small.json', 'tail']);
    const asked = server.requests.map(({ headers }) => /(\d+)-(\d+)/.exec(headers.range ?? ''));
    const bytes = asked.reduce((sum, range) => sum + Number(range?.[2]) - Number(range?.[1]), 0);
    expect(bytes).toBeLessThan(archive.length / 4);
  });

  it('is verified, inspected, listed, and one file of it read', async () => {
    const { url } = await serveRanges(archive);
    const local = await verify(path, { trust: who.trust });
    expect(await verify(url, { trust: who.trust })).toEqual(local);
    expect(await inspect(url)).toEqual(await inspect(path));
    expect(await list(url, access)).toEqual(await list(path, access));
    expect(await recipients(url, access)).toEqual(await recipients(path, access));
    const parts: Uint8Array[] = [];
    await cat(url, 'big', access, (part) => void parts.push(part));
    expect(Buffer.concat(parts).equals(big)).toBe(true);
  });

  it('is rekeyed into a local one', async () => {
    const { url } = await serveRanges(archive);
    const trust = who.trust;
    const output = join(workspace(), 'new.srm');
    const options = { trust, holder: who.reader, identity: who.author, output };
    await rekey(url, { ...options, recipients: [who.reader.card] });
    expect((await verify(output, { trust })).payloadBytes).toBeGreaterThan(big.length);
  });

  it('gets a detached key ring, which is read over HTTP as well', async () => {
    const server = await serveRanges(archive);
    const output = join(workspace(), 'ring');
    const change = { identity: who.author, holder: who.reader, trust: who.trust };
    const ring = { ...change, add: [who.stranger.card], output };
    // The holder has no key of its own to sign with here
    const { holder: _, ...signed } = ring;
    expect(await outcome(() => grant(server.url, signed))).toBe('NO_KEY_FITS');
    expect(await outcome(() => grant(server.url, { ...ring, output: undefined }))).toBe('USAGE');
    await grant(server.url, ring);
    const rings = await serveRanges(new Uint8Array(readFileSync(output)));
    const theirs = { identity: who.stranger, trust: who.trust, keyring: rings.url };
    expect((await list(server.url, theirs)).length).toBe(5);
  });

  it('is refused when a byte of it was changed, and nothing is left', async () => {
    const changed = archive.slice();
    const middle = Math.floor(archive.length / 2);
    changed[middle] = (changed[middle] ?? 0) ^ 1;
    const server = await serveRanges(changed);
    const at = workspace();
    const opening = open(server.url, { ...access, output: join(at, 'out') });
    expect(await outcome(() => opening)).toBe('SEGMENT_INVALID');
    expect(leftovers(at)).toEqual([]);
  });

  it('is refused when another takes its place meanwhile, whoever notices', async () => {
    const server = await serveRanges(archive);
    // Found and trusted as it was; then the threads ask
    server.fault = (count) => {
      if (count > 6) server.etag = '"two"';
      return undefined;
    };
    const at = workspace();
    const opening = open(server.url, { ...access, output: join(at, 'out'), threads: 2 });
    expect(await outcome(() => opening)).toBe('SOURCE_CHANGED');
    expect(leftovers(at)).toEqual([]);
  });

  it('is opened through resets and refusals', async () => {
    const server = await serveRanges(archive);
    server.fault = (count) => {
      if (count % 3 === 1) {
        return (response, range) => {
          response.writeHead(206, { etag: '"one"', ...rangeHeaders(range, archive.length) });
          response.write(archive.subarray(range.from, range.from + 3000), () =>
            response.socket?.resetAndDestroy(),
          );
          return true;
        };
      }
      if (count % 3 === 2) {
        return (response) => {
          response.writeHead(503, { 'retry-after': '0' }).end();
          return true;
        };
      }
      return undefined;
    };
    const output = join(workspace(), 'out');
    await open(server.url, { ...access, output, threads: 2 });
    expect(readFiles(output)).toEqual(readFiles(join(root, 'archive-source')));
  });

  it('stops when it is told to, also while nothing comes', async () => {
    const server = await serveRanges(archive);
    const controller = new AbortController();
    server.fault = (count) => {
      if (count < 7) return undefined;
      setTimeout(() => controller.abort(), 50);
      return () => true;
    };
    const at = workspace();
    const { signal } = controller;
    const opening = open(server.url, { ...access, output: join(at, 'out'), signal });
    expect(await outcome(() => opening)).toBe('INTERRUPTED');
    expect(leftovers(at)).toEqual([]);
  });

  it('is not told by its query, whatever goes wrong', async () => {
    const short = await serveRanges(archive.subarray(0, -1));
    const failed = await verify(`${short.url}?sig=secret`, { trust: who.trust }).catch(
      (error: unknown) => error,
    );
    expect(isStrongroomError(failed, 'TRUNCATED')).toBe(true);
    expect(JSON.stringify([String(failed), failed])).not.toContain('secret');
  });
});

it('nothing is sealed to an address that only reads, nor is a file overwritten', async () => {
  const sealing = { recipients: [who.reader.card], signer: who.author };
  const source = join(root, 'archive-source');
  const http = seal(source, { ...sealing, output: 'https://host/x.srm?sig=secret' });
  const error = await http.catch((thrown: unknown) => thrown);
  expect(isStrongroomError(error, 'USAGE')).toBe(true);
  expect(String(error)).not.toContain('secret');
  const output = join(workspace(), 'x.srm');
  expect(await outcome(() => seal(source, { ...sealing, output, overwrite: true }))).toBe('USAGE');
});
