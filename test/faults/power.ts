/**
 * Power cuts: a file system of its own on a loop device that is shut down without a flush, then
 * mounted again. What was in memory alone is gone.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Ended, strongroom, wasKilled } from './command.ts';
import { judge, place } from './judge.ts';
import { type Plan, spread } from './kills.ts';
import type { Story } from './stories.ts';
import { callsOf, withFault } from './trace.ts';

/** What a file system is made with; XFS takes no less space than it is given here. */
const systems = {
  ext4: ['mkfs.ext4', '-q', '-F'],
  xfs: ['mkfs.xfs', '-q', '-f'],
} as const;
type System = keyof typeof systems;
const imageBytes = 320 * 2 ** 20;

export async function cutPower(plan: Plan): Promise<void> {
  const { stories, parent, rounds } = plan;
  const cuts = new Map<Story, Awaited<ReturnType<typeof callsOf>>>();
  const each = Math.max(4, Math.ceil(rounds / stories.length / 10));
  for (const story of stories) {
    const calls = await callsOf(story, parent);
    // Before and after each of them the disk has something else
    const ordered = calls.filter(({ name }) => /sync|rename|link|pwrite/.test(name));
    cuts.set(story, spread(ordered, each));
  }
  const names = Object.keys(systems) as System[];
  await Promise.all(names.map((system) => cutOn(system, plan, cuts)));
}

async function cutOn(
  system: System,
  { parent, stories, random, tally }: Plan,
  cuts: ReadonlyMap<Story, Awaited<ReturnType<typeof callsOf>>>,
): Promise<void> {
  const image = join(parent, `${system}.image`);
  const disk = join(parent, system);
  writeFileSync(image, '');
  truncateSync(image, imageBytes);
  const [program, ...options] = systems[system];
  execFileSync(program, [...options, image]);
  mkdirSync(disk);
  const mount = () => execFileSync('mount', ['-o', 'loop', image, disk]);
  const unmount = () => execFileSync('umount', [disk]);
  const cut = () => execFileSync('xfs_io', ['-x', '-c', 'shutdown', disk]);
  mount();
  try {
    for (const story of stories) {
      for (const call of cuts.get(story) ?? []) {
        const under = withFault(call, 'signal=SIGKILL') as readonly string[];
        await round(story, `before ${call.name} ${call.number}`, async (directory) => {
          const running = { cwd: directory, from: story.from, under };
          const ended = await strongroom(story.args, running);
          cut();
          return ended;
        });
      }
      for (let i = 0; i < 3; i++) {
        const ms = 100 + random.below(200);
        await round(story, `after ${ms} ms`, async (directory) => {
          const running = strongroom(story.args, { cwd: directory, from: story.from });
          await sleep(ms);
          cut();
          return running;
        });
      }
      await round(story, 'as soon as it is told as done', async (directory) => {
        const ended = await strongroom(story.args, { cwd: directory, from: story.from });
        cut();
        return ended;
      });
    }
  } finally {
    unmount();
    rmSync(image);
  }

  async function round(
    story: Story,
    what: string,
    run: (directory: string) => Promise<Ended>,
  ): Promise<void> {
    const directory = place(story, disk, 'work');
    execFileSync('sync', ['-f', disk]);
    const ended = await run(directory);
    unmount();
    // Replays the log
    mount();
    const killed = wasKilled(ended);
    // What a dead disk says to the last of it, nobody can take back
    const fault = {
      mayBeDone: true,
      story,
      directory,
      ended,
      silent: killed,
      leaves: 'staged',
    } as const;
    const verdict = await judge(fault);
    tally.add(`power cut, ${system}`, story.name, what, verdict, true);
    rmSync(directory, { recursive: true });
  }
}
