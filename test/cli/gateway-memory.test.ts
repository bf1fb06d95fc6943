/** What the gateway takes of memory: its cache, whatever is read and by how many. */
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import { opening, scratch, sealing, strongroom, world } from './helpers.ts';

const cwd = scratch();
const MiB = 2 ** 20;
const size = 384 * MiB;
const readers = 4;

beforeAll(async () => {
  await world(cwd);
  mkdirSync(join(cwd, 'big'));
  const fd = openSync(join(cwd, 'big/weights'), 'w');
  ftruncateSync(fd, size);
  closeSync(fd);
  const sealed = await strongroom(['seal', 'big', '-o', 'big.srm', ...sealing], { cwd });
  expect(sealed.status, sealed.stderr).toBe(0);
});

const peakOf = (pid: number): number => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
};

it.runIf(process.platform === 'linux')(
  'is bounded by --cache',
  async () => {
    const env = join(cwd, 'env');
    const args = ['serve', 'big.srm', '--cache', '8MiB', '--write-env', env, '-q', ...opening];
    let grown = 0;
    const counts: number[] = [];
    const { status, stderr } = await strongroom(args, {
      cwd,
      async during(child) {
        while (!existsSync(env)) await sleep(20);
        const lines = readFileSync(env, 'utf8')
          .split('\n')
          .map((line) => line.split('='));
        const { STRONGROOM_URL: url, STRONGROOM_TOKEN: token } = Object.fromEntries(lines);
        const before = peakOf(child.pid as number);
        const all = Array.from({ length: readers }, async () => {
          const headers = { authorization: `Bearer ${token}` };
          const response = await fetch(`${url}/big/weights`, { headers });
          let bytes = 0;
          for await (const chunk of response.body ?? []) bytes += chunk.length;
          counts.push(bytes);
        });
        await Promise.all(all);
        grown = peakOf(child.pid as number) - before;
        child.kill('SIGTERM');
      },
    });
    expect([status, stderr]).toEqual([0, '']);
    expect(counts).toEqual(Array(readers).fill(size));
    // The cache, the buffers of sockets, and what the garbage collector has not seen yet
    expect(grown).toBeLessThan(192 * MiB);
  },
  120_000,
);
