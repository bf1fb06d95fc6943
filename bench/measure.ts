/**
 * Measures a command as a process, start-up and all: what users wait for.
 *
 * Wall time runs from spawn to exit. CPU and peak memory come from wait4(2), which Node does
 * not give for one child, so GNU time asks for it where it is installed; it is the same for
 * every contestant and costs a millisecond. Elsewhere on Linux /proc is read every 10 ms,
 * which is what those figures are then good to; on other systems there are none.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Command {
  readonly argv: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  /** Standard output: kept for `stdout` of the outcome, or to the null device (default). */
  readonly capture?: boolean;
}

/** One run of one contestant; times in seconds. */
export interface Sample {
  readonly wall: number;
  /** User and system time of all threads and children. */
  readonly cpu?: number;
  /** Peak resident memory of the largest process. */
  readonly memoryBytes?: number;
}

export interface Outcome {
  readonly sample: Sample;
  readonly stdout: string;
}

/** A command that could not be run or ended badly; the message is for the terminal. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

const running = new Set<ChildProcess>();

/** Kills what this module started and what that started: each has a group of its own. */
export function killRunning(): void {
  for (const { pid } of running) {
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
}

const gnuTime = '/usr/bin/time';
const hasGnuTime =
  existsSync(gnuTime) && spawnSync(gnuTime, ['-f', '%M', 'true']).stderr?.length > 1;

/** How CPU and memory are obtained here; goes into the record. */
export const method = hasGnuTime ? 'wait4' : existsSync('/proc/self/stat') ? 'proc' : 'wall only';

type Usage = Omit<Sample, 'wall'>;

interface Meter {
  readonly argv: readonly [string, ...string[]];
  started(pid: number): void;
  ended(): Usage;
}

let usageDirectory: string | undefined;
process.on('exit', () => {
  if (usageDirectory !== undefined) rmSync(usageDirectory, { recursive: true, force: true });
});

function timeMeter(argv: Command['argv']): Meter {
  usageDirectory ??= mkdtempSync(join(tmpdir(), 'strongroom-bench-'));
  const file = join(usageDirectory, 'usage');
  return {
    argv: [gnuTime, '-q', '-f', '%U %S %M', '-o', file, ...argv],
    started() {},
    ended() {
      const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
      rmSync(file, { force: true });
      const [user, system, kilobytes] = text.trim().split(' ').map(Number);
      if (kilobytes === undefined) return {};
      return { cpu: (user as number) + (system as number), memoryBytes: kilobytes * 1024 };
    },
  };
}

const ticksPerSecond = 100;

/** proc_pid_stat(5) fields 14 and 15; the name before them may hold anything but the last `)`. */
function readUsage(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const peak = /^VmHWM:\s+(\d+)/m.exec(status)?.[1];
  return {
    cpu: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    ...(peak === undefined ? {} : { memoryBytes: Number(peak) * 1024 }),
  };
}

function procMeter(argv: Command['argv']): Meter {
  let timer: NodeJS.Timeout | undefined;
  let last: Usage = {};
  return {
    argv,
    started(pid) {
      timer = setInterval(() => {
        try {
          last = { ...last, ...readUsage(pid) };
        } catch {
          // It has just ended.
        }
      }, 10);
    },
    ended() {
      clearInterval(timer);
      return last;
    },
  };
}

const wallMeter = (argv: Command['argv']): Meter => ({ argv, started() {}, ended: () => ({}) });

const meters = { wait4: timeMeter, proc: procMeter, 'wall only': wallMeter } as const;

const seconds = (from: bigint): number => Number(process.hrtime.bigint() - from) / 1e9;

const keptErrorBytes = 4096;

/**
 * Runs `command` to its end.
 * @throws CommandError unless it ends with status 0.
 */
export function measure(command: Command): Promise<Outcome> {
  const meter = meters[method](command.argv);
  const [program, ...rest] = meter.argv;
  return new Promise((resolve, reject) => {
    const stdout: Buffer[] = [];
    let stderr = '';
    const began = process.hrtime.bigint();
    const child = spawn(program, rest, {
      detached: true,
      env: { ...process.env, ...command.env },
      stdio: ['ignore', command.capture ? 'pipe' : 'ignore', 'pipe'],
    });
    running.add(child);
    let wall = 0;
    let usage: Usage = {};
    if (child.pid !== undefined) meter.started(child.pid);
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk).slice(-keptErrorBytes);
    });
    child.on('exit', () => {
      wall = seconds(began);
      usage = meter.ended();
    });
    child.on('error', (error) => reject(new CommandError(error.message)));
    child.on('close', (status, signal) => {
      running.delete(child);
      if (status === 0) {
        resolve({ sample: { wall, ...usage }, stdout: Buffer.concat(stdout).toString() });
        return;
      }
      const why = signal === null ? `ended with status ${status}` : `was ended by ${signal}`;
      reject(new CommandError(`${command.argv.join(' ')}: ${why}\n${stderr.trim()}`));
    });
  });
}

/** Runs a command outside of any measurement. */
export async function run(...argv: [string, ...string[]]): Promise<string> {
  return (await measure({ argv, capture: true })).stdout;
}
