/** Reads and writes that come short, and writes that fail half-way, by a library that is preloaded. */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { inLanes, strongroom } from './command.ts';
import { isInPlace } from './failures.ts';
import { judge, place } from './judge.ts';
import type { Plan } from './kills.ts';
import type { Story } from './stories.ts';

interface Round {
  readonly kind: 'short counts' | 'half a write';
  readonly story: Story;
  readonly what: string;
  readonly env: Readonly<Record<string, string>>;
}

export async function shorten(plan: Plan): Promise<void> {
  const { stories, parent, random, tally, lanes } = plan;
  const library = join(parent, 'short.so');
  const source = resolve('test/faults/short.c');
  execFileSync('gcc', ['-O2', '-Wall', '-Werror', '-shared', '-fPIC', '-o', library, source]);
  const { EIO, ENOSPC } = constants.errno;
  const rounds: Round[] = stories.flatMap((story) => [
    ...Array.from({ length: 4 }, (): Round => {
      const seed = random.below(2 ** 31);
      const env = { SHORT_SEED: `${seed}` };
      return { kind: 'short counts', story, what: `seed ${seed}`, env };
    }),
    ...Array.from({ length: 8 }, (_, i): Round => {
      const [reason, name] = i % 2 === 0 ? [EIO, 'EIO'] : [ENOSPC, 'ENOSPC'];
      const env = { FAIL_WRITE: `${i + 1}`, FAIL_ERRNO: `${reason}` };
      return { kind: 'half a write', story, what: `${name} at write ${i + 1}`, env };
    }),
  ]);
  await inLanes(rounds, lanes, async ({ kind, story, what, env }, i) => {
    const directory = place(story, parent, `short-${i}`);
    const { args, from } = story;
    const under = ['env', `LD_PRELOAD=${library}`];
    const ended = await strongroom(args, { cwd: directory, from, under, env });
    const verdict = await judge({
      ...{ story, directory, ended },
      silent: false,
      leaves: 'nothing',
      mayBeDone: isInPlace(story),
    });
    const must = kind === 'short counts' && ended.status !== 0;
    const wrong = must ? `fails: ${ended.stderr.trim()}` : undefined;
    tally.add(kind, story.name, what, wrong ? { ...verdict, wrong } : verdict, true);
    rmSync(directory, { recursive: true });
  });
}
