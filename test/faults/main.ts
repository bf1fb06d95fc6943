/**
 * Injects faults into the command and looks at what they leave:
 * `npm run test:faults -- [--rounds N] [--seed N] [--only KIND] [--story NAME]`, as root on Linux.
 * Exit status 1 if any was not survived.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { randomOf } from '../fuzz/random.ts';
import { failCalls, fill } from './failures.ts';
import { kill, type Plan } from './kills.ts';
import { disturb } from './network.ts';
import { cutPower } from './power.ts';
import { shorten } from './short.ts';
import { storiesOf } from './stories.ts';
import { Tally } from './tally.ts';
import { makeWorld } from './world.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '320' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    story: { type: 'string' },
  },
});

const kinds: Readonly<Record<string, (plan: Plan) => Promise<void>>> = {
  kill,
  fail: failCalls,
  fill,
  short: shorten,
  power: cutPower,
  network: disturb,
};

/** Nothing is left out because something is not there. */
function assertEquipped(): void {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new Error('faults are injected as root on Linux');
  }
  for (const tool of [
    'strace',
    'mount',
    'umount',
    'mkfs.ext4',
    'mkfs.xfs',
    'xfs_io',
    'gcc',
    'bash',
    'tar',
    'df',
  ]) {
    execFileSync('sh', ['-c', `command -v ${tool}`], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
}

assertEquipped();
const scratch = mkdtempSync(join(tmpdir(), 'strongroom-faults-'));
try {
  const began = performance.now();
  mkdirSync(join(scratch, 'world'));
  const world = await makeWorld(join(scratch, 'world'));
  const { only, story, seed } = values;
  const stories = storiesOf(world).filter(({ name }) => story === undefined || name === story);
  const tally = new Tally();
  for (const [kind, run] of Object.entries(kinds)) {
    if (only !== undefined && only !== kind) continue;
    const parent = join(scratch, kind);
    mkdirSync(parent);
    const from = performance.now();
    const random = randomOf(Number(seed));
    await run({ world, stories, parent, random, tally, rounds: Number(values.rounds), lanes: 2 });
    console.log(`${kind}: ${Math.round((performance.now() - from) / 1000)} s`);
  }
  tally.show();
  const all = () => true;
  const isKill = ({ kind }: { kind: string }) => kind.startsWith('kill');
  const [rounds, struck, wrong] = [
    tally.count(all, 'rounds'),
    tally.count(all, 'struck'),
    tally.count(all, 'wrong'),
  ];
  const minutes = ((performance.now() - began) / 60e3).toFixed(1);
  console.log(
    `${rounds} faults injected, ${struck} struck (${tally.count(isKill, 'rounds')} kills, ` +
      `${tally.count(isKill, 'struck')} struck), ${rounds - wrong} survived, ${wrong} not, ` +
      `seed ${seed}, ${minutes} minutes`,
  );
  if (wrong > 0) process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true });
}
