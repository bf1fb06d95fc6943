/** Errors on their way between threads: a message carries data, not instances of a class. */
import { asStrongroomError, type ErrorCode, StrongroomError } from '../errors.ts';

export interface ThreadError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
  readonly file: string | undefined;
  readonly segment: number | undefined;
  readonly offset: number | undefined;
}

/** What a thread sends of anything that was thrown in it. */
export function toThread(thrown: unknown): ThreadError {
  const { code, message, hint, file, segment, offset } = asStrongroomError(thrown);
  return { code, message, hint, file, segment, offset };
}

/** The error that a thread sent. */
export function fromThread(error: ThreadError): StrongroomError {
  const { code, message, hint, file, segment, offset } = error;
  return new StrongroomError(code, message, {
    ...(hint === undefined ? {} : { hint }),
    ...(file === undefined ? {} : { file }),
    ...(segment === undefined ? {} : { segment }),
    ...(offset === undefined ? {} : { offset }),
  });
}
