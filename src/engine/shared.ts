/**
 * Lists that all threads of a job read in one memory: a message to a thread copies what it
 * carries, but for what lies in a SharedArrayBuffer.
 */
import { text, utf8 } from '../bytes.ts';

export const sharedBytes = (length: number): Uint8Array<SharedArrayBuffer> =>
  new Uint8Array(new SharedArrayBuffer(length));

export function sharedNumbers(values: ArrayLike<number>): Float64Array<SharedArrayBuffer> {
  const bytes = values.length * Float64Array.BYTES_PER_ELEMENT;
  const shared = new Float64Array(new SharedArrayBuffer(bytes));
  shared.set(values);
  return shared;
}

export function sharedIntegers(values: ArrayLike<bigint>): BigInt64Array<SharedArrayBuffer> {
  const bytes = values.length * BigInt64Array.BYTES_PER_ELEMENT;
  const shared = new BigInt64Array(new SharedArrayBuffer(bytes));
  shared.set(values);
  return shared;
}

/** Texts as UTF-8, one behind the other. */
export interface SharedTexts {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** Where each ends in `bytes`. */
  readonly ends: Float64Array<SharedArrayBuffer>;
}

export function sharedTexts(texts: readonly string[]): SharedTexts {
  const ends = sharedNumbers({ length: texts.length });
  let end = 0;
  for (const [i, each] of texts.entries()) {
    end += Buffer.byteLength(each);
    ends[i] = end;
  }
  const bytes = sharedBytes(end);
  for (const [i, each] of texts.entries()) bytes.set(utf8(each), ends[i - 1] ?? 0);
  return { bytes, ends };
}

export const textAt = ({ bytes, ends }: SharedTexts, index: number): string =>
  text(bytes.slice(ends[index - 1] ?? 0, ends[index]));
