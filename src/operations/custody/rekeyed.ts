/** Telling that content was sealed anew: in the old archive's custody file, and in a new one. */
import type { Core } from '../../archive/core.ts';
import type { Entry } from '../../archive/entry.ts';
import { deriveArchiveKeys } from '../../archive/filekey.ts';
import type { KeyHolder } from '../../archive/keyring.ts';
import type { Seal } from '../../archive/seal.ts';
import { hex } from '../../bytes.ts';
import { asStrongroomError } from '../../errors.ts';
import type { Identity } from '../../keys/identity.ts';
import { rekeyedEvent, sealedEvent } from '../../provenance/statements/events.ts';
import { withCustody } from '../../provenance/statements/file.ts';
import { beginCustody, newCustodyFile } from './begin.ts';
import { assertReady, tellRelease } from './change.ts';
import {
  type CustodyOptions,
  custodyFileOf,
  type Recorded,
  readSubject,
  recorded,
  untold,
} from './place.ts';

type Options = CustodyOptions & {
  readonly output: string;
  readonly identity: Identity;
  readonly holder?: KeyHolder | undefined;
  readonly keyring?: string | undefined;
};

interface Made {
  readonly core: Core;
  readonly fileKey: Uint8Array;
  readonly seal: Seal;
  readonly entries: readonly Entry[];
}

/**
 * Makes ready to tell of it, if the old archive has a custody file or the new one is to get one.
 * @throws StrongroomError OUTPUT_EXISTS, and of the old archive's custody file.
 */
export async function prepareRekeyed(path: string, options: Options) {
  const { custody, identity, output } = options;
  const old = custody === false ? undefined : custodyFileOf(path, undefined);
  const file = newCustodyFile({ ...options, custody: custody ?? old !== undefined });
  if (file === undefined) return undefined;
  const subject = await readSubject(path, options.keyring);
  if (old !== undefined) {
    await withCustody(old, {}, (opened) => assertReady(opened, subject, identity, old));
  }
  return {
    async tell({ core, fileKey, seal, entries }: Made) {
      const to = { core, contentRoot: seal.contentRoot };
      const ended = old === undefined ? undefined : await tellOld(old, to, seal);
      const from = {
        archive: hex(subject.core.archiveId),
        contentRoot: hex(subject.contentRoot),
        ...(ended === undefined ? {} : { statement: ended.digest }),
      };
      const { ring } = await readSubject(output);
      const keys = deriveArchiveKeys(fileKey, core);
      try {
        const contents = { entries, key: keys.custody };
        const event = sealedEvent(to, ring, seal, { contents, from });
        const begun = await beginCustody(file, event, options, identity);
        return { ...(ended === undefined ? {} : { old: ended.recorded }), new: begun };
      } finally {
        keys.wipe();
      }
    },
  };

  async function tellOld(oldFile: string, to: Parameters<typeof rekeyedEvent>[2], seal: Seal) {
    try {
      return await withCustody(oldFile, {}, async (opened) => {
        const told = tellRelease(opened, subject, options.holder, identity);
        const last = opened.add(rekeyedEvent(subject, subject.ring, to, seal), identity);
        const all: Recorded = await recorded(oldFile, opened, [...told, last], options.ledger);
        return { recorded: all, digest: last.digest };
      });
    } catch (error) {
      throw untold(asStrongroomError(error, oldFile), path);
    }
  }
}
