/**
 * `npm run bench:gateway`: what a gateway gives on loopback, to curl.
 *
 *   npm run bench:gateway                        4 GiB in /dev/shm
 *   npm run bench:gateway -- --size 16 --dir .   16 GiB, on a disk
 *   npm run bench:gateway -- --cache 64MiB       with another cache
 *
 * One reader of everything beside a bare server that sends the same bytes from memory; 32 readers
 * of ranges at once; the first byte of tensors all over the archive, at once after the start; the
 * peak of memory. Fails if the best sequential rate is below 1.5 GB/s, a range fails, a first byte
 * takes over 100 ms, or the process takes 256 MiB more than its cache.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { size } from '#strongroom/cli/options.js';
import { createModel } from './data.ts';
import { strongroom } from './paths.ts';
import { quantile } from './statistics.ts';
import { markdownTable } from './tables.ts';

const goals = { bytesPerSecond: 1.5e9, firstByteMs: 100, besidesCacheMiB: 256 };
const readers = 32;
const MiB = 2 ** 20;
const run = promisify(execFile);

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '4' },
    dir: { type: 'string', default: '/dev/shm' },
    cache: { type: 'string', default: '256MiB' },
  },
});
const work = mkdtempSync(join(values.dir, 'strongroom-bench-gateway-'));
process.env.STRONGROOM_STATE_DIR = join(work, 'state');
const node = (...args: string[]) => execFileSync(process.execPath, [strongroom, ...args]);

interface Fetched {
  readonly bytes: number;
  readonly bytesPerSecond: number;
  readonly firstByteMs: number;
}

/** What curl says of one download to nowhere; fails unless all of it came. */
async function curl(url: string, token: string, range?: string): Promise<Fetched> {
  const format = '%{size_download} %{speed_download} %{time_starttransfer} %{time_pretransfer}';
  const { stdout } = await run('curl', [
    ...['-sS', '-f', '-o', '/dev/null', '-w', format, '-H', `Authorization: Bearer ${token}`],
    ...(range === undefined ? [] : ['-r', range]),
    url,
  ]);
  const [bytes = 0, bytesPerSecond = 0, first = 0, sent = 0] = stdout.split(' ').map(Number);
  return { bytes, bytesPerSecond, firstByteMs: (first - sent) * 1000 };
}

/** A server that does nothing but send, for comparison: what Node and the kernel cost. */
async function bareServer(bytes: number) {
  const block = new Uint8Array(new SharedArrayBuffer(MiB)).fill(1);
  const server = createServer(async (_, response) => {
    response.writeHead(200, { 'Content-Length': Math.floor(bytes / MiB) * MiB });
    for (let sent = 0; sent + MiB <= bytes; sent += MiB) {
      await new Promise((resolve) => response.write(block, resolve));
    }
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close() };
}

async function startGateway(archive: string): Promise<{
  readonly child: ChildProcess;
  readonly url: string;
  readonly token: string;
}> {
  const env = join(work, 'env');
  const keys = ['-i', join(work, 'lab'), '--signer', join(work, 'lab.card'), '--no-memory'];
  const args = ['serve', `bench=${archive}`, '--write-env', env, '-q', '--cache', values.cache];
  const child = spawn(process.execPath, [strongroom, ...args, ...keys], { stdio: 'inherit' });
  while (!existsSync(env)) await sleep(10);
  const lines = readFileSync(env, 'utf8').split('\n');
  const value = (name: string) =>
    lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
  return { child, url: `${value('STRONGROOM_URL')}/bench`, token: value('STRONGROOM_TOKEN') };
}

const processorSeconds = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
};

const gigabytes = (rate: number): string => `${(rate / 1e9).toFixed(2)} GB/s`;

try {
  const model = createModel(work, Number(values.size) * 2 ** 30);
  const archive = join(work, 'model.srm');
  node('keygen', '--name', 'bench', '--plain', '-o', join(work, 'lab'));
  node(
    'seal',
    model.directory,
    '-o',
    archive,
    '-r',
    join(work, 'lab.card'),
    '--sign',
    join(work, 'lab'),
    '-q',
  );
  const shards = model.shards.map((name) => ({
    name,
    bytes: statSync(join(model.directory, name)).size,
  }));
  rmSync(model.directory, { recursive: true });
  const { child, url, token } = await startGateway(archive);
  const pid = child.pid as number;

  // At once after the start: nothing is warm, and tensors lie anywhere
  const firsts: number[] = [];
  for (let i = 0; i < 20; i++) {
    const shard = shards[i % shards.length] as (typeof shards)[0];
    const at = Math.floor((shard.bytes / 21) * (i + 1));
    firsts.push((await curl(`${url}/${shard.name}`, token, `${at}-${at + 65535}`)).firstByteMs);
  }

  const largest = shards[0] as (typeof shards)[0];
  const rates: number[] = [];
  const bare: number[] = [];
  const server = await bareServer(largest.bytes);
  const before = processorSeconds(pid);
  // Each once, so that nothing comes from the cache
  for (const { name } of shards) {
    rates.push((await curl(`${url}/${name}`, token)).bytesPerSecond);
    bare.push((await curl(server.url, token)).bytesPerSecond);
  }
  server.close();
  const bytes = shards.reduce((sum, shard) => sum + shard.bytes, 0);
  const cost = (processorSeconds(pid) - before) / (bytes / 1e9);

  const length = Math.floor(largest.bytes / readers);
  const began = performance.now();
  const parts = await Promise.all(
    Array.from({ length: readers }, (_, i) =>
      curl(`${url}/${largest.name}`, token, `${i * length}-${(i + 1) * length - 1}`),
    ),
  );
  const parallel = (readers * length) / ((performance.now() - began) / 1000);
  const failed = parts.filter(({ bytes }) => bytes !== length).length;
  const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  const peakMiB = Math.round(Number(peak) / 1024);
  child.kill('SIGTERM');

  const best = Math.max(...rates);
  const slowest = Math.max(...firsts);
  console.log(
    markdownTable([
      ['what', 'median', 'best', 'worst'],
      ...[
        ['one reader', quantile(rates, 0.5), best, Math.min(...rates)],
        ['a bare server', quantile(bare, 0.5), Math.max(...bare), Math.min(...bare)],
      ].map(([name, ...each]) => [String(name), ...each.map((rate) => gigabytes(Number(rate)))]),
    ]),
  );
  console.log(`${readers} readers: ${gigabytes(parallel)}, ${failed} failed`);
  console.log(
    `first byte: median ${quantile(firsts, 0.5).toFixed(1)} ms, ` +
      `worst ${slowest.toFixed(1)} ms, first ${firsts[0]?.toFixed(1)} ms`,
  );
  console.log(
    `processor: ${cost.toFixed(2)} s/GB; peak memory: ${peakMiB} MiB, cache ${values.cache}`,
  );
  const isTooLarge = peakMiB > size('--cache')(values.cache) / MiB + goals.besidesCacheMiB;
  const isTooSlow = best < goals.bytesPerSecond || slowest > goals.firstByteMs;
  if (isTooSlow || isTooLarge || failed > 0) {
    process.exitCode = 1;
    console.log('a goal is missed');
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
