/** Calls that fail: EIO and ENOSPC at each write, sync and rename; full disks; limits on files. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { inLanes, type Running, strongroom } from './command.ts';
import { judge, place } from './judge.ts';
import { type Plan, spread } from './kills.ts';
import type { Story } from './stories.ts';
import { callsOf, withFault } from './trace.ts';

/** What can fail, and why. Plain writes are in `short.ts`: here, the runtime's own would fail too. */
const reasons: Readonly<Record<string, readonly string[]>> = {
  pwrite64: ['EIO', 'ENOSPC'],
  fsync: ['EIO', 'ENOSPC'],
  fdatasync: ['EIO', 'ENOSPC'],
  rename: ['EIO', 'ENOSPC'],
  renameat2: ['EIO', 'ENOSPC'],
  link: ['EIO', 'ENOSPC'],
  linkat: ['EIO', 'ENOSPC'],
  unlink: ['EIO'],
  unlinkat: ['EIO'],
  rmdir: ['EIO'],
  mkdir: ['EIO', 'ENOSPC'],
  symlink: ['EIO', 'ENOSPC'],
  ftruncate: ['EIO'],
  chmod: ['EIO'],
};

/** Where what cannot be removed may stay, since removing is what failed. */
const removals = ['unlink', 'unlinkat', 'rmdir'];
/** A ring or a log in force is so before the last of what is written, and cannot be taken back. */
const inPlace = ['grant', 'revoke', 'ledger append'];
export const isInPlace = ({ name }: Story): boolean => inPlace.includes(name);

export async function failCalls({ stories, parent, tally, rounds, lanes }: Plan): Promise<void> {
  const faults: { story: Story; what: string; call: string; under: Running['under'] }[] = [];
  for (const story of stories) {
    const calls = (await callsOf(story, parent)).filter(({ name }) => name in reasons);
    const each = spread(calls, Math.max(8, Math.ceil(rounds / stories.length / 4)));
    for (const call of each) {
      for (const reason of reasons[call.name] as readonly string[]) {
        const what = `${reason} at ${call.name} ${call.number}`;
        const under = withFault(call, `error=${reason}`);
        faults.push({ story, what, call: call.name, under });
      }
    }
  }
  await inLanes(faults, lanes, async ({ story, what, call, under }, i) => {
    const directory = place(story, parent, `fail-${i}`);
    const { args, from } = story;
    const ended = await strongroom(args, { cwd: directory, from, under: under ?? [] });
    const verdict = await judge({
      ...{ story, directory, ended },
      silent: false,
      leaves: removals.includes(call) ? 'staged' : 'nothing',
      mayBeDone: isInPlace(story),
    });
    tally.add(what.slice(0, what.indexOf(' ')), story.name, what, verdict, ended.status !== 0);
    rmSync(directory, { recursive: true });
  });
}

/** Disks of every size from none left to enough, and limits on the size of a file. */
export async function fill({ stories, parent, tally, lanes }: Plan): Promise<void> {
  const sizes = [4, 16, 64, 2048, 3072];
  await inLanes(
    stories.flatMap((story) => sizes.map((kib) => [story, kib] as const)),
    lanes,
    async ([story, kib], i) => {
      await fullDisk(story, kib, join(parent, `disk-${i}`));
      if (story.from === undefined) await limited(story, kib, `limited-${i}`);
    },
  );

  async function fullDisk(story: Story, kib: number, disk: string): Promise<void> {
    mkdirSync(disk, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', disk]);
    try {
      const directory = place(story, disk, 'work');
      mkdirSync(join(directory, '.state'), { recursive: true });
      const [used] = execFileSync('df', ['--output=used', '-k', disk], { encoding: 'utf8' })
        .split('\n')
        .slice(1);
      const size = (kilobytes: number) =>
        execFileSync('mount', ['-o', `remount,size=${kilobytes}k`, disk]);
      size(Number(used) + kib);
      const ended = await strongroom(story.args, { cwd: directory, from: story.from });
      size(65536);
      await told('full disk', story, directory, ended, `${kib} KiB left`);
    } finally {
      execFileSync('umount', [disk]);
    }
  }

  async function limited(story: Story, kib: number, name: string): Promise<void> {
    const directory = place(story, parent, name);
    const under = ['bash', '-c', `ulimit -f ${kib}; exec "$@"`, 'limited'];
    const ended = await strongroom(story.args, { cwd: directory, under });
    await told('ulimit -f', story, directory, ended, `${kib} KiB a file`);
    rmSync(directory, { recursive: true });
  }

  async function told(
    kind: string,
    story: Story,
    directory: string,
    ended: Awaited<ReturnType<typeof strongroom>>,
    what: string,
  ): Promise<void> {
    const mayBeDone = isInPlace(story);
    const fault = { story, directory, ended, silent: false, leaves: 'nothing', mayBeDone } as const;
    tally.add(kind, story.name, what, await judge(fault), ended.status !== 0);
  }
}
