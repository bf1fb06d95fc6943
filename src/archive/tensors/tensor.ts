/** What is said of a tensor, whatever the format of the file that holds it. */
import { type ErrorContext, StrongroomError } from '../../errors.ts';
import { printable } from '../../text.ts';

/** A tensor within its file. */
export interface TensorInfo {
  readonly name: string;
  /** As its format calls it: `BF16`, `F8_E4M3`, `Q4_K`. */
  readonly dtype: string;
  /** Outermost dimension first, also where the format has it the other way round. */
  readonly shape: readonly number[];
  /** Where its bytes begin in the file. */
  readonly offset: number;
  /** How many it has. */
  readonly bytes: number;
}

/** The longest header that is read: the limit of safetensors, and far above any real GGUF. */
export const maxHeaderBytes = 100_000_000;

/** Most values in JSON of a header: what is parsed takes many times the memory of its bytes. */
export const maxHeaderValues = 2 ** 22;

/** Of a tensor's name in UTF-16 units: far above any real one, and little for a glob to go through. */
const maxTensorName = 512;

/** @throws StrongroomError MODEL_INVALID. */
export function assertTensorName(name: string, file: string): void {
  if (name.length <= maxTensorName) return;
  throw modelInvalid(file, `has a tensor whose name is longer than ${maxTensorName} characters`);
}

/** Refuses a file that is not what its name says. */
export const modelInvalid = (
  file: string,
  what: string,
  context: ErrorContext = {},
): StrongroomError =>
  new StrongroomError('MODEL_INVALID', `${printable(file)}: ${what}`, { file, ...context });

/** The product of dimensions; `undefined` when it is no safe integer. */
export function elements(shape: readonly number[]): number | undefined {
  let count = 1;
  for (const dimension of shape) {
    // Also where another dimension is 0: the product before it must still be a number
    if (!Number.isSafeInteger(dimension) || dimension < 0) return undefined;
    count *= dimension;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}
