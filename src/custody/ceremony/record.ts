/** What happens in a ceremony, with the time: the steps, and whatever went otherwise. */

import { cutText } from '../../text.ts';
import { timeOf } from '../../time.ts';

export interface Entry {
  readonly text: string;
  readonly time: string;
}

/** The longest that one entry may be, in characters. */
export const maxEntry = 1024;
export const maxEntries = 2000;

export interface CeremonyRecord {
  readonly steps: readonly Entry[];
  readonly deviations: readonly Entry[];
  step(text: string): void;
  deviation(text: string): void;
}

export function createRecord(): CeremonyRecord {
  const [steps, deviations]: [Entry[], Entry[]] = [[], []];
  const entry = (text: string): Entry => ({ text: cutText(text, maxEntry), time: timeOf() });
  return {
    steps,
    deviations,
    step: (text) => steps.push(entry(text)),
    deviation: (text) => deviations.push(entry(text)),
  };
}
