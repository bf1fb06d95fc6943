/** Chart: how fast Strongroom and others encrypt and decrypt a model. */
import type { TopLevelSpec } from 'vega-lite';
import { type BenchRecord, roundsOf } from '../record.ts';
import { sizeText } from '../scenes.ts';
import { figuresOf } from '../tables.ts';
import { colours } from './draw.ts';
import { find, usualScene } from './select.ts';

const directions = ['encrypt', 'decrypt'] as const;
type Direction = (typeof directions)[number];

interface Tool {
  readonly label: string;
  readonly kind: string;
  readonly colour: string;
  readonly names: Readonly<Partial<Record<Direction, string>>>;
}

const peer = (name: string, label = name): Tool => ({
  label,
  kind: 'hybrid',
  colour: colours.other,
  names: { encrypt: `${name} encrypt`, decrypt: `${name} decrypt` },
});

const ownNames = { encrypt: 'seal', decrypt: 'open' };

const tools: readonly Tool[] = [
  { label: 'Strongroom', kind: 'hybrid', colour: colours.ours, names: ownNames },
  { label: 'Strongroom, cnsa2', kind: 'cnsa2', colour: colours.oursToo, names: ownNames },
  {
    label: 'cp (no encryption)',
    kind: 'hybrid',
    colour: colours.reference,
    names: { encrypt: 'cp', decrypt: 'cp' },
  },
  peer('age', 'age (classical)'),
  peer('openssl cms'),
  peer('gpg'),
  peer('typage', 'typage (hybrid)'),
  peer('aws-encryption-sdk', 'AWS Encryption SDK, JS'),
  peer('gocryptfs'),
  peer('restic'),
];

const titles = { encrypt: 'seal or encrypt', decrypt: 'open or decrypt' } as const;

interface Bar {
  readonly label: string;
  readonly direction: string;
  readonly colour: string;
  readonly rate: number;
  readonly least: number;
  readonly most: number;
  readonly text: string;
}

function barsOf(record: BenchRecord): Bar[] {
  const usual = usualScene(record, 'hybrid')?.bytes;
  return tools.flatMap(({ label, kind, colour, names }) =>
    directions.flatMap((direction): Bar[] => {
      const found = find(record, kind, names[direction] ?? '');
      const rate = found && figuresOf(found.scene, found.result).rate;
      if (found === undefined || rate === undefined) return [];
      const { median, least, most } = rate;
      const size = found.scene.bytes === usual ? '' : `  at ${sizeText(found.scene.bytes)}`;
      const text = `${median.toFixed(2)}${size}`;
      return [{ label, direction: titles[direction], colour, rate: median, least, most, text }];
    }),
  );
}

/** `undefined` without a scene to show. */
export function throughputChart(record: BenchRecord): TopLevelSpec | undefined {
  const scene = usualScene(record, 'hybrid');
  if (scene === undefined) return undefined;
  const values = barsOf(record);
  const most = Math.max(...values.map((bar) => bar.most));
  const label = {
    field: 'label',
    type: 'nominal',
    sort: { op: 'max', field: 'rate', order: 'descending' },
    axis: { title: null, domain: false, ticks: false, labelPadding: 8 },
  } as const;
  const panel = (direction: string) => ({
    width: 300,
    height: { step: 26 },
    title: { text: direction, fontSize: 13, fontWeight: 'normal', offset: 6 },
    transform: [{ filter: `datum.direction === '${direction}'` }],
    encoding: { y: label },
    layer: [
      {
        mark: { type: 'bar', cornerRadiusEnd: 2, height: 16 },
        encoding: {
          x: {
            field: 'rate',
            type: 'quantitative',
            scale: { domain: [0, most * 1.25] },
            axis: { title: 'GB/s', tickCount: 6 },
          },
          color: { field: 'colour', type: 'nominal', scale: null },
        },
      },
      {
        mark: { type: 'rule', color: colours.text, strokeWidth: 1.5 },
        encoding: { x: { field: 'least', type: 'quantitative' }, x2: { field: 'most' } },
      },
      {
        mark: { type: 'text', align: 'left', dx: 6, color: colours.text, fontSize: 11 },
        encoding: {
          x: { field: 'most', type: 'quantitative' },
          text: { field: 'text', type: 'nominal' },
        },
      },
    ],
  });
  const { cores, cpu } = record.machine;
  return {
    title: {
      text: `Throughput with a model of ${sizeText(scene.bytes)}, in memory`,
      subtitle: `whole processes on ${cores} cores (${cpu}); median of ${roundsOf(scene)} rounds, lines from least to most`,
    },
    data: { values },
    hconcat: [panel(titles.encrypt), panel(titles.decrypt)],
    spacing: 24,
  } as TopLevelSpec;
}
