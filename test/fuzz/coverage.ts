/**
 * Which blocks of the build ran, by V8's precise coverage: what tells the fuzzer that an input
 * led somewhere new. Chrome DevTools Protocol, "Profiler".
 */
import { type Profiler, Session } from 'node:inspector';

const session = new Session();

function post<T>(method: string, parameters: object = {}): T {
  let found: T | undefined;
  session.post(method, parameters, (error: Error | null, result?: object) => {
    if (error !== null) throw error;
    found = result as T;
  });
  return found as T;
}

/** How often a block ran, roughly: once, a few times, often. */
const bucket = (count: number) => Math.min(8, Math.ceil(Math.log2(count + 1)));

/** @param folders what the addresses of the files that count begin with. */
export function startCoverage(folders: readonly string[]) {
  session.connect();
  post('Profiler.enable');
  post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  const seen = new Set<string>();
  return {
    /** Blocks that ran since the last call, and never as often before. */
    fresh(): number {
      const { result } = post<Profiler.TakePreciseCoverageReturnType>(
        'Profiler.takePreciseCoverage',
      );
      const before = seen.size;
      for (const { url, functions } of result) {
        if (!folders.some((folder) => url.startsWith(folder))) continue;
        for (const { ranges } of functions) {
          for (const { startOffset, endOffset, count } of ranges) {
            if (count === 0) continue;
            seen.add(`${url}:${startOffset}-${endOffset}:${bucket(count)}`);
          }
        }
      }
      return seen.size - before;
    },
  };
}
