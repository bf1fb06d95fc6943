/** Which segments are looked at when a plan is finished, and how. */
import { randomInt } from 'node:crypto';
import type { PlaintextReader } from '../../archive/segments.ts';
import { interrupted } from '../../engine/abort.ts';
import { sharedNumbers } from '../../engine/shared.ts';
import type { Span } from '../../scale/division.ts';

/** How much of what workers did is looked at: some segments of every range, all, or none. */
export type Check = 'sampled' | 'full' | 'none';

const ofEachRange = 3;
/** What `randomInt` can choose from. */
const mostChoices = 2 ** 48 - 1;

/** The segments to look at, in order, such that nobody could foresee them; absent if all are. */
export function chosenOf(
  check: 'sampled' | 'full',
  spans: readonly Span[],
): Float64Array<SharedArrayBuffer> | undefined {
  if (check === 'full') return undefined;
  const chosen = new Set<number>();
  for (const { from, to } of spans) {
    for (let i = 0; i < Math.min(ofEachRange, to - from); i++) {
      chosen.add(from + randomInt(Math.min(to - from, mostChoices)));
    }
  }
  return sharedNumbers([...chosen].sort((a, b) => a - b));
}

/**
 * Gives the plaintext of segments to `hold`, with its place in the stream; the buffer is used
 * again.
 * @param chosen from `chosenOf`.
 */
export async function eachChosen(
  reader: PlaintextReader,
  segmentBytes: number,
  chosen: Float64Array | undefined,
  signal: AbortSignal,
  hold: (plaintext: Uint8Array, at: number, segment: number) => void,
): Promise<void> {
  const count = chosen?.length ?? Math.ceil(reader.length / segmentBytes);
  const buffer = new Uint8Array(segmentBytes);
  try {
    for (let i = 0; i < count; i++) {
      if (signal.aborted) throw interrupted();
      const segment = chosen?.[i] ?? i;
      const at = segment * segmentBytes;
      hold(buffer.subarray(0, await reader.readAt(buffer, at)), at, segment);
    }
  } finally {
    buffer.fill(0);
  }
}
