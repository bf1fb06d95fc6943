/** Where the custody of an archive is told, and what is told of it. */
import type { Core } from '../../archive/core.ts';
import type { Keyring } from '../../archive/keyring.ts';
import { readFront, readTrailer } from '../../archive/reader.ts';
import type { Seal } from '../../archive/seal.ts';
import { exists, using } from '../../engine/files.ts';
import { locationOf, openSource } from '../../engine/locate.ts';
import { isRemote, shownName } from '../../engine/remote/location.ts';
import { asStrongroomError, StrongroomError } from '../../errors.ts';
import { appendEntries, type Ledger } from '../../provenance/ledger/append.ts';
import { entriesOf } from '../../provenance/statements/entry.ts';
import { custodyPathOf, type OpenCustody } from '../../provenance/statements/file.ts';
import type { Statement } from '../../provenance/statements/statement.ts';

export interface CustodyOptions {
  /**
   * Where to tell what is done: a path; true for the file beside the archive, which is begun if
   * it is not there; false for nowhere. By default the file beside the archive if there is one.
   */
  readonly custody?: string | boolean | undefined;
  /** A transparency log to append to what is told. */
  readonly ledger?: Ledger | undefined;
}

/** What was told. */
export interface Recorded {
  /** Path of the custody file. */
  readonly file: string;
  /** The numbers of the lines that were added. */
  readonly lines: readonly number[];
  /** The log, its size since, and the numbers of the lines that it has since. */
  readonly ledger?: {
    readonly origin: string;
    readonly size: number;
    readonly lines: readonly number[];
  };
}

/** @throws StrongroomError USAGE where nothing is told, and a log was to have it too. */
export function assertNoLedger({ ledger }: CustodyOptions): void {
  if (ledger === undefined) return;
  throw new StrongroomError('USAGE', 'a log gets what a custody file tells, and there is none', {
    hint: 'begin one: --custody',
  });
}

/** The custody file to write to, if any. */
export function custodyFileOf(archive: string, custody: CustodyOptions['custody']) {
  if (custody === false) return undefined;
  if (typeof custody === 'string') return custody;
  if (isRemote(archive) && !custody) return undefined;
  const beside = custodyPathOf(archive);
  return custody || exists(beside) ? beside : undefined;
}

/**
 * What was told, once the log has it too.
 * @throws StrongroomError of the log, saying that the custody file has it already.
 */
export async function recorded(
  file: string,
  { steps }: Pick<OpenCustody, 'steps'>,
  told: readonly Statement[],
  ledger: Ledger | undefined,
): Promise<Recorded> {
  const lines = told.map(({ predicate }) => predicate.number);
  const first = steps[0]?.statement;
  if (ledger === undefined || first === undefined) return { file, lines };
  const entries = told.flatMap((statement) => entriesOf(first, statement));
  try {
    const { origin, size } = await appendEntries(ledger, entries);
    return { file, lines, ledger: { origin, size, lines } };
  } catch (error) {
    const { code, message } = asStrongroomError(error, ledger.directory);
    throw new StrongroomError(code, `${file}: it is told, but is not in the log: ${message}`, {
      cause: error,
      hint: 'when that is mended, append it: "strongroom custody record" with --ledger',
    });
  }
}

/** An archive as custody files tell of it; nothing in it is trusted yet. */
export interface Subject {
  readonly core: Core;
  readonly ring: Keyring;
  readonly seal: Seal;
  readonly contentRoot: Uint8Array;
}

/** @param keyring path of a detached key ring. */
export const readSubject = (path: string, keyring?: string): Promise<Subject> =>
  using(openSource(locationOf(path)), async (source) => {
    const { core, ring } = await readFront(source, keyring);
    const { seal } = await readTrailer(source, core);
    return { core, ring, seal, contentRoot: seal.contentRoot };
  });

/** A failure to tell what has been done already. */
export const untold = (error: StrongroomError, archive: string): StrongroomError =>
  new StrongroomError(
    error.code,
    `${shownName(archive)}: it is done, but was not recorded: ${error.message}`,
    {
      cause: error,
      hint: `when that is mended, record it: strongroom custody record ${shownName(archive)}`,
    },
  );
