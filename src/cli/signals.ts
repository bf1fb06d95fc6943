/**
 * Ctrl-C and its kin: the first one stops an operation, which cleans up after itself; the
 * second ends the process at once.
 */
import { constants } from 'node:os';
import { platform } from '../platform.ts';

const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type SignalName = (typeof names)[number];

const controller = new AbortController();
let received: SignalName | undefined;
/** How many that clean up after themselves are at work. */
let running = 0;

/** Begins to listen. Outside of `interruptible` nothing needs a clean-up, and a signal ends it. */
export function listenForSignals(onEnd: () => void): void {
  for (const name of names) {
    // Once: the second signal finds the system's own handler again
    process.once(name, () => {
      received ??= name;
      controller.abort();
      if (running > 0) return;
      onEnd();
      endBySignal();
    });
  }
}

/** Whether a signal came: then whatever failed, failed because of it. */
export const wasInterrupted = (): boolean => received !== undefined;

/** Runs what stops and cleans up when its signal is aborted. */
export async function interruptible<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  running++;
  try {
    return await run(controller.signal);
  } finally {
    running--;
  }
}

/** Waits for a signal, which then is the way to end and no failure. */
export function untilSignal(): Promise<void> {
  running++;
  const { signal } = controller;
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/**
 * Hands signals on to `give` from now on: none of them ends this process any more, so that it can
 * clean up, and give its own exit status, however often someone presses Ctrl-C.
 */
export function passSignals(give: (name: SignalName) => void): void {
  running++;
  for (const name of names) process.on(name, give);
}

/**
 * Ends the process as the signal would have: shells see 130, 143 or 129, and a script that
 * was interrupted stops too. It also works where a thread that waits for a pipe would hold
 * up an orderly exit.
 */
export function endBySignal(name: SignalName = received ?? 'SIGINT'): void {
  if (platform.endsBySignals) {
    process.removeAllListeners(name);
    process.kill(process.pid, name);
  }
  process.exit(128 + constants.signals[name]);
}
