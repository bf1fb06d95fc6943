/**
 * Telling what is the case already: the sealing of an archive that has no custody file yet, a
 * change of access that could not be told, or the decision of a quorum.
 */
import { type KeyHolder, trustKeyring } from '../../archive/keyring.ts';
import { trustSeal } from '../../archive/seal.ts';
import type { LockOptions } from '../../engine/lock.ts';
import type { Identity } from '../../keys/identity.ts';
import type { Trust } from '../../keys/policy.ts';
import { assertAbout, assertInForce } from '../../provenance/statements/against.ts';
import { accessEvent, accessOf } from '../../provenance/statements/events.ts';
import { custodyPathOf, withCustody } from '../../provenance/statements/file.ts';
import { beginOrHold, lastOf, tellRelease } from './change.ts';
import { type Recorded, readSubject, recorded } from './place.ts';

export interface RecordOptions extends LockOptions {
  /** Signs what is told. */
  readonly identity: Identity;
  /** Of whom seal and key ring must be. */
  readonly trust: Trust;
  /** Path of a detached key ring that is in force. */
  readonly keyring?: string | undefined;
  /** Path of the custody file, by default the one beside the archive. */
  readonly custody?: string | undefined;
}

/**
 * Brings the custody file of the archive at `path` up to what is in force: begins it, or tells
 * the one change that is missing. Nothing is written if nothing is missing.
 * @throws StrongroomError CUSTODY_UNTRUSTED, CUSTODY_MISMATCH; CUSTODY_BROKEN if more than one
 *   change is missing; of the custody file, the key ring and the seal.
 */
export async function recordCustody(path: string, options: RecordOptions): Promise<Recorded> {
  const { identity, trust, keyring } = options;
  const file = options.custody ?? custodyPathOf(path);
  return withCustody(file, options, async (custody) => {
    const subject = await readSubject(path, keyring);
    trustKeyring(subject.ring, subject.core, trust, path);
    trustSeal(subject.seal, subject.core, trust, path);
    if (custody.steps.length === 0) {
      return recorded(file, beginOrHold(custody, subject, identity, file));
    }
    assertAbout(custody.steps, subject, subject.seal, file);
    const { access } = lastOf(custody);
    if (accessOf(subject.ring).ring.epoch > access.ring.epoch) {
      return recorded(file, [custody.add(accessEvent(subject, access, subject.ring), identity)]);
    }
    assertInForce(access, subject.ring, file);
    return recorded(file, []);
  });
}

/**
 * Tells that a quorum has released the key of the archive at `path`.
 * @param holder what `combineApprovals` gave.
 * @throws StrongroomError as `recordCustody`, and CUSTODY_INCOMPLETE.
 */
export async function recordRelease(
  path: string,
  holder: KeyHolder,
  options: RecordOptions,
): Promise<Recorded> {
  const { identity, keyring } = options;
  const file = options.custody ?? custodyPathOf(path);
  return withCustody(file, options, async (custody) => {
    const subject = await readSubject(path, keyring);
    const told = beginOrHold(custody, subject, identity, file);
    return recorded(file, [...told, ...tellRelease(custody, subject, holder, identity)]);
  });
}
