/**
 * Fuzzes every parser: `npm run test:fuzz -- [--runs N] [--minutes N] [--seed N] [--target NAME]`.
 * Minutes are of CPU, shared evenly among the parsers. Inputs that lead to new blocks of code are
 * kept and altered further. Exit status 1 for a finding, which is printed with its input.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startCoverage } from './coverage.ts';
import { cpuMs, fuzz, type Report } from './fuzz.ts';
import type { Target } from './target.ts';
import { archiveTargets } from './targets/archive.ts';
import { custodyTargets } from './targets/custody.ts';
import { keyTargets } from './targets/keys.ts';
import { provenanceTargets } from './targets/provenance.ts';
import { remoteTargets } from './targets/remote.ts';
import { resumeTargets } from './targets/resume.ts';
import { scaleTargets } from './targets/scale.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '300' },
    minutes: { type: 'string' },
    seed: { type: 'string', default: '1' },
    target: { type: 'string' },
  },
});

/** Anything that escapes is a fault of the parser that ran. */
process.on('unhandledRejection', (error) => {
  throw error;
});

async function targetsIn(scratch: string): Promise<readonly Target[]> {
  const all = [
    ...(await archiveTargets()),
    ...(await keyTargets(scratch)),
    ...(await custodyTargets(scratch)),
    ...(await provenanceTargets(scratch)),
    ...remoteTargets(),
    ...(await scaleTargets(scratch)),
    ...(await resumeTargets(scratch)),
  ];
  const chosen = all.filter(({ name }) => values.target === undefined || name === values.target);
  if (chosen.length > 0) return chosen;
  throw new Error(`no such target; there are ${all.map(({ name }) => name).join(', ')}`);
}

function show(report: Report): void {
  const { target, runs, accepted, corpus, slowest, findings } = report;
  const counts = `${runs} inputs, ${accepted} accepted, ${corpus} kept, slowest ${slowest} ms`;
  console.log(`${target}: ${counts}, ${findings.length} findings`);
  for (const { what, input } of findings) console.log(`  ${what}\n  input ${input}`);
}

const scratch = mkdtempSync(join(tmpdir(), 'strongroom-fuzz-'));
try {
  const targets = await targetsIn(scratch);
  const coverage = startCoverage(
    // Most of what a document can be refused for is in the schema library
    ['dist/', 'node_modules/zod/'].map((path) => new URL(`../../${path}`, import.meta.url).href),
  );
  const began = performance.now();
  const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
  const share = minutes === undefined ? Infinity : (minutes * 60_000) / targets.length;
  const runs = minutes === undefined ? Number(values.runs) : Infinity;
  const reports: Report[] = [];
  for (const target of targets) {
    const until = cpuMs() + share;
    const report = await fuzz(target, coverage, { seed: Number(values.seed), runs, until });
    show(report);
    reports.push(report);
  }
  const total = reports.reduce((sum, report) => sum + report.runs, 0);
  const findings = reports.reduce((sum, report) => sum + report.findings.length, 0);
  const cpu = (cpuMs() / 60e3).toFixed(1);
  const wall = ((performance.now() - began) / 60e3).toFixed(1);
  console.log(
    `${total} inputs to ${targets.length} parsers in ${wall} minutes (${cpu} of CPU), seed ${values.seed}: ${findings} findings`,
  );
  if (findings > 0) process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true });
}
