/** The command as a process of its own, and what may be said of how it ended. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { resolve } from 'node:path';

export const bin = resolve('bin/strongroom.js');

/** How a command ended. */
export interface Ended {
  /** As a shell sees it: 128 and the signal's number if one ended it. */
  readonly status: number;
  readonly stderr: string;
  readonly ms: number;
}

export interface Running {
  readonly cwd: string;
  /** A program and its arguments that run the command, such as strace. */
  readonly under?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What its standard input is: a shell command, such as `tar`. */
  readonly from?: string | undefined;
  /** Ends the process with SIGKILL after so many milliseconds. */
  readonly killAfterMs?: number;
  readonly onStart?: (pid: number) => void;
}

/** Runs `strongroom` with `args`. */
export function strongroom(args: readonly string[], running: Running): Promise<Ended> {
  const { cwd, under = [], env = {}, from, killAfterMs, onStart } = running;
  const command = [...under, process.execPath, bin, ...args];
  const piped = ['bash', '-c', `${from} | exec "$@"`, 'piped', ...command];
  const [program, ...rest] = from === undefined ? command : piped;
  const began = performance.now();
  return new Promise((done, fail) => {
    const own = { STRONGROOM_STATE_DIR: `${cwd}/.state`, NO_COLOR: '1', ...env };
    const child = spawn(program as string, rest, {
      cwd,
      env: { ...process.env, ...own },
      stdio: ['ignore', 'ignore', 'pipe'],
      // A group of its own, since a pipe has two processes to be killed
      detached: true,
    });
    const errors: Buffer[] = [];
    child.stderr.on('data', (part) => errors.push(part));
    child.on('error', fail);
    const timer =
      killAfterMs === undefined
        ? undefined
        : setTimeout(() => killGroup(child.pid as number), killAfterMs);
    onStart?.(child.pid as number);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      done({
        status: code ?? 128 + constants.signals[signal ?? 'SIGKILL'],
        stderr: Buffer.concat(errors).toString(),
        ms: performance.now() - began,
      });
    });
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended before
  }
}

export const wasKilled = ({ status }: Ended): boolean => status === 128 + constants.signals.SIGKILL;

/** What is wrong with how a command told of a failure; `undefined` if nothing is. */
export function unclear({ status, stderr }: Ended, statuses: readonly number[] = [1]) {
  const said = stderr.trimEnd();
  if (!statuses.includes(status)) return `exit status ${status}: ${said}`;
  const lines = said.split('\n');
  const odd = lines.find((line) => !/^(error|warning|hint): .*[^.]$/.test(line));
  if (odd !== undefined) return `an odd line: ${odd}`;
  if (!lines.some((line) => line.startsWith('error: '))) return 'no line with the error';
  if (/please report|node:internal|\n {4}at |^error: E[A-Z]+$/m.test(said)) return said;
  return undefined;
}

/** Does jobs, so many at a time, in their order; the results in the same. */
export async function inLanes<T, R>(
  jobs: readonly T[],
  lanes: number,
  run: (job: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async () => {
    while (next < jobs.length) {
      const index = next++;
      results[index] = await run(jobs[index] as T, index);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return results;
}
