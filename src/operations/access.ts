/** What every change of access reports. */

import { hex } from '../bytes.ts';
import type { UpdateOptions } from '../custody/ring/update.ts';
import type { Card } from '../keys/card.ts';
import type { RecordedUpdate } from './custody/change.ts';
import type { Recorded } from './custody/place.ts';

export interface Who {
  /** Id of the KEM key. */
  readonly key: string;
  /** Of a card; a key that no card was given for has none. */
  readonly name?: string;
  readonly fingerprint?: string;
}

export interface AccessReport {
  readonly archive: string;
  /** The file that holds the new key ring: the archive itself, or a detached key ring. */
  readonly output: string;
  readonly epoch: number;
  readonly createdAt: string;
  readonly reason?: string;
  /** How many can open it now, quorums not counted. */
  readonly recipients: number;
  /** Where the change was told, if it was. */
  readonly custody?: Recorded;
}

export const whoOf = ({ kem, name, fingerprint }: Card): Who => ({
  key: kem.id,
  name,
  fingerprint,
});

export function accessReport(
  path: string,
  { output = path }: Pick<UpdateOptions, 'output'>,
  { core, after, custody }: RecordedUpdate,
): AccessReport {
  const { epoch, created, reason, recipients } = after.document.signed;
  return {
    archive: hex(core.archiveId),
    output,
    epoch,
    createdAt: created,
    ...(reason === undefined ? {} : { reason }),
    recipients: recipients.length,
    ...(custody === undefined ? {} : { custody }),
  };
}
