/** What Strongroom set out to reach, and what a record says of it, losses included. */
import { type BenchRecord, ratiosTo, resultOf, type Scene } from '../record.ts';
import { median } from '../statistics.ts';
import { figuresOf, markdownTable } from '../tables.ts';
import { scenesOf, usualScene } from './select.ts';

interface Goal {
  readonly what: string;
  readonly limit: number;
  readonly is: 'at least' | 'at most';
  readonly unit: string;
  measured(record: BenchRecord): number | undefined;
}

/** Median over the rounds of how many times as fast one contestant is as another. */
const ratio =
  (kind: string, name: string, reference: string, place?: string) =>
  (record: BenchRecord): number | undefined => {
    const scene = usualScene(record, kind, place);
    const own = scene && resultOf(scene, name);
    const other = scene && resultOf(scene, reference);
    return own && other && median(ratiosTo(other, own));
  };

const figures = (scene: Scene | undefined, name: string) => {
  const result = scene && resultOf(scene, name);
  return scene && result && figuresOf(scene, result);
};

const rate = (name: string) => (record: BenchRecord) =>
  figures(usualScene(record, 'hybrid'), name)?.rate?.median;

/** Raw stages: each is paid once a byte, whichever direction. */
export const rawStages = ['read alone', 'aes-256-gcm alone', 'blake3 alone', 'write alone'];

/** CPU seconds per GB as a multiple of what the raw stages take together. */
const cpuShare = (name: string) => (record: BenchRecord) => {
  const scene = usualScene(record, 'hybrid');
  const own = figures(scene, name)?.cpuPerGB;
  const raw = rawStages.map((stage) => figures(scene, stage)?.cpuPerGB);
  if (own === undefined || raw.some((cost) => cost === undefined)) return undefined;
  return own / (raw as number[]).reduce((sum, cost) => sum + cost, 0);
};

const latency = (which: 'median' | 'p99') => (record: BenchRecord) =>
  figures(scenesOf(record, 'reads').at(-1), 'read 4 KiB')?.latencyMs?.[which];

const peakMegabytes = (record: BenchRecord): number | undefined => {
  const peaks = record.scenes.flatMap((scene) =>
    scene.results
      .filter(({ ours }) => ours)
      .flatMap((result) => figuresOf(scene, result).memoryBytes ?? []),
  );
  return peaks.length === 0 ? undefined : Math.max(...peaks) / 1e6;
};

const helpMilliseconds = (record: BenchRecord): number | undefined => {
  const times = scenesOf(record, 'start-up').flatMap((scene) =>
    scene.results
      .filter(({ name }) => name.startsWith('--help'))
      .map((result) => figuresOf(scene, result).wall.median * 1e3),
  );
  return times.length === 0 ? undefined : Math.max(...times);
};

const times = { is: 'at least', unit: '×' } as const;
const most = { is: 'at most' } as const;

const goals: readonly Goal[] = [
  { what: 'seal to cp', limit: 0.9, ...times, measured: ratio('hybrid', 'seal', 'cp') },
  { what: 'open to cp', limit: 0.9, ...times, measured: ratio('hybrid', 'open', 'cp') },
  { what: 'seal to age', limit: 1.8, ...times, measured: ratio('hybrid', 'seal', 'age encrypt') },
  { what: 'open to age', limit: 2.2, ...times, measured: ratio('hybrid', 'open', 'age decrypt') },
  {
    what: 'open to the null device',
    limit: 4,
    is: 'at least',
    unit: 'GB/s',
    measured: rate('open-stdout'),
  },
  { what: 'verify', limit: 5, is: 'at least', unit: 'GB/s', measured: rate('verify') },
  {
    what: 'CPU of seal to its raw stages',
    limit: 1.3,
    ...most,
    unit: '×',
    measured: cpuShare('seal'),
  },
  {
    what: 'CPU of open to its raw stages',
    limit: 1.3,
    ...most,
    unit: '×',
    measured: cpuShare('open'),
  },
  { what: 'random 4 KiB, median', limit: 2, ...most, unit: 'ms', measured: latency('median') },
  {
    what: 'random 4 KiB, 99th percentile',
    limit: 6,
    ...most,
    unit: 'ms',
    measured: latency('p99'),
  },
  { what: '--help, slowest Node', limit: 150, ...most, unit: 'ms', measured: helpMilliseconds },
  { what: 'peak memory, any size', limit: 300, ...most, unit: 'MB', measured: peakMegabytes },
  {
    what: 'seal in cnsa2 to SHA-384 alone',
    limit: 0.85,
    ...times,
    measured: ratio('cnsa2', 'seal', 'sha384 alone'),
  },
  {
    what: 'seal on disk to cp',
    limit: 0.9,
    ...times,
    measured: ratio('hybrid', 'seal', 'cp', 'disk'),
  },
  {
    what: 'open on disk to cp',
    limit: 0.9,
    ...times,
    measured: ratio('hybrid', 'open', 'cp', 'disk'),
  },
];

const isReached = ({ is, limit }: Goal, value: number): boolean =>
  is === 'at least' ? value >= limit : value <= limit;

export function goalsTable(record: BenchRecord): string {
  const rows = goals.map((goal) => {
    const value = goal.measured(record);
    const asked = `${goal.is} ${goal.limit} ${goal.unit}`;
    if (value === undefined) return [goal.what, asked, 'not measured', ''];
    return [
      goal.what,
      asked,
      `${value.toFixed(2)} ${goal.unit}`,
      isReached(goal, value) ? 'yes' : '**no**',
    ];
  });
  return markdownTable([['goal', 'asked', 'measured', 'reached'], ...rows]);
}
