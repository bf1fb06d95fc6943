/** Chart: CPU time per byte, of the raw stages added up and of what is made of them. */
import type { TopLevelSpec } from 'vega-lite';
import type { BenchRecord, Scene } from '../record.ts';
import { resultOf } from '../record.ts';
import { sizeText } from '../scenes.ts';
import { figuresOf } from '../tables.ts';
import { colours } from './draw.ts';
import { usualScene } from './select.ts';

interface Part {
  readonly row: string;
  readonly part: string;
  readonly order: number;
  readonly cost: number;
}

const total = 'whole process';

const parts: Readonly<Record<string, string>> = {
  read: '#5b7ff0',
  'AES-256-GCM': '#1f9d76',
  'tree hash': '#e0833c',
  write: '#b98bd9',
  [total]: '#98a1ac',
};

interface Row {
  readonly row: string;
  readonly kind: string;
  /** Contestant by part, in the order of `parts`. */
  readonly of: Readonly<Record<string, string>>;
}

const stagesOf = (hash: string) => ({
  read: 'read alone',
  'AES-256-GCM': 'aes-256-gcm alone',
  'tree hash': `${hash} alone`,
  write: 'write alone',
});

const rows: readonly Row[] = [
  { row: 'stages, hybrid', kind: 'hybrid', of: stagesOf('blake3') },
  { row: 'seal, hybrid', kind: 'hybrid', of: { [total]: 'seal' } },
  { row: 'open, hybrid', kind: 'hybrid', of: { [total]: 'open' } },
  { row: 'verify, hybrid', kind: 'hybrid', of: { [total]: 'verify' } },
  { row: 'stages, cnsa2', kind: 'cnsa2', of: stagesOf('sha384') },
  { row: 'seal, cnsa2', kind: 'cnsa2', of: { [total]: 'seal' } },
  { row: 'open, cnsa2', kind: 'cnsa2', of: { [total]: 'open' } },
  { row: 'verify, cnsa2', kind: 'cnsa2', of: { [total]: 'verify' } },
];

const costIn = (scene: Scene, name: string): number | undefined => {
  const result = resultOf(scene, name);
  return result && figuresOf(scene, result).cpuPerGB;
};

function partsOf(record: BenchRecord): Part[] {
  return rows.flatMap(({ row, kind, of }) => {
    const scene = usualScene(record, kind);
    if (scene === undefined) return [];
    return Object.entries(of).flatMap(([part, name]): Part[] => {
      const cost = costIn(scene, name);
      const order = Object.keys(parts).indexOf(part);
      return cost === undefined ? [] : [{ row, part, order, cost }];
    });
  });
}

/** `undefined` where CPU time could not be measured. */
export function costsChart(record: BenchRecord): TopLevelSpec | undefined {
  const values = partsOf(record);
  const scene = usualScene(record, 'hybrid');
  if (values.length === 0 || scene === undefined) return undefined;
  return {
    title: {
      text: 'CPU time per gigabyte',
      subtitle: `user and system time of all threads, ${sizeText(scene.bytes)} in memory; whole processes include start-up`,
    },
    width: 520,
    height: { step: 28 },
    data: { values },
    encoding: {
      y: {
        field: 'row',
        type: 'nominal',
        sort: rows.map(({ row }) => row),
        axis: { title: null, domain: false, ticks: false, labelPadding: 8 },
      },
    },
    layer: [
      {
        mark: { type: 'bar', height: 17 },
        encoding: {
          x: { field: 'cost', type: 'quantitative', title: 'CPU seconds per GB', stack: 'zero' },
          order: { field: 'order', type: 'quantitative' },
          color: {
            field: 'part',
            type: 'nominal',
            sort: Object.keys(parts),
            scale: { domain: Object.keys(parts), range: Object.values(parts) },
          },
        },
      },
      {
        transform: [{ aggregate: [{ op: 'sum', field: 'cost', as: 'sum' }], groupby: ['row'] }],
        mark: { type: 'text', align: 'left', dx: 6, color: colours.text, fontSize: 11 },
        encoding: {
          x: { field: 'sum', type: 'quantitative' },
          text: { field: 'sum', type: 'quantitative', format: '.2f' },
        },
      },
    ],
  } as TopLevelSpec;
}
