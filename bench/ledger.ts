/**
 * `npm run bench:ledger`: what appending to a long log and proving from it cost.
 *
 *   npm run bench:ledger                        a log of 1,000,000 entries
 *   npm run bench:ledger -- --entries 1000      of another length
 *   npm run bench:ledger -- --directory /data   on another disk
 *
 * Fails if the median of an append or of a proof is over the goal of 20 ms.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { u64 } from '#strongroom/bytes.js';
import {
  appendEntries,
  auditLedger,
  commitmentOf,
  createLedger,
  createLedgerKey,
  decodeLedgerPolicy,
  policyLines,
  proveEntry,
  verifyLedgerProof,
} from '#strongroom/index.js';
import { markdownTable } from './tables.ts';

const goalMs = 20;
/** Enough that some of the appends fill a tile. */
const rounds = 300;
const batch = 100_000;

const { values } = parseArgs({
  options: {
    entries: { type: 'string', default: '1000000' },
    directory: { type: 'string', default: tmpdir() },
  },
});
const size = Number(values.entries);
const parent = mkdtempSync(join(values.directory, 'strongroom-bench-ledger-'));
const directory = join(parent, 'log');
const key = createLedgerKey('example.com/log', 'log');
const ledger = { directory, key, memory: { directory: join(parent, 'memory') } };
const policy = decodeLedgerPolicy(Buffer.from(`${policyLines(key)}quorum none\n`));
const entry = (index: number): Uint8Array => commitmentOf(u64(index));

function* entries(from: number, to: number) {
  for (let i = from; i < to; i++) yield entry(i);
}

interface Times {
  readonly name: string;
  readonly ms: readonly number[];
}

async function time(name: string, count: number, run: (round: number) => unknown): Promise<Times> {
  const ms: number[] = [];
  for (let round = 0; round < count; round++) {
    const start = performance.now();
    await run(round);
    ms.push(performance.now() - start);
  }
  return { name, ms: ms.sort((a, b) => a - b) };
}

const at = ({ ms }: Times, part: number): number =>
  ms[Math.min(ms.length - 1, Math.floor(part * ms.length))] ?? Number.NaN;

try {
  createLedger({ directory, key });
  const build = await time(`build ${size} entries`, 1, async () => {
    for (let from = 0; from < size; from += batch) {
      await appendEntries({ directory, key }, entries(from, Math.min(size, from + batch)));
    }
  });
  const append = await time('append one', rounds, (round) =>
    appendEntries(ledger, [entry(size + round)]),
  );
  const anywhere = (round: number) => (round * 7919 * 127) % size;
  const prove = await time('prove one, by its index', rounds, (round) =>
    proveEntry(directory, { index: anywhere(round) }),
  );
  const index = await time('make the index', 1, () => proveEntry(directory, { entry: entry(0) }));
  const search = await time('prove one, by its document', rounds, (round) =>
    proveEntry(directory, { entry: entry(anywhere(round)) }),
  );
  const { proof } = proveEntry(directory, { index: anywhere(1) });
  const verify = await time('verify a proof', rounds, () =>
    verifyLedgerProof(proof, entry(anywhere(1)), policy),
  );
  const audit = await time('audit the whole', 1, () => auditLedger(directory, { policy }));
  const rows = [build, append, prove, index, search, verify, audit].map((times) => [
    times.name,
    at(times, 0.5).toFixed(2),
    at(times, 0.99).toFixed(2),
    at(times, 1).toFixed(2),
  ]);
  console.log(markdownTable([['', 'median ms', 'p99 ms', 'most ms'], ...rows]));
  if ([append, prove, search].some((times) => at(times, 0.5) > goalMs)) {
    console.error(`over the goal of ${goalMs} ms`);
    process.exitCode = 1;
  }
} finally {
  rmSync(parent, { recursive: true, force: true });
}
