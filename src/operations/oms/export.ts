/** The statement about a model that an archive was sealed with, without opening its files. */
import { type Access, unlock } from '../../archive/reader.ts';
import { type Freshness, holdEpoch } from '../../custody/epochs/freshness.ts';
import { using } from '../../engine/files.ts';
import { locationOf, openSource } from '../../engine/locate.ts';
import { StrongroomError } from '../../errors.ts';
import type { Identity } from '../../keys/identity.ts';
import { encodeEnvelope } from '../../provenance/oms/envelope.ts';
import { decodeStatement } from '../../provenance/oms/statement.ts';
import { sealedStatement } from './sealing.ts';

export interface ExportedOms {
  /** An in-toto Statement, what `signOms` signs of the same files; in an envelope if signed. */
  readonly statement: Uint8Array;
  readonly name: string;
  /** Hex. */
  readonly root: string;
}

export interface ExportOmsOptions extends Access, Freshness {
  /** Signs it, as `signOms` would. */
  readonly signer?: Identity | undefined;
}

/**
 * The statement about the model in the archive at `path`, by the word of its author.
 * @throws StrongroomError OMS_INVALID if it was sealed without, and of any code that
 *   docs/format.md, "How to read", leads to.
 */
export function exportOms(path: string, access: ExportOmsOptions): Promise<ExportedOms> {
  return using(openSource(locationOf(path)), async (source) => {
    const archive = await unlock(source, access);
    archive.wipe();
    holdEpoch(archive, access, source.name);
    const { oms, entries } = archive.manifest;
    if (oms === undefined) {
      throw new StrongroomError('OMS_INVALID', `${source.name}: was sealed without model signing`, {
        file: source.name,
        hint: 'its author can seal it with --oms',
      });
    }
    const statement = sealedStatement(oms, entries);
    const { name, root } = decodeStatement(statement, source.name);
    const { signer } = access;
    const signed = signer === undefined ? statement : encodeEnvelope(statement, signer);
    return { statement: signed, name, root };
  });
}
