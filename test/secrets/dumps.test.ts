/** Must hold: a core dump of the command has nothing of its memory. Linux alone lets it say so. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { bin, scratch } from '../cli/helpers.ts';
import { held } from './memory.ts';

const isLinux = process.platform === 'linux';
const cwd = scratch();

it.runIf(isLinux)('is asked for before anything else is done', async () => {
  let filter = '';
  await held([bin, '--version'], {
    cwd,
    atEnd: (pid) => {
      filter = readFileSync(`/proc/${pid}/coredump_filter`, 'utf8').trim();
    },
  });
  expect(filter).toBe('00000000');
});

/** Where dumps go to a program or another directory, none can be looked at. */
const pattern = isLinux ? readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim() : '';

/** Megabytes of the dump of a program that is aborted with a secret in its memory. */
function dumpOf(name: string, filter: string): number {
  const script = `${filter}; globalThis.kept = Buffer.alloc(64 * 2 ** 20, 1); process.abort()`;
  const directory = join(cwd, name);
  const shell = `mkdir ${name} && cd ${name} && ulimit -c unlimited && exec "$0" -e "$1"`;
  spawnSync('bash', ['-c', shell, process.execPath, script], { cwd });
  const [dump] = readdirSync(directory);
  return dump === undefined ? Number.NaN : statSync(join(directory, dump)).size / 2 ** 20;
}

it.runIf(isLinux && /^[^|/]+$/.test(pattern))('is what keeps memory out of a dump', () => {
  expect(dumpOf('usual', '0')).toBeGreaterThan(64);
  const ask = 'require("node:fs").writeFileSync("/proc/self/coredump_filter", "0")';
  expect(dumpOf('asked', ask)).toBeLessThan(8);
});
