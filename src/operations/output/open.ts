/** The place of a new archive, from what its user calls it. */
import { shownName } from '../../engine/remote/location.ts';
import { locationOf } from '../../engine/source.ts';
import { StrongroomError } from '../../errors.ts';
import type { Identity } from '../../keys/identity.ts';
import { objectOutput } from './object.ts';
import { type ArchiveOutput, fileOutput, standardOutput } from './output.ts';

/** What operations take that make an archive. */
export interface OutputOptions {
  /** Replace an object that has the name; files never are. */
  readonly overwrite?: boolean | undefined;
  /** Told what became of an earlier upload that was broken off. */
  readonly onNotice?: ((message: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @throws StrongroomError USAGE for what cannot be replaced, or not be written to. */
export function assertWritable(output: string, { overwrite }: OutputOptions): void {
  if (/^https?:/i.test(output)) {
    throw new StrongroomError('USAGE', `${shownName(output)}: nothing is written over HTTP`, {
      hint: 'write to s3://BUCKET/KEY, or to a file',
    });
  }
  if (!overwrite || /^s3:/i.test(output)) return;
  throw new StrongroomError('USAGE', 'a file is never replaced: --overwrite is for s3:// only');
}

/**
 * @param output a path, `s3://BUCKET/KEY`, or `-` for standard output.
 * @param inputs what makes the archive what it is, so that an upload of the same goes on;
 *   `undefined` where nobody can know.
 * @throws StrongroomError USAGE, OUTPUT_EXISTS, OUTPUT_IS_TERMINAL, UPLOAD_BUSY; the system's.
 */
export async function openOutput(
  output: string,
  signer: Identity,
  inputs: string | undefined,
  options: OutputOptions,
): Promise<ArchiveOutput> {
  const { overwrite = false, onNotice = () => {} } = options;
  const { signal = new AbortController().signal } = options;
  assertWritable(output, options);
  if (output === '-') return standardOutput(options.signal);
  const at = locationOf(output);
  return at.kind === 's3'
    ? objectOutput({ at, overwrite, signal, signer, inputs, onNotice })
    : fileOutput(output);
}
