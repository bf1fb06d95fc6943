/** Some segments of every range, which nobody could foresee. */
import { randomInt } from 'node:crypto';
import { sharedNumbers } from '../../engine/shared.ts';
import type { Span } from '../../scale/division.ts';

const ofEachRange = 3;
/** What `randomInt` can choose from. */
const mostChoices = 2 ** 48 - 1;

/** In order, each once. */
export function sampled(spans: readonly Span[]): Float64Array<SharedArrayBuffer> {
  const chosen = new Set<number>();
  for (const { from, to } of spans) {
    for (let i = 0; i < Math.min(ofEachRange, to - from); i++) {
      chosen.add(from + randomInt(Math.min(to - from, mostChoices)));
    }
  }
  return sharedNumbers([...chosen].sort((a, b) => a - b));
}
