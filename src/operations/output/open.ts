/** The place of a new archive, from what its user calls it. */
import { locationOf } from '../../engine/locate.ts';
import { shownName } from '../../engine/remote/location.ts';
import { StrongroomError } from '../../errors.ts';
import type { Identity } from '../../keys/identity.ts';
import type { Inputs, Work } from './head.ts';
import { objectOutput } from './object.ts';
import { type ArchiveOutput, fileOutput, standardOutput } from './output.ts';
import { resumedOutput } from './resumed.ts';
import { inputsDigest } from './state.ts';

/** What operations take that make an archive. */
export interface OutputOptions {
  /** Replace an object that has the name; files never are. */
  readonly overwrite?: boolean | undefined;
  /**
   * Go on with what an earlier attempt left, and keep what is done if this one fails too. An
   * upload goes on without it; with it, its parts are kept whatever it fails of.
   */
  readonly resume?: boolean | undefined;
  /** Told what became of an earlier attempt that was broken off. */
  readonly onNotice?: ((message: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @throws StrongroomError USAGE for what cannot be replaced, or not be written to. */
export function assertWritable(output: string, { overwrite, resume }: OutputOptions): void {
  if (resume && output === '-') {
    throw new StrongroomError(
      'USAGE',
      'what is on standard output already cannot be gone on with',
      {
        hint: 'write to a file, or leave out --resume',
      },
    );
  }
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
 * @param inputs what makes the archive what it is, so that an earlier attempt at the same goes
 *   on; `undefined` where nobody can know.
 * @throws StrongroomError USAGE, OUTPUT_EXISTS, OUTPUT_IS_TERMINAL, UPLOAD_BUSY, RESUME_BUSY,
 *   JOURNAL_INVALID, JOURNAL_MISMATCH, SOURCE_CHANGED; the system's.
 */
export async function openOutput(
  kind: Exclude<Work['kind'], 'open'>,
  output: string,
  signer: Identity,
  inputs: Inputs | undefined,
  options: OutputOptions,
): Promise<ArchiveOutput> {
  const { overwrite = false, resume = false, onNotice = () => {} } = options;
  const { signal = new AbortController().signal } = options;
  assertWritable(output, options);
  if (output === '-') return standardOutput(options.signal);
  const at = locationOf(output);
  if (at.kind === 's3') {
    const all = inputs && inputsDigest([inputs.source, inputs.options]);
    return objectOutput({ at, overwrite, resume, signal, signer, inputs: all, onNotice });
  }
  if (!resume) return fileOutput(output);
  if (inputs === undefined) throw notAgain();
  return resumedOutput({ kind, output, identity: signer, inputs, onNotice });
}

const notAgain = () =>
  new StrongroomError('USAGE', 'what comes through a pipe cannot be gone on with', {
    hint: 'seal a directory or a file, or leave out --resume',
  });
