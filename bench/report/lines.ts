/** Charts of lines: over size, over workers, over time. */
import type { TopLevelSpec } from 'vega-lite';
import type { BenchRecord } from '../record.ts';
import { figuresOf } from '../tables.ts';
import { colours } from './draw.ts';
import { scenesOf, usualScene } from './select.ts';

interface Point {
  readonly x: number | string;
  readonly y: number;
  readonly least: number;
  readonly most: number;
  readonly series: string;
  readonly panel?: string;
}

const seriesColours: Readonly<Record<string, string>> = {
  seal: colours.ours,
  open: colours.oursToo,
  verify: colours.accent,
  cp: colours.reference,
};

const names = Object.keys(seriesColours);

interface Axes {
  readonly title: string;
  readonly subtitle: string;
  readonly x: Readonly<Record<string, unknown>>;
  readonly y: string;
}

/** A panel beside another for each `panel` of the points, each with a scale of its own. */
function lineChart(values: readonly Point[], { title, subtitle, x, y }: Axes): TopLevelSpec {
  const drawn = names.filter((name) => values.some(({ series }) => series === name));
  const panels = new Set(values.map(({ panel }) => panel)).size;
  const lines = {
    width: panels > 1 ? 330 : 520,
    height: 260,
    encoding: {
      x: { field: 'x', ...x },
      color: {
        field: 'series',
        type: 'nominal',
        sort: drawn,
        scale: { domain: drawn, range: drawn.map((name) => seriesColours[name]) },
      },
    },
    layer: [
      {
        mark: { type: 'rule', strokeWidth: 1.5, opacity: 0.6 },
        encoding: {
          y: { field: 'least', type: 'quantitative', title: y, scale: { zero: true } },
          y2: { field: 'most' },
        },
      },
      {
        mark: { type: 'line', strokeWidth: 2, point: { size: 45, filled: true } },
        encoding: { y: { field: 'y', type: 'quantitative' } },
      },
    ],
  };
  const common = { title: { text: title, subtitle }, data: { values } };
  if (panels <= 1) return { ...common, ...lines } as TopLevelSpec;
  return {
    ...common,
    facet: { column: { field: 'panel', title: null, sort: null } },
    spec: lines,
    resolve: { scale: { y: 'independent' } },
  } as TopLevelSpec;
}

const spreadLine = 'median, and lines from least to most';

export function sizeChart(record: BenchRecord): TopLevelSpec | undefined {
  const scenes = (['tmpfs', 'disk'] as const).flatMap((place) => scenesOf(record, 'hybrid', place));
  const points = scenes.flatMap((scene) =>
    scene.results.flatMap((result): Point[] => {
      const { rate } = figuresOf(scene, result);
      if (!names.includes(result.name) || rate === undefined) return [];
      const { median: y, least, most } = rate;
      const panel = scene.place === 'disk' ? 'on a disk' : 'in memory';
      return [{ x: scene.bytes / 2 ** 30, y, least, most, series: result.name, panel }];
    }),
  );
  if (points.length === 0) return undefined;
  const sizes = [...new Set(points.map(({ x }) => x))];
  return lineChart(points, {
    title: 'Throughput by size of the model',
    subtitle: spreadLine,
    x: {
      type: 'quantitative',
      title: 'GiB',
      scale: { type: 'log', base: 2, nice: false },
      axis: { values: sizes, grid: false },
    },
    y: 'GB/s',
  });
}

export function workersChart(record: BenchRecord): TopLevelSpec | undefined {
  const scene = usualScene(record, 'workers');
  if (scene === undefined) return undefined;
  const points = scene.results.flatMap((result): Point[] => {
    const [, series, x] = /^(\w+) threads=(\d+)$/.exec(result.name) ?? [];
    const { rate } = figuresOf(scene, result);
    if (series === undefined || rate === undefined) return [];
    return [{ x: Number(x), y: rate.median, least: rate.least, most: rate.most, series }];
  });
  return lineChart(points, {
    title: 'Throughput by number of workers',
    subtitle: `on ${record.machine.cores} cores; ${spreadLine}`,
    x: {
      type: 'quantitative',
      title: 'workers',
      scale: { nice: false, padding: 24 },
      axis: { values: [...new Set(points.map(({ x }) => x))], grid: false },
    },
    y: 'GB/s',
  });
}

/** Only records of the same machine can be held beside each other. */
export function historyChart(history: readonly BenchRecord[]): TopLevelSpec | undefined {
  const newest = history.at(-1);
  const usual = newest && usualScene(newest, 'hybrid');
  if (newest === undefined || usual === undefined) return undefined;
  const points = history
    .filter(
      ({ machine }) => machine.cpu === newest.machine.cpu && machine.cores === newest.machine.cores,
    )
    .flatMap((record) => {
      const scene = record.scenes.find(({ name }) => name === usual.name);
      return (scene?.results ?? []).flatMap((result): Point[] => {
        if (scene === undefined || !names.includes(result.name) || result.name === 'cp') return [];
        const { ratio } = figuresOf(scene, result);
        if (ratio === undefined) return [];
        const { median: y, least, most } = ratio;
        const x = `${record.date.slice(0, 16).replace('T', ' ')}, ${record.commit.slice(0, 7)}`;
        return [{ x, y, least, most, series: result.name }];
      });
    });
  return lineChart(points, {
    title: 'Speed over time',
    subtitle: `${usual.name}, as a multiple of cp in the same run; ${spreadLine}`,
    x: {
      type: 'ordinal',
      sort: null,
      title: null,
      axis: { grid: false, labelAngle: -20 },
    },
    y: 'times as fast as cp',
  });
}
