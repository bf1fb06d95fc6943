/**
 * `npm run bench:profile`: where the processor's time goes, stage by stage, in whole runs of
 * the command. Samples come from perf(1): by the clock, so that it works in virtual machines.
 *
 *   npm run bench:profile                     4 GiB in /dev/shm
 *   npm run bench:profile -- --size 1 --dir /dev/shm --suite cnsa2
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createModel } from './data.ts';
import { run } from './measure.ts';
import { isInstalled, program, strongroom } from './paths.ts';
import { giveUp, onDismissal, remove, temporaryDirectory } from './room.ts';
import { markdownTable } from './tables.ts';
import { keepWarm } from './warmth.ts';

const samplesPerSecond = 499;
const maxText = 2 ** 30;

/** By what is on the stack of a thread that works on segments, innermost first. */
const stages = {
  read: /sys_p?read/,
  cipher: /aes|gcm|ghash/i,
  hash: /blake3|sha512/i,
  "copy of the cipher's output": /mem(move|cpy)/,
  write: /sys_p?write/,
  'turns and locks': /sys_futex/,
} as const;

const rest = 'the rest of these threads';
const start = "the main thread and V8's helpers: start, keys, end";
const rows = [...Object.keys(stages), rest, start];

type Costs = Record<string, number>;

interface Sampled {
  readonly thread: string;
  /** Seconds, from any beginning. */
  readonly at: number;
  readonly stage: string;
}

/** Blocks of `perf script -F tid,time,ip,sym`: a thread and a time, then the stack. */
function* samplesOf(text: string): Generator<Sampled> {
  for (const block of text.split('\n\n')) {
    const [head, ...stack] = block.trim().split('\n');
    if (head === undefined || head === '') continue;
    const found = Object.entries(stages).find(([, pattern]) =>
      stack.some((line) => pattern.test(line)),
    );
    const [thread = '', at] = head.trim().split(/\s+/);
    yield { thread, at: Number.parseFloat(at ?? ''), stage: found?.[0] ?? rest };
  }
}

interface Profiled {
  readonly wall: number;
  readonly costs: Costs;
}

/** CPU seconds by stage. Threads that work on segments are those that hash. */
function evaluate(data: string): Profiled {
  const text = execFileSync('perf', ['script', '-i', data, '-F', 'tid,time,ip,sym'], {
    maxBuffer: maxText,
    stdio: ['ignore', 'pipe', 'ignore'],
  }).toString();
  const samples = [...samplesOf(text)];
  const workers = new Set(samples.filter(({ stage }) => stage === 'hash').map((s) => s.thread));
  const costs: Costs = Object.fromEntries(rows.map((row) => [row, 0]));
  for (const { thread, stage } of samples) {
    const row = workers.has(thread) ? stage : start;
    costs[row] = (costs[row] ?? 0) + 1 / samplesPerSecond;
  }
  const wall = (samples.at(-1)?.at ?? 0) - (samples[0]?.at ?? 0);
  return { wall, costs };
}

function profile(work: string, args: readonly string[], env: NodeJS.ProcessEnv): Profiled {
  const data = join(work, 'perf.data');
  const options = ['-q', '-e', 'cpu-clock', '-F', `${samplesPerSecond}`, '-g', '-o', data];
  const nothing = openSync('/dev/null', 'w');
  const { status } = spawnSync(
    'perf',
    ['record', ...options, process.execPath, strongroom, ...args],
    { env: { ...process.env, ...env }, stdio: ['ignore', nothing, 'inherit'] },
  );
  closeSync(nothing);
  if (status !== 0) throw new Error(`${args[0]}: ended with status ${status}`);
  return evaluate(data);
}

/** CPU seconds a gigabyte of raw stages in one thread, on the same memory. */
async function aloneCosts(model: ReturnType<typeof createModel>, work: string, hash: string) {
  const bytes = Math.min(model.bytes, 2 ** 31);
  const shards = model.shards.map((name) => join(model.directory, name));
  const cost = async (stage: string, ...paths: string[]) => {
    const out = await run(process.execPath, program('stage.ts'), stage, '1', `${bytes}`, ...paths);
    return (JSON.parse(out) as { cpu: number }).cpu / (bytes / 1e9);
  };
  return {
    read: await cost('read', ...shards),
    cipher: await cost('aes-256-gcm'),
    hash: await cost(hash),
    write: await cost('write', join(work, 'written')),
  } as Partial<Record<string, number>>;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      size: { type: 'string', default: '4' },
      dir: { type: 'string', default: '/dev/shm' },
      suite: { type: 'string', default: 'hybrid' },
    },
  });
  if (!isInstalled('perf')) throw new Error('perf is not installed');
  const bytes = Number(values.size) * 2 ** 30;
  const work = temporaryDirectory(values.dir, 'strongroom-bench-work');
  const model = createModel(temporaryDirectory(values.dir, 'strongroom-bench-models'), bytes);
  const key = join(work, 'bench.key');
  const card = `${key}.card`;
  const archive = join(work, 'archive');
  const opened = join(work, 'opened');
  const naming = ['--name', 'bench', '--suite', values.suite, '--plain'];
  await run(process.execPath, strongroom, 'keygen', ...naming, '-o', key);
  mkdirSync(join(work, 'state'));
  const env = { STRONGROOM_STATE_DIR: join(work, 'state') };
  const access = ['--identity', key, '--signer', card, '--quiet'];
  const letGo = onDismissal(keepWarm(work, 2 * bytes));
  const hash = values.suite === 'cnsa2' ? 'sha384' : 'blake3';
  const alone = await aloneCosts(model, work, hash);
  const of = (...args: string[]) => profile(work, args, env);
  const sealing = ['-o', archive, '-r', card, '--sign', key, '--quiet'];
  const seal = of('seal', model.directory, ...sealing);
  const open = of('open', archive, '-o', opened, ...access);
  remove(opened);
  const toNull = of('open', archive, '--stdout', ...access);
  const verify = of('verify', archive, '--signer', card, '--quiet');
  letGo();

  const columns = [seal, open, toNull, verify];
  const perGB = (seconds: number) => (seconds / (bytes / 1e9)).toFixed(3);
  const sum = ({ costs }: Profiled) => Object.values(costs).reduce((a, b) => a + b, 0);
  const cores = availableParallelism();
  console.log(
    markdownTable([
      ['CPU s/GB', 'alone', 'seal', 'open', 'open to null', 'verify'],
      ...rows.map((row) => [
        row,
        alone[row]?.toFixed(3) ?? '',
        ...columns.map(({ costs }) => perGB(costs[row] ?? 0)),
      ]),
      ['all', '', ...columns.map((column) => perGB(sum(column)))],
      [`all, on ${cores} cores, s`, '', ...columns.map((c) => (sum(c) / cores).toFixed(2))],
      ['from first to last sample, s', '', ...columns.map(({ wall }) => wall.toFixed(2))],
    ]),
  );
}

try {
  await main();
} catch (error) {
  console.error(`error: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  giveUp();
}
