/** Changes of access that are told in a custody file as they are made. */
import type { KeyHolder } from '../../archive/keyring.ts';
import type { RingChange } from '../../custody/ring/next.ts';
import {
  type OpenFront,
  type Updated,
  type UpdateOptions,
  updateRing,
} from '../../custody/ring/update.ts';
import { asStrongroomError, StrongroomError } from '../../errors.ts';
import type { Identity } from '../../keys/identity.ts';
import { signsWith } from '../../keys/signed.ts';
import { assertAbout, assertInForce } from '../../provenance/statements/against.ts';
import { accessEvent, releasedEvent, sealedEvent } from '../../provenance/statements/events.ts';
import { type OpenCustody, withCustody } from '../../provenance/statements/file.ts';
import type { Statement } from '../../provenance/statements/statement.ts';
import {
  assertNoLedger,
  type CustodyOptions,
  custodyFileOf,
  type Recorded,
  readSubject,
  recorded,
  type Subject,
  untold,
} from './place.ts';

export interface RecordedUpdate extends Updated {
  readonly custody?: Recorded;
}

/**
 * `updateRing`, told in the archive's custody file. The file is held against the archive first,
 * and kept from other writers until the change is told.
 * @throws StrongroomError as `updateRing`; CUSTODY_INVALID, CUSTODY_TORN, CUSTODY_BROKEN,
 *   CUSTODY_MISMATCH, CUSTODY_INCOMPLETE, CUSTODY_UNTRUSTED before anything is changed.
 */
export async function updateRecorded(
  path: string,
  options: UpdateOptions & CustodyOptions,
  change: (front: OpenFront) => RingChange | Promise<RingChange>,
): Promise<RecordedUpdate> {
  const file = custodyFileOf(path, options.custody);
  if (file === undefined) {
    assertNoLedger(options);
    return updateRing(path, options, change);
  }
  return withCustody(file, options, async (custody) => {
    const subject = await readSubject(path, options.keyring);
    const { identity, holder, ledger } = options;
    assertReady(custody, subject, identity, file);
    const told = begin(custody, subject, identity);
    told.push(...tellRelease(custody, subject, holder, identity));
    const updated = await updateRing(path, options, change);
    try {
      const { access } = lastOf(custody);
      told.push(custody.add(accessEvent(subject, access, updated.after), identity));
    } catch (error) {
      throw untold(asStrongroomError(error), path);
    }
    return { ...updated, custody: await recorded(file, custody, told, ledger) };
  });
}

/**
 * Holds a custody file to tell what is in force in its archive, or its signer to be the author,
 * who alone can begin one.
 * @throws StrongroomError CUSTODY_MISMATCH, CUSTODY_INCOMPLETE, EPOCH_ROLLBACK, CUSTODY_UNTRUSTED.
 */
export function assertReady(
  { steps }: OpenCustody,
  subject: Subject,
  { card }: Identity,
  file: string,
): void {
  const last = steps.at(-1);
  if (last !== undefined) {
    assertAbout(steps, subject, subject.seal, file);
    assertInForce(last.access, subject.ring, file);
    return;
  }
  const { core } = subject;
  if (signsWith(card, core.authors)) return;
  const message = `${file}: is not there yet, and ${card.name} is not the archive's author`;
  throw new StrongroomError('CUSTODY_UNTRUSTED', message, {
    file,
    hint: 'let the author begin it: "strongroom custody record"',
  });
}

/** Tells of the sealing in a file that is not there yet. */
export function begin(custody: OpenCustody, subject: Subject, signer: Identity): Statement[] {
  if (custody.steps.length > 0) return [];
  return [custody.add(sealedEvent(subject, subject.ring, subject.seal, {}), signer)];
}

/** Tells the decision of a quorum by which something is done. */
export function tellRelease(
  custody: OpenCustody,
  subject: Subject,
  holder: KeyHolder | undefined,
  signer: Identity,
): Statement[] {
  if (holder === undefined || !('fileKey' in holder) || holder.release === undefined) return [];
  return [custody.add(releasedEvent(subject, subject.ring, holder.release), signer)];
}

/** The last step of a file that was begun. */
export function lastOf({ steps }: OpenCustody) {
  const last = steps.at(-1);
  if (last === undefined) throw new TypeError('a custody file without a line');
  return last;
}
