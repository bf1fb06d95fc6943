/** Which calls of the kernel a command makes, and how strace makes one of them fail. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Running, strongroom } from './command.ts';
import { place } from './judge.ts';
import type { Story } from './stories.ts';

/** A call by its name and by its number among those of that name, from 1, in any one thread. */
export interface Call {
  readonly name: string;
  readonly number: number;
}

/** Calls that change what is on a disk. Of plain writes, some go to descriptors of the runtime. */
export const changing = [
  'pwrite64',
  'write',
  'fsync',
  'fdatasync',
  'rename',
  'renameat2',
  'link',
  'linkat',
  'unlink',
  'unlinkat',
  'rmdir',
  'mkdir',
  'symlink',
  'ftruncate',
  'chmod',
] as const;

const tracing = (names: readonly string[]) => [
  'strace',
  '-f',
  '-qqq',
  '-e',
  `trace=${names.join(',')}`,
];

/**
 * Runs the command as strace's child, with a fault at `call`. Every call stops it: filters that
 * let the others pass (`--seccomp-bpf`) let the signals of a fault pass as well.
 */
export const withFault = ({ name, number }: Call, fault: string): Running['under'] => [
  ...tracing([name]),
  '-e',
  `inject=${name}:${fault}:when=${number}`,
  '-o',
  '/dev/null',
];

/** The calls that a story makes when nothing goes wrong, as strace counts them: by thread. */
export async function callsOf(story: Story, parent: string): Promise<Call[]> {
  const directory = place(story, parent, 'traced');
  const output = join(parent, 'trace');
  const under = [...tracing(changing), '-y', '-o', output];
  const { status, stderr } = await strongroom(story.args, {
    cwd: directory,
    from: story.from,
    under,
  });
  if (status !== 0) throw new Error(`${story.name}: ${stderr}`);
  const counts = new Map<string, number>();
  const found = new Set<string>();
  for (const line of readFileSync(output, 'utf8').split('\n')) {
    const [, thread, name] = /^(\d+) +([a-z0-9]+)\(/.exec(line) ?? [];
    if (name === undefined) continue;
    const count = (counts.get(`${thread} ${name}`) ?? 0) + 1;
    counts.set(`${thread} ${name}`, count);
    // To a file, and not to what wakes a thread
    if (/^\d+ +write\(\d+<(?!\/)/.test(line)) continue;
    found.add(`${name} ${count}`);
  }
  rmSync(directory, { recursive: true });
  return [...found].map((call) => {
    const [name, number] = call.split(' ') as [string, string];
    return { name, number: Number(number) };
  });
}
