import { isStrongroomError, type StrongroomError } from '#strongroom/errors.js';

/** What `run` refuses with; anything but a refusal fails the test. */
export async function refusal(run: () => unknown): Promise<StrongroomError> {
  let value: unknown;
  try {
    value = await run();
  } catch (error) {
    if (isStrongroomError(error)) return error;
    throw error;
  }
  throw new Error(`not refused: ${JSON.stringify(value)?.slice(0, 100)}`);
}

/** The same, in brief. */
export const codeOf = async (run: () => unknown) => (await refusal(run)).code;

/** Rejections that nobody handles while `run` runs. */
export async function unhandled(run: () => Promise<unknown>): Promise<unknown[]> {
  const found: unknown[] = [];
  const note = (reason: unknown) => found.push(reason);
  process.on('unhandledRejection', note);
  try {
    await run();
    return found;
  } finally {
    process.off('unhandledRejection', note);
  }
}

/** A cheap cost, since tests are about the file and not about guessing. */
export const cheap = { memory: 32, passes: 1, parallelism: 4 } as const;

export const suiteNames = ['hybrid', 'cnsa2'] as const;
