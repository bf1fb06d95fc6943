/** A parser under test. */
import { encodeJson } from '#strongroom/json.js';
import { mutateBytes, mutateJson } from './mutate.ts';
import type { Random } from './random.ts';

export interface Target {
  readonly name: string;
  readonly seeds: readonly Uint8Array[];
  /**
   * Parses, and returns what writing gives again of what was parsed, where there is one way to
   * write it: that must be the input. Throws `Finding` for anything else that must not be.
   */
  readonly parse: (bytes: Uint8Array) => Promise<Uint8Array | undefined> | Uint8Array | undefined;
  /** Makes another input; bytes anywhere by default. */
  readonly mutate?: Mutate;
}

export type Mutate = (
  bytes: Uint8Array,
  random: Random,
  others: readonly Uint8Array[],
) => Uint8Array;

export class Finding extends Error {}

/** For parsers that say no without an error. */
export class Refused extends Error {}

/** What a parser found, or a refusal if that is nothing. */
export function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Refused();
  return value;
}

/** Throws unless `good`. */
export function hold(good: boolean, what: string): void {
  if (!good) throw new Finding(what);
}

const parsed = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
};

const written = (value: unknown): Uint8Array => {
  try {
    return encodeJson(value);
  } catch {
    return Buffer.from(JSON.stringify(value));
  }
};

/** Documents of JSON: mostly other values, written canonically, and sometimes other bytes. */
export const mutateDocument: Mutate = (bytes, random, others) => {
  const lines = Buffer.from(bytes).indexOf(0x0a);
  const end = lines < 0 ? bytes.length : lines;
  const value = parsed(bytes.subarray(0, end));
  if (value === undefined || random.oneIn(3)) return mutateBytes(bytes, random, others);
  const rest = bytes.subarray(end);
  return Buffer.concat([written(mutateJson(value, random)), rest]);
};

/** DSSE envelopes: what is in them as often as they themselves. */
export const mutateEnvelope: Mutate = (bytes, random, others) => {
  const envelope = parsed(bytes) as { payload?: unknown } | undefined;
  if (typeof envelope?.payload !== 'string' || random.oneIn(3)) {
    return mutateDocument(bytes, random, others);
  }
  const inner = Buffer.from(envelope.payload, 'base64');
  const payload = Buffer.from(mutateDocument(inner, random, [inner])).toString('base64');
  return written({ ...envelope, payload });
};

/** Mutates, then mends what would otherwise stop every input at one check. */
export const mended =
  (mend: (bytes: Buffer) => void, mutate: Mutate = mutateBytes): Mutate =>
  (bytes, random, others) => {
    const out = Buffer.from(mutate(bytes, random, others));
    if (!random.oneIn(4)) mend(out);
    return out;
  };
