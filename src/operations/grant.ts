/** Granting: further people can open an archive, whose payload and seal stay as they are. */
import { stanzaFor } from '../archive/keyring.ts';
import { assertRecipients } from '../custody/ring/next.ts';
import type { UpdateOptions } from '../custody/ring/update.ts';
import { StrongroomError } from '../errors.ts';
import type { Card } from '../keys/card.ts';
import { type AccessReport, accessReport, type Who, whoOf } from './access.ts';
import { updateRecorded } from './custody/change.ts';
import type { CustodyOptions } from './custody/place.ts';

export interface GrantOptions extends UpdateOptions, CustodyOptions {
  /** Who is to open it as well: at least one, all of the archive's suite. */
  readonly add: readonly Card[];
}

export interface GrantReport extends AccessReport {
  readonly added: readonly Who[];
}

/**
 * Grants access to the archive at `path`: a new epoch of its key ring, in place or detached,
 * in which everyone else's stanza stays byte for byte. Where recipients are hidden, the new
 * ones are too.
 * @throws StrongroomError NO_RECIPIENTS, ALREADY_GRANTED, SUITE_MISMATCH, CARD_EXPIRED, USAGE,
 *   GRANTER_UNTRUSTED, RING_FULL, RING_BUSY, EPOCH_ROLLBACK, OUTPUT_EXISTS; of the custody file;
 *   and of steps 1 to 6 of docs/format.md, "How to read".
 */
export async function grant(path: string, options: GrantOptions): Promise<GrantReport> {
  const { add } = options;
  if (add.length === 0) throw new StrongroomError('NO_RECIPIENTS', 'nobody is named');
  const updated = await updateRecorded(path, options, ({ core, ring, keys, fileKey }) => {
    const { recipients } = ring.document.signed;
    const hide = recipients.some(({ key }) => key === undefined);
    const granted = new Set(recipients.map(({ key }) => key));
    assertRecipients(add, core, options.trust);
    for (const card of add) {
      if (granted.has(card.kem.id)) {
        throw new StrongroomError('ALREADY_GRANTED', `${card.name} has access already`);
      }
      granted.add(card.kem.id);
    }
    const stanzas = add.map((card) => stanzaFor(card, fileKey, core, keys, hide));
    return { recipients: [...recipients, ...stanzas] };
  });
  return { ...accessReport(path, options, updated), added: add.map(whoOf) };
}
