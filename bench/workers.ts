/**
 * `npm run bench:workers`: one plan by 1, 2, 3 worker processes at once, on this machine.
 *
 *   npm run bench:workers                                     1 GiB in /dev/shm, verified and opened
 *   npm run bench:workers -- --size 4 --most 4 --threads 2    other sizes
 *   npm run bench:workers -- --store s3://BUCKET              also sealed, into a store that the
 *                                                             environment names as `seal` needs it
 *
 * Each process does ranges one after the other, start-up included, as a scheduler would start them.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { createModel } from './data.ts';
import { strongroom } from './paths.ts';
import { markdownTable } from './tables.ts';

const run = promisify(execFile);
const GiB = 2 ** 30;

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '1' },
    dir: { type: 'string', default: '/dev/shm' },
    most: { type: 'string', default: '3' },
    ranges: { type: 'string', default: '12' },
    threads: { type: 'string', default: '1' },
    store: { type: 'string' },
  },
});
const ranges = Number(values.ranges);
const work = mkdtempSync(join(values.dir, 'strongroom-bench-workers-'));
process.env.STRONGROOM_STATE_DIR = join(work, 'state');
const at = (name: string) => join(work, name);
const command = (...args: string[]) => execFileSync(process.execPath, [strongroom, ...args]);
const keys = ['-i', at('lab.key'), '--signer', at('lab.key.card')];

/** Seconds that `count` processes take for all ranges together. */
async function timed(plan: string, count: number): Promise<number> {
  let next = 0;
  const one = async () => {
    for (let index = next++; index < ranges; index = next++) {
      const how = ['--index', String(index), '--threads', values.threads, '-q'];
      await run(process.execPath, [strongroom, 'work', '-p', plan, ...how, ...keys]);
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: count }, one));
  return (performance.now() - start) / 1000;
}

try {
  const { directory, bytes } = createModel(work, Number(values.size) * GiB);
  command('keygen', '--name', 'lab', '--plain', '-o', at('lab.key'));
  const access = ['-r', at('lab.key.card'), '--sign', at('lab.key')];
  command('seal', directory, '-o', at('model.srm'), ...access);
  const rows: string[][] = [];
  for (let count = 1; count <= Number(values.most); count++) {
    const output = at(`opened-${count}`);
    const object = `${values.store}/workers-${process.pid}-${count}.srm`;
    const kinds: [name: string, args: string[]][] = [
      ['verify', ['verify', at('model.srm'), ...keys, '--receipts', at('receipts')]],
      ['open', ['open', at('model.srm'), '-o', output, ...keys]],
    ];
    if (values.store !== undefined)
      kinds.push(['seal', ['seal', directory, '-o', object, ...access]]);
    for (const [name, args] of kinds) {
      const plan = at(`${name}-${count}.plan`);
      command(
        'plan',
        ...args,
        '--ranges',
        String(ranges),
        '--worker',
        at('lab.key.card'),
        '-p',
        plan,
      );
      const seconds = await timed(plan, count);
      const rate = (bytes / 1e9 / seconds).toFixed(2);
      command('plan', 'finish', '-p', plan, '-i', at('lab.key'));
      rows.push([name, String(count), seconds.toFixed(1), rate]);
    }
    rmSync(output, { recursive: true });
  }
  rows.sort(([a = ''], [b = '']) => a.localeCompare(b));
  console.log(markdownTable([['', 'workers', 's', 'GB/s'], ...rows]));
} finally {
  rmSync(work, { recursive: true, force: true });
}
