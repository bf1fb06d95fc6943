/** `npm run bench:report`: charts into docs/charts, tables into docs/performance.md. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { TopLevelSpec } from 'vega-lite';
import { root } from './paths.ts';
import { type BenchRecord, readHistory, readRecord } from './record.ts';
import { costsChart } from './report/costs.ts';
import { drawChart } from './report/draw.ts';
import { historyChart, sizeChart, workersChart } from './report/lines.ts';
import { insertMeasured, measuredText } from './report/text.ts';
import { throughputChart } from './report/throughput.ts';

const help = `Draws the newest record of bench/history, and the history.

  npm run bench:report
  npm run bench:report -- --record bench/out/quick.json --out bench/out

  --record FILE   another record
  --out DIR       where performance.md and charts/ are (default: docs)`;

const charts: Readonly<Record<string, (record: BenchRecord) => TopLevelSpec | undefined>> = {
  throughput: throughputChart,
  size: sizeChart,
  workers: workersChart,
  costs: costsChart,
  history: (record) => {
    const before = readHistory().filter(({ date }) => date < record.date);
    return historyChart([...before, record]);
  },
};

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      record: { type: 'string' },
      out: { type: 'string', default: join(root, 'docs') },
      help: { type: 'boolean', default: false, short: 'h' },
    },
  });
  if (values.help) {
    console.log(help);
    return;
  }
  const record = values.record === undefined ? readHistory().at(-1) : readRecord(values.record);
  if (record === undefined) throw new Error('there is no record yet: npm run bench');
  for (const [name, chart] of Object.entries(charts)) {
    const spec = chart(record);
    if (spec === undefined) console.error(`warning: nothing to draw for ${name}`);
    else await drawChart(spec, join(values.out, 'charts', `${name}.svg`));
  }
  const path = join(values.out, 'performance.md');
  const document = existsSync(path) ? readFileSync(path, 'utf8') : '# Performance\n';
  writeFileSync(path, insertMeasured(document, measuredText(record)));
}

try {
  await main();
} catch (error) {
  console.error(`error: ${(error as Error).message}`);
  process.exitCode = 1;
}
