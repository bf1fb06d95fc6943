/** Whether a fault was survived: old or new state, whole; told clearly; the next run succeeds. */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Ended, strongroom, unclear } from './command.ts';
import type { State, Story } from './stories.ts';

/** What a fault may leave behind. */
export type Leaves =
  /** A process that is gone could not clean up: what it staged keeps a name of its own. */
  'staged' | 'nothing';

export interface Fault {
  readonly story: Story;
  readonly directory: string;
  readonly ended: Ended;
  /** Whether the process was ended before it could tell of anything. */
  readonly silent: boolean;
  readonly leaves: Leaves;
  /** Whether a command that says that it failed may have done all of it. */
  readonly mayBeDone: boolean;
}

/** What becomes of a fault. */
export interface Verdict {
  readonly state?: State;
  /** What is wrong; nothing if it was survived. */
  readonly wrong?: string;
}

const staged = /\.partial$/;
/** What `--resume` goes on from. */
const kept = /\.resume(\.journal(\.new)?)?$/;
const locks = /\.(lock|claim)$/;

/** Every name below a directory but what the command keeps of its own user. */
const namesIn = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter(
    (name) => !name.startsWith('.state'),
  );

export async function judge(fault: Fault): Promise<Verdict> {
  const { story, directory, ended, silent, leaves, mayBeDone } = fault;
  try {
    const state = await story.state(directory);
    const wrong = (what: string): Verdict => ({ state, wrong: what });
    if (ended.status === 0 && state === 'old') return wrong('told as done, and is not');
    if (ended.status !== 0 && !silent) {
      const why = unclear(ended);
      if (why !== undefined) return wrong(why);
      if (state === 'new' && !mayBeDone) return wrong('told as failed, and is there');
    }
    const names = namesIn(directory);
    const known = new Set(story.names[state]);
    const odd = names.filter(
      (name) =>
        !name.includes('/') &&
        !known.has(name) &&
        ![staged, locks, ...(story.resumes ? [kept] : [])].some((each) => each.test(name)),
    );
    if (odd.length > 0) return wrong(`has ${odd.join(', ')}`);
    const left = names.filter((name) => staged.test(name) || locks.test(name));
    if (leaves === 'nothing' && left.length > 0) return wrong(`leaves ${left.join(', ')}`);
    const next = await goOn(story, directory, state);
    return next === undefined ? { state } : wrong(next);
  } catch (error) {
    return { wrong: `neither old nor new: ${(error as Error).message}` };
  }
}

/** The next run: the same again, or what comes after it. What is wrong with it. */
async function goOn(story: Story, directory: string, state: State): Promise<string | undefined> {
  const { args, from, after } = story;
  const again = state === 'old';
  const next = await strongroom(again ? args : after, {
    cwd: directory,
    from: again ? from : undefined,
  });
  if (next.status !== 0) return `the next run fails: ${next.stderr.trim()}`;
  if (again && (await story.state(directory)) !== 'new') return 'the next run does nothing';
  // What a run that was killed once all was done could not clean up is no next run's to look for
  const stays = again || !story.resumes ? [locks, kept] : [];
  const left = namesIn(directory).filter((name) => stays.some((each) => each.test(name)));
  return left.length === 0 ? undefined : `the next run leaves ${left.join(', ')}`;
}

/** A directory of a fault's own, with what the story begins with. */
export function place(story: Story, parent: string, name: string): string {
  const directory = join(parent, name);
  if (existsSync(directory)) rmSync(directory, { recursive: true });
  mkdirSync(directory, { recursive: true });
  story.prepare(directory);
  return directory;
}
