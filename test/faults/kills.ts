/** SIGKILL: before every call that changes a disk, one after the other, and at random moments. */
import { rmSync } from 'node:fs';
import type { Random } from '../fuzz/random.ts';
import { inLanes, type Running, strongroom, wasKilled } from './command.ts';
import { judge, place } from './judge.ts';
import type { Story } from './stories.ts';
import type { Tally } from './tally.ts';
import { type Call, callsOf, withFault } from './trace.ts';
import type { World } from './world.ts';

interface Kill {
  readonly kind: 'kill at a call' | 'kill at random';
  readonly story: Story;
  readonly what: string;
  readonly how: Pick<Running, 'under' | 'killAfterMs'>;
}

export interface Plan {
  readonly world: World;
  readonly stories: readonly Story[];
  readonly parent: string;
  readonly random: Random;
  readonly tally: Tally;
  /** How many, over all stories. */
  readonly rounds: number;
  readonly lanes: number;
}

export async function kill(plan: Plan): Promise<void> {
  const { parent, tally, lanes } = plan;
  const kills = await planned(plan);
  await inLanes(kills, lanes, async ({ kind, story, what, how }, i) => {
    const directory = place(story, parent, `kill-${i}`);
    const { args, from } = story;
    const ended = await strongroom(args, { cwd: directory, from, ...how });
    const killed = wasKilled(ended);
    const verdict = await judge({
      ...{ story, directory, ended },
      silent: killed,
      leaves: killed ? 'staged' : 'nothing',
      mayBeDone: false,
    });
    tally.add(kind, story.name, what, verdict, killed);
    rmSync(directory, { recursive: true });
  });
}

/** Half of the rounds at calls, every one if there are enough rounds; the rest at random. */
async function planned({ stories, parent, random, rounds }: Plan): Promise<Kill[]> {
  const share = Math.ceil(rounds / stories.length);
  const kills: Kill[] = [];
  for (const story of stories) {
    const calls = spread(await callsOf(story, parent), Math.ceil(share / 2));
    for (const call of calls) {
      const what = `${call.name} ${call.number}`;
      const under = withFault(call, 'signal=SIGKILL') as readonly string[];
      kills.push({ kind: 'kill at a call', story, what, how: { under } });
    }
    const ms = await usualMs(story, parent);
    for (let i = calls.length; i < share; i++) {
      // Before a third of the time the runtime has hardly begun
      const killAfterMs = Math.round(ms * (0.33 + random.below(800) / 1000));
      const what = `after ${killAfterMs} of ${Math.round(ms)} ms`;
      kills.push({ kind: 'kill at random', story, what, how: { killAfterMs } });
    }
  }
  return kills;
}

/** At most `count` calls; where there are more, the ones left out lie evenly between. */
export function spread(calls: readonly Call[], count: number): Call[] {
  if (calls.length <= count) return [...calls];
  return Array.from(
    { length: count },
    (_, i) => calls[Math.floor((i * calls.length) / count)] as Call,
  );
}

async function usualMs(story: Story, parent: string): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    const directory = place(story, parent, 'timed');
    const { ms } = await strongroom(story.args, { cwd: directory, from: story.from });
    times.push(ms);
    rmSync(directory, { recursive: true });
  }
  return times.sort((a, b) => a - b)[1] as number;
}
