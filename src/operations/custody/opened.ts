/** Telling that an archive was opened, before what came out gets its name. */
import type { Entry } from '../../archive/entry.ts';
import { unlockKeyring } from '../../archive/keyring.ts';
import type { Access, Unlocked } from '../../archive/reader.ts';
import { wipe } from '../../bytes.ts';
import type { LockOptions } from '../../engine/lock.ts';
import { StrongroomError } from '../../errors.ts';
import type { Identity } from '../../keys/identity.ts';
import type { Ledger } from '../../provenance/ledger/append.ts';
import { openedEvent } from '../../provenance/statements/events.ts';
import { custodyPathOf, withCustody } from '../../provenance/statements/file.ts';
import { assertReady, begin, tellRelease } from './change.ts';
import { type Recorded, recorded, type Subject } from './place.ts';

export interface OpenedOptions extends LockOptions {
  /** Signs that it was opened. */
  readonly signer: Identity;
  /** Path of the custody file, by default the one beside the archive. */
  readonly custody?: string | undefined;
  /** A transparency log to append to what is told. */
  readonly ledger?: Ledger | undefined;
}

export interface OpenedRecorder {
  /** @param entries what came out. @throws StrongroomError of the custody file. */
  tell(entries: readonly Entry[]): Promise<Recorded>;
}

/**
 * Holds the custody file of the archive at `path` fit to tell that it was opened.
 * @throws StrongroomError SUITE_MISMATCH; CUSTODY_MISMATCH, CUSTODY_INCOMPLETE, and of the file.
 */
export async function prepareOpened(
  path: string,
  archive: Unlocked,
  access: Access,
  options: OpenedOptions,
): Promise<OpenedRecorder> {
  const { signer, custody: file = custodyPathOf(path) } = options;
  const { core, ring, trailer, manifest } = archive;
  const { seal } = trailer;
  const subject: Subject = { core, ring, seal, contentRoot: seal.contentRoot };
  if (signer.card.suite !== core.suite) {
    const message = `${path}: is of suite ${core.suite.name}, who records of ${signer.card.suite.name}`;
    throw new StrongroomError('SUITE_MISMATCH', message, { file: path });
  }
  await withCustody(file, options, (custody) => assertReady(custody, subject, signer, file));
  return {
    tell: (entries) =>
      withCustody(file, options, async (custody) => {
        const { identity } = access;
        const told = begin(custody, subject, signer);
        told.push(...tellRelease(custody, subject, identity, signer));
        const quorum = 'fileKey' in identity ? identity.release?.split : undefined;
        const whole = entries.length === manifest.entries.length;
        const { keys, fileKey } = await unlockKeyring(ring, core, identity, path);
        try {
          const contents = { entries, key: keys.custody };
          told.push(custody.add(openedEvent(subject, ring, contents, { whole, quorum }), signer));
        } finally {
          keys.wipe();
          wipe(fileKey);
        }
        return recorded(file, custody, told, options.ledger);
      }),
  };
}
