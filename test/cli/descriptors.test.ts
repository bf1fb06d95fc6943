/** Few open files: the command starts as many threads as fit, and each keeps few files open. */
import { closeSync, ftruncateSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { opening, scratch, sealing, shell, world } from './helpers.ts';

const cwd = scratch();
const files = 300;

beforeAll(async () => {
  await world(cwd);
  mkdirSync(join(cwd, 'many'));
  for (let i = 0; i < files; i++) {
    const fd = openSync(join(cwd, 'many', `${i}`), 'w');
    ftruncateSync(fd, 2 ** 20);
    closeSync(fd);
  }
});

it.skipIf(process.platform !== 'linux')('seals and opens within 128 open files', async () => {
  const limited = (command: string) =>
    shell(`ulimit -n 128; exec "$node" "$strongroom" ${command} --threads 60 --json`, { cwd });
  const sealed = await limited(`seal many -o many.srm ${sealing.join(' ')}`);
  expect(sealed.status, sealed.stderr).toBe(0);
  const opened = await limited(`open many.srm -o opened ${opening.join(' ')}`);
  expect(opened.status, opened.stderr).toBe(0);
  expect(JSON.parse(opened.stdout.toString())).toMatchObject({ files, bytes: files * 2 ** 20 });
});
