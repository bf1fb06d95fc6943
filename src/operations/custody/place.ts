/** Where the custody of an archive is told, and what is told of it. */
import type { Core } from '../../archive/core.ts';
import type { Keyring } from '../../archive/keyring.ts';
import { readFront, readTrailer } from '../../archive/reader.ts';
import type { Seal } from '../../archive/seal.ts';
import { exists, using } from '../../engine/files.ts';
import { openSource } from '../../engine/source.ts';
import { StrongroomError } from '../../errors.ts';
import { custodyPathOf } from '../../provenance/statements/file.ts';
import type { Statement } from '../../provenance/statements/statement.ts';

export interface CustodyOptions {
  /**
   * Where to tell what is done: a path; true for the file beside the archive, which is begun if
   * it is not there; false for nowhere. By default the file beside the archive if there is one.
   */
  readonly custody?: string | boolean | undefined;
}

/** What was told. */
export interface Recorded {
  /** Path of the custody file. */
  readonly file: string;
  /** The numbers of the lines that were added. */
  readonly lines: readonly number[];
}

/** The custody file to write to, if any. */
export function custodyFileOf(archive: string, custody: CustodyOptions['custody']) {
  if (custody === false) return undefined;
  if (typeof custody === 'string') return custody;
  const beside = custodyPathOf(archive);
  return custody || exists(beside) ? beside : undefined;
}

export const recorded = (file: string, statements: readonly Statement[]): Recorded => ({
  file,
  lines: statements.map(({ predicate }) => predicate.number),
});

/** An archive as custody files tell of it; nothing in it is trusted yet. */
export interface Subject {
  readonly core: Core;
  readonly ring: Keyring;
  readonly seal: Seal;
  readonly contentRoot: Uint8Array;
}

/** @param keyring path of a detached key ring. */
export const readSubject = (path: string, keyring?: string): Promise<Subject> =>
  using(openSource({ kind: 'file', path }), async (source) => {
    const { core, ring } = await readFront(source, keyring);
    const { seal } = await readTrailer(source, core);
    return { core, ring, seal, contentRoot: seal.contentRoot };
  });

/** A failure to tell what has been done already. */
export const untold = (error: StrongroomError, archive: string): StrongroomError =>
  new StrongroomError(error.code, `${archive}: it is done, but was not recorded: ${error.message}`, {
    cause: error,
    hint: `when that is mended, record it: strongroom custody record ${archive}`,
  });
