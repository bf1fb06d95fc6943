/** Runs one job in several threads and gathers what they report. */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { parentPort, Worker } from 'node:worker_threads';
import { asStrongroomError, StrongroomError } from '../errors.ts';
import { interrupted } from './abort.ts';
import { Control, type ControlBuffer, createControl } from './control.ts';
import { threadsWithin } from './limits.ts';
import { fromThread, type ThreadError, toThread } from './threads.ts';

/** Bytes done so far; `total` is unknown for a pipe. */
export interface Progress {
  readonly done: number;
  readonly total: number | undefined;
}

/** What every long operation takes. */
export interface RunOptions {
  /** Threads; by default one per core. */
  readonly threads?: number | undefined;
  /** Called about ten times a second. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

type Message<Report> =
  | { readonly kind: 'report'; readonly report: Report }
  | { readonly kind: 'error'; readonly error: ThreadError };

/** What a thread waits for. */
interface Order<Job> {
  readonly job: Job;
  readonly control: ControlBuffer;
}

/** Threads that are worth starting for `units` of about a megabyte. */
export const threadsFor = (units: number, asked?: number): number =>
  Math.max(1, Math.min(asked ?? availableParallelism(), Math.ceil(units / 8)));

interface Running {
  readonly worker: Worker;
  readonly ended: Promise<void>;
}

const progressEveryMs = 100;
const abandonAfterMs = 2000;

/** Threads that were started and have no job yet, by their module. */
const idle = new Map<string, Set<Worker>>();

/**
 * Starts threads of the module at `url` before there is a job: those are the first that
 * `runThreads` takes. They do not keep the process alive.
 */
export function startThreads(url: URL, threads: number): void {
  const waiting = idle.get(url.href) ?? new Set();
  idle.set(url.href, waiting);
  while (waiting.size < threadsWithin(threads)) {
    const worker = new Worker(url);
    worker.unref();
    // One that cannot even start is replaced by one that says why
    worker.on('error', () => {});
    worker.on('exit', () => waiting.delete(worker));
    waiting.add(worker);
  }
}

function takeThread(url: URL): Worker {
  const waiting = idle.get(url.href);
  for (const worker of waiting ?? []) {
    waiting?.delete(worker);
    worker.ref();
    return worker;
  }
  return new Worker(url);
}

/**
 * Runs `job` in at most `threads` threads of the module at `url`, which calls `serveJob`.
 * Resolves when all have finished. The first failure stops the others and is thrown;
 * an abort throws INTERRUPTED.
 */
export async function runThreads<Job, Report>(
  url: URL,
  job: Job,
  threads: number,
  total: number | undefined,
  options: RunOptions,
  onReport: (report: Report) => void = () => {},
): Promise<void> {
  const { onProgress, signal } = options;
  if (signal?.aborted) throw interrupted();
  const count = threadsWithin(threads);
  const buffer = createControl(count);
  const control = new Control(buffer);
  let failure: StrongroomError | undefined;
  const fail = (error: StrongroomError) => {
    failure ??= error;
    control.stop();
  };

  const start = (): Running => {
    const worker = takeThread(url);
    const ended = new Promise<void>((resolve) => {
      worker.on('message', (message: Message<Report>) => {
        if (message.kind === 'error') return fail(fromThread(message.error));
        try {
          onReport(message.report);
        } catch (error) {
          fail(asStrongroomError(error));
        }
      });
      worker.on('error', (error) => fail(asStrongroomError(error)));
      worker.on('exit', (status) => {
        // What else a thread does when it dies before it could say why
        if (status !== 0) fail(new StrongroomError('INTERNAL', `a thread ended with ${status}`));
        resolve();
      });
    });
    try {
      worker.postMessage({ job, control: buffer } satisfies Order<Job>);
    } catch (error) {
      void worker.terminate();
      throw error;
    }
    return { worker, ended };
  };

  const running: Running[] = [];
  try {
    while (running.length < count) running.push(start());
  } catch (error) {
    fail(asStrongroomError(error));
  }
  let abandon = () => {};
  const abandoned = new Promise<void>((resolve) => {
    abandon = resolve;
  });
  const onAbort = () => {
    fail(interrupted());
    // A thread that waits for a pipe cannot be stopped; it must not hold up the clean-up.
    setTimeout(abandon, abandonAfterMs).unref();
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  const progress = () => {
    try {
      onProgress?.({ done: control.done, total });
    } catch (error) {
      fail(asStrongroomError(error));
    }
  };
  const timer = setInterval(progress, progressEveryMs);
  try {
    await Promise.race([Promise.all(running.map(({ ended }) => ended)), abandoned]);
  } finally {
    clearInterval(timer);
    signal?.removeEventListener('abort', onAbort);
    for (const { worker } of running) worker.unref();
  }
  if (failure === undefined) progress();
  if (failure !== undefined) throw failure;
}

const lookEveryMs = 100;

/** What a thread does: `signal` is aborted when the job stops, for what it may wait for. */
export type RunJob<Job, Report> = (
  job: Job,
  control: Control,
  report: (report: Report) => void,
  signal: AbortSignal,
) => Promise<void>;

/** The thread's side: runs the job that it is given and reports failures. */
export async function serveJob<Job, Report>(run: RunJob<Job, Report>): Promise<void> {
  const port = parentPort;
  if (port === null) return;
  const [{ job, control: buffer }] = (await once(port, 'message')) as [Order<Job>];
  const control = new Control(buffer);
  const post = (message: Message<Report>) => port.postMessage(message);
  const stopped = new AbortController();
  const look = setInterval(() => control.stopped && stopped.abort(), lookEveryMs);
  try {
    await run(job, control, (report) => post({ kind: 'report', report }), stopped.signal);
  } catch (thrown) {
    // Why the job stopped is for another to say
    if (stopped.signal.aborted) return;
    control.stop();
    post({ kind: 'error', error: toThread(thrown) });
  } finally {
    clearInterval(look);
    // Nobody waits for it any more
    stopped.abort();
  }
}
