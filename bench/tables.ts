/** Figures as lines and tables of text. */
import { type Result, type RoundSample, ratiosTo, resultOf, type Scene, walls } from './record.ts';
import { median, type Spread, spreadOf } from './statistics.ts';

const GB = 1e9;
const MB = 1e6;

/** Time that reads well: milliseconds below a second. */
export const timeText = (seconds: number): string =>
  seconds < 1 ? `${(seconds * 1e3).toFixed(1)} ms` : `${seconds.toFixed(2)} s`;

const of = <T>(result: Result, pick: (sample: RoundSample) => T | undefined): T[] =>
  result.samples.map(pick).filter((value) => value !== undefined);

export interface Figures {
  readonly wall: Spread;
  /** Decimal gigabytes a second; absent where only time counts. */
  readonly rate?: Spread;
  readonly cpuPerGB?: number;
  readonly memoryBytes?: number;
  /** How many times as fast as the scene's reference, round by round. */
  readonly ratio?: Spread;
  readonly latencyMs?: { readonly median: number; readonly p99: number };
}

/** All that is to be said of a result within its scene. */
export function figuresOf(scene: Scene, result: Result): Figures {
  const times = walls(result);
  const cpu = of(result, (sample) => sample.cpu);
  const memory = of(result, (sample) => sample.memoryBytes);
  const latency = of(result, (sample) => sample.latencyMs);
  const reference = resultOf(scene, scene.reference);
  return {
    wall: spreadOf(times),
    ...(result.bytes === 0 ? {} : { rate: spreadOf(times.map((t) => result.bytes / GB / t)) }),
    ...(result.bytes === 0 || cpu.length === 0
      ? {}
      : { cpuPerGB: median(cpu) / (result.bytes / GB) }),
    ...(memory.length === 0 ? {} : { memoryBytes: Math.max(...memory) }),
    ...(reference === undefined ? {} : { ratio: spreadOf(ratiosTo(reference, result)) }),
    ...(latency.length === 0
      ? {}
      : {
          latencyMs: {
            median: median(latency.map((l) => l.median)),
            p99: median(latency.map((l) => l.p99)),
          },
        }),
  };
}

const spreadText = ({ median: middle, least, most }: Spread, digits: number): string =>
  `${middle.toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`;

const header = ['', 'time', 'GB/s', 'to reference', 'CPU s/GB', 'peak MB', 'first run'];

function row(scene: Scene, result: Result): string[] {
  const { wall, rate, ratio, cpuPerGB, memoryBytes, latencyMs } = figuresOf(scene, result);
  const time =
    latencyMs === undefined
      ? timeText(wall.median)
      : `${latencyMs.median.toFixed(2)} ms, p99 ${latencyMs.p99.toFixed(2)} ms`;
  return [
    result.name,
    time,
    rate === undefined ? '' : spreadText(rate, 2),
    ratio === undefined || result.name === scene.reference ? '' : spreadText(ratio, 2),
    cpuPerGB === undefined ? '' : cpuPerGB.toFixed(2),
    memoryBytes === undefined ? '' : (memoryBytes / MB).toFixed(0),
    timeText(result.fresh.wall) + (result.freshPages ? ' *' : ''),
  ];
}

/** Markdown, padded so that it reads as text too. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] as string[]).map((_, column) =>
    Math.max(...rows.map((cells) => (cells[column] ?? '').length), 3),
  );
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, i) => (cells[i] ?? '').padEnd(width)).join(' | ')} |`;
  const [head, ...body] = rows as [string[], ...string[][]];
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}

/** A scene's results; `*` marks outputs that took memory new to the scene. */
export const sceneTable = (scene: Scene): string =>
  markdownTable([
    [scene.name, ...header.slice(1)],
    ...scene.results.map((result) => row(scene, result)),
  ]);

/** One finished run, for the terminal. */
export function sampleLine(name: string, round: number, sample: RoundSample): string {
  const { wall, cpu, memoryBytes } = sample;
  const parts = [
    timeText(wall),
    ...(cpu === undefined ? [] : [`cpu ${timeText(cpu)}`]),
    ...(memoryBytes === undefined ? [] : [`peak ${(memoryBytes / MB).toFixed(0)} MB`]),
  ];
  return `  ${round === 0 ? 'warm-up' : `round ${round}`}  ${name}: ${parts.join(', ')}`;
}
