/** Telling of a sealing, in a custody file that begins with it. */
import { exists } from '../../engine/files.ts';
import { asStrongroomError, StrongroomError } from '../../errors.ts';
import type { Signer } from '../../keys/signed.ts';
import { custodyPathOf, withCustody } from '../../provenance/statements/file.ts';
import type { NewEvent } from '../../provenance/statements/statement.ts';
import { assertNoLedger, type CustodyOptions, type Recorded, recorded, untold } from './place.ts';

type Options = CustodyOptions & {
  /** Path of the archive to be, or `-`. */
  readonly output: string;
};

/**
 * The custody file of an archive to be, if there is to be one.
 * @throws StrongroomError OUTPUT_EXISTS, USAGE.
 */
export function newCustodyFile(options: Options): string | undefined {
  const { output, custody } = options;
  if (!custody) {
    assertNoLedger(options);
    return undefined;
  }
  if (output === '-' && custody === true) {
    throw new StrongroomError('USAGE', 'an archive on standard output has no file beside it', {
      hint: 'name the custody file: --custody FILE',
    });
  }
  const file = custody === true ? custodyPathOf(output) : custody;
  if (!exists(file)) return file;
  throw new StrongroomError('OUTPUT_EXISTS', `${file}: exists already`, {
    file,
    hint: 'it is of another archive: name another file, or move the old one away',
  });
}

/** Writes the first line of a custody file, once the archive is there. */
export async function beginCustody(
  file: string,
  event: NewEvent,
  { output, ledger }: Options,
  signer: Signer,
): Promise<Recorded> {
  try {
    return await withCustody(file, {}, (custody) => {
      const told = [custody.add(event, signer)];
      return recorded(file, custody, told, ledger);
    });
  } catch (error) {
    throw untold(asStrongroomError(error, file), output);
  }
}
