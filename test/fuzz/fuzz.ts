/** The loop: mutate, parse, keep what led somewhere new, report what must not be. */
import { isStrongroomError } from '#strongroom/errors.js';
import type { startCoverage } from './coverage.ts';
import { mutateBytes } from './mutate.ts';
import { randomOf } from './random.ts';
import { Finding, Refused, type Target } from './target.ts';

export interface Report {
  readonly target: string;
  readonly runs: number;
  readonly accepted: number;
  readonly corpus: number;
  /** Milliseconds of the slowest input; a benchmark beside it counts in. */
  readonly slowest: number;
  readonly findings: readonly Found[];
}

export interface Found {
  readonly what: string;
  /** Base64. */
  readonly input: string;
}

export interface Limits {
  readonly seed: number;
  readonly runs: number;
  /** When to stop, in milliseconds of CPU that this process has used. */
  readonly until: number;
}

/** Milliseconds of CPU that this process has used. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const mostFindings = 5;
const mostCorpus = 2000;

const normal = (text: string) => text.replace(/[0-9]+/g, '#').slice(0, 120);

/** Why an input is refused, or nothing if it is not; throws for anything else. */
async function refusal(target: Target, bytes: Uint8Array): Promise<string | undefined> {
  let again: Uint8Array | undefined;
  try {
    again = await target.parse(bytes);
  } catch (error) {
    if (error instanceof Refused) return 'refused';
    if (isStrongroomError(error) && error.code !== 'INTERNAL') {
      return `${error.code} ${normal(error.message)}`;
    }
    throw error;
  }
  if (again === undefined || Buffer.compare(again, bytes) === 0) return undefined;
  throw new Finding('what was read is written otherwise');
}

export async function fuzz(
  target: Target,
  coverage: ReturnType<typeof startCoverage>,
  { seed, runs, until }: Limits,
): Promise<Report> {
  const random = randomOf(seed);
  const corpus = [...target.seeds];
  const findings = new Map<string, Found>();
  const mutate = target.mutate ?? mutateBytes;
  const reasons = new Set<string>();
  let [count, accepted, slowest] = [0, 0, 0];

  /** Whether it was refused for a reason, or went wrong in a way, that is new. */
  async function run(bytes: Uint8Array): Promise<boolean> {
    let isNew = false;
    const began = performance.now();
    try {
      const reason = await refusal(target, bytes);
      if (reason === undefined) accepted += 1;
      else if (reasons.size < mostCorpus && !reasons.has(reason)) {
        reasons.add(reason);
        isNew = true;
      }
    } catch (error) {
      const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      const key = normal(what);
      if (!findings.has(key)) {
        findings.set(key, { what, input: Buffer.from(bytes).toString('base64') });
      }
    }
    slowest = Math.max(slowest, performance.now() - began);
    count += 1;
    return isNew;
  }

  for (const each of target.seeds) await run(each);
  if (accepted < target.seeds.length)
    throw new Error(
      `${target.name}: refuses its own seeds: ${JSON.stringify([...findings.values()])}`,
    );
  coverage.fresh();
  while (count < runs && cpuMs() < until && findings.size < mostFindings) {
    // What was found last is the most promising
    const from = random.oneIn(3) ? corpus.slice(-16) : corpus;
    const bytes = mutate(random.pick(from), random, corpus);
    const isNew = await run(bytes);
    if ((coverage.fresh() > 0 || isNew) && corpus.length < mostCorpus) corpus.push(bytes);
  }
  return {
    target: target.name,
    runs: count,
    accepted,
    corpus: corpus.length,
    slowest: Math.round(slowest),
    findings: [...findings.values()],
  };
}
