/** `npm run bench:check`: fails when a record is slower than the baseline beyond the noise. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Baseline, type Comparison, compare, isRegression, lost, marksOf } from './compare.ts';
import { root } from './paths.ts';
import { type BenchRecord, readHistory, readRecord } from './record.ts';
import { markdownTable } from './tables.ts';

const help = `Holds a benchmark record against a baseline, by ratios to a reference of the same run.

  npm run bench:check                                the newest record of bench/history
  npm run bench:check -- --record bench/out/quick.json
  npm run bench:check -- --accept                    make its marks the baseline's

  --record FILE     the record (default: the newest of the history)
  --baseline FILE   default bench/baseline.json
  --least SHARE     of a ratio that may be lost however quiet the runs (default 0.05):
                    more where the baseline is another machine's
  --accept          write the record's marks into the baseline, beside those of other scenes

Exit status: 0 held, 1 a regression or something that is no longer measured, 2 usage.`;

function readBaseline(path: string): Baseline {
  if (!existsSync(path)) return { format: 1, marks: {} };
  const baseline = JSON.parse(readFileSync(path, 'utf8')) as Baseline;
  if (baseline.format !== 1) throw new Error(`${path}: not a baseline of format 1`);
  return baseline;
}

const rounded = (value: number): number => Number(value.toPrecision(4));

function accept(record: BenchRecord, path: string): void {
  const merged = { ...readBaseline(path).marks };
  for (const [key, mark] of Object.entries(marksOf(record))) {
    merged[key] = { ...mark, ratio: rounded(mark.ratio), noise: rounded(mark.noise) };
  }
  const marks = Object.fromEntries(Object.entries(merged).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(path, `${JSON.stringify({ format: 1, marks }, undefined, 2)}\n`);
}

const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
const megabytes = (bytes: number | undefined): string =>
  bytes === undefined ? '' : (bytes / 1e6).toFixed(0);

const row = ({ key, now, before, allowed, verdict }: Comparison): string[] => [
  key,
  before === undefined ? '' : before.ratio.toFixed(3),
  now.ratio.toFixed(3),
  before === undefined ? '' : percent(now.ratio / before.ratio - 1),
  before === undefined ? '' : `-${percent(allowed)}`,
  megabytes(before?.memoryBytes),
  megabytes(now.memoryBytes),
  verdict,
];

const header = ['', 'ratio before', 'now', 'change', 'allowed', 'MB before', 'now', 'verdict'];

function main(): number {
  const { values } = parseArgs({
    options: {
      record: { type: 'string' },
      baseline: { type: 'string', default: join(root, 'bench', 'baseline.json') },
      least: { type: 'string' },
      accept: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false, short: 'h' },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const record = values.record === undefined ? readHistory().at(-1) : readRecord(values.record);
  if (record === undefined) throw new Error('there is no record yet: npm run bench');
  if (values.accept) {
    accept(record, values.baseline);
    return 0;
  }
  const baseline = readBaseline(values.baseline);
  const least = values.least === undefined ? undefined : Number(values.least);
  if (Number.isNaN(least)) throw new Error('--least: a number such as 0.3');
  const comparisons = compare(record, baseline, least);
  console.log(markdownTable([header, ...comparisons.map(row)]));
  const gone = lost(record, baseline);
  for (const key of gone) console.error(`error: ${key}: no longer measured`);
  const known = comparisons.filter(({ before }) => before !== undefined);
  if (known.length === 0) throw new Error('the record and the baseline have nothing in common');
  const regressions = comparisons.filter(isRegression);
  for (const { key, verdict } of regressions) console.error(`error: ${key}: ${verdict}`);
  return regressions.length + gone.length > 0 ? 1 : 0;
}

try {
  process.exitCode = main();
} catch (error) {
  console.error(`error: ${(error as Error).message}`);
  process.exitCode = 2;
}
