/**
 * Failures that pass, and how often and how long to wait for that: exponential back-off with
 * full jitter, so that many readers of one store do not come back all at once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { StrongroomError } from '../../errors.ts';
import { interrupted } from '../abort.ts';

/** A failure that may be gone at the next attempt. */
export class TransientError extends Error {
  /** What it is called once there are no more attempts. */
  readonly reason: StrongroomError;
  /** What the server asked for. */
  readonly waitMs: number | undefined;

  constructor(reason: StrongroomError, waitMs?: number) {
    super(reason.message);
    this.reason = reason;
    this.waitMs = waitMs;
  }
}

/** Attempts that come to nothing before the failure is told. */
const attempts = 6;
const baseMs = 150;
const longestMs = 10_000;
/** Longest that a server may ask for. */
const patienceMs = 60_000;

/**
 * Repeats `attempt` while it fails with a TransientError.
 * @param gained tells how far it came; attempts are counted anew while there is any gain.
 * @throws StrongroomError the reason of the last TransientError; INTERRUPTED; and as `attempt`.
 */
export async function persist<T>(
  attempt: () => Promise<T>,
  signal: AbortSignal,
  gained: () => number = () => 0,
): Promise<T> {
  let failures = 0;
  for (let before = gained(); ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted) throw interrupted();
      if (!(error instanceof TransientError)) throw error;
      failures = gained() > before ? 1 : failures + 1;
      before = gained();
      if (failures >= attempts) throw error.reason;
      const most = Math.min(longestMs, baseMs * 2 ** failures);
      await pause(Math.min(error.waitMs ?? 0, patienceMs) + Math.random() * most, signal);
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch {
    throw interrupted();
  }
}

const transientStatuses = new Set([408, 425, 429, 500, 502, 503, 504]);

export const isTransientStatus = (status: number): boolean => transientStatuses.has(status);

const transientCodes = new Set([
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETRESET',
  'ENETUNREACH',
  'EPIPE',
  'EPROTO',
  'ETIMEDOUT',
  'HPE_INVALID_EOF_STATE',
  // What the storage client calls a connection that timed out
  'TimeoutError',
]);

/** Whether a connection that failed like this may work the next time. */
export const isTransientCode = (code: string): boolean => transientCodes.has(code);
