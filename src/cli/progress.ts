/** The progress of a long operation, on a terminal only. */
import type { Progress, RunOptions } from '../index.ts';
import { bytes, duration } from './format.ts';
import { interruptible } from './signals.ts';

/** What is over sooner needs no bar. */
const silentMs = 400;
/** Of which the rate is the mean. */
const windowMs = 3000;

/**
 * Runs an operation with a bar, unless `quiet`, and with Ctrl-C stopping it. The bar is
 * gone before anything else is said.
 */
export function operate<T>(
  verb: string,
  { quiet, threads }: { readonly quiet?: boolean; readonly threads?: number },
  run: (options: RunOptions) => Promise<T>,
): Promise<T> {
  return interruptible(async (signal) => {
    if (quiet || !process.stderr.isTTY) return run({ threads, signal });
    const bar = await createBar(verb);
    try {
      return await run({ threads, signal, onProgress: bar.update });
    } finally {
      bar.stop();
    }
  });
}

async function createBar(verb: string) {
  const { SingleBar } = await import('cli-progress');
  const began = performance.now();
  const rate = rateMeter();
  let latest = verb;
  const bar = new SingleBar({
    format: () => latest,
    stream: process.stderr,
    clearOnComplete: true,
    // Signals are handled in one place
    gracefulExit: false,
    // A cursor that is hidden would stay so after a second Ctrl-C
    hideCursor: null,
    linewrap: true,
  });
  let shown = false;
  return {
    update(progress: Progress) {
      const now = performance.now();
      const perSecond = rate(progress.done, now);
      if (now - began < silentMs) return;
      latest = render(verb, progress, perSecond, process.stderr.columns ?? 80);
      if (!shown) bar.start(1, 0);
      shown = true;
      bar.update(progress.done / (progress.total || Number.POSITIVE_INFINITY) || 0);
      bar.render();
    },
    stop() {
      if (shown) bar.stop();
    },
  };
}

/** Bytes per second over the last few seconds. */
function rateMeter() {
  const samples: { readonly at: number; readonly done: number }[] = [];
  return (done: number, at: number): number => {
    samples.push({ at, done });
    while (samples.length > 2 && at - (samples[0]?.at ?? at) > windowMs) samples.shift();
    const first = samples[0] as { at: number; done: number };
    return at === first.at ? 0 : ((done - first.done) * 1000) / (at - first.at);
  };
}

/** One line no wider than the terminal; a pipe has neither a bar nor an end in sight. */
function render(
  verb: string,
  { done, total }: Progress,
  perSecond: number,
  columns: number,
): string {
  const rate = `${bytes(perSecond)}/s`;
  if (total === undefined) return `${verb}  ${bytes(done)}  ${rate}`;
  const part = total === 0 ? 1 : Math.min(done / total, 1);
  const left = perSecond > 0 ? `${duration((total - done) / perSecond)} left` : '';
  const numbers = `${String(Math.floor(part * 100)).padStart(3)}%  ${rate.padStart(10)}  ${left}`;
  const width = Math.min(40, columns - verb.length - 38);
  if (width < 5) return `${verb}  ${numbers}`;
  const filled = Math.floor(part * width);
  return `${verb}  ${'█'.repeat(filled)}${'░'.repeat(width - filled)}  ${numbers}`;
}
