/**
 * Telling what is the case already: the sealing of an archive that has no custody file yet, a
 * change of access that could not be told, or the decision of a quorum.
 */
import { type KeyHolder, trustKeyring } from '../../archive/keyring.ts';
import { trustSeal } from '../../archive/seal.ts';
import type { LockOptions } from '../../engine/lock.ts';
import type { Identity } from '../../keys/identity.ts';
import type { Trust } from '../../keys/policy.ts';
import type { Ledger } from '../../provenance/ledger/append.ts';
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
  /** A transparency log to append to what it does not have. */
  readonly ledger?: Ledger | undefined;
}

/**
 * Brings the custody file of the archive at `path` up to what is in force: begins it, or tells
 * the one change that is missing. Nothing is written if nothing is missing.
 * @throws StrongroomError CUSTODY_UNTRUSTED, CUSTODY_MISMATCH; CUSTODY_BROKEN if more than one
 *   change is missing; of the custody file, the key ring and the seal.
 */
export async function recordCustody(path: string, options: RecordOptions): Promise<Recorded> {
  const { identity, trust, keyring, ledger } = options;
  const file = options.custody ?? custodyPathOf(path);
  return withCustody(file, options, async (custody) => {
    const subject = await readSubject(path, keyring);
    trustKeyring(subject.ring, subject.core, trust, path);
    trustSeal(subject.seal, subject.core, trust, path);
    const told = catchUp(custody, subject, identity, file);
    if (ledger === undefined) return recorded(file, custody, told, undefined);
    const { lines } = await recorded(file, custody, told, undefined);
    return { ...(await recorded(file, custody, notIn(ledger, custody), ledger)), lines };
  });
}

function catchUp(custody: OpenCustody, subject: Subject, identity: Identity, file: string) {
  if (custody.steps.length === 0) return beginOrHold(custody, subject, identity, file);
  assertAbout(custody.steps, subject, subject.seal, file);
  const { access } = lastOf(custody);
  if (accessOf(subject.ring).ring.epoch > access.ring.epoch) {
    return [custody.add(accessEvent(subject, access, subject.ring), identity)];
  }
  assertInForce(access, subject.ring, file);
  return [];
}

/** The lines that a log does not have, such as after it could not be written to. */
function notIn({ directory }: Ledger, { steps }: OpenCustody): Statement[] {
  const known = new Set<string>();
  for (const entry of logEntries(directory)) known.add(hex(entry));
  const first = lastOf({ steps }) && steps[0]?.statement;
  if (first === undefined) return [];
  return steps
    .map(({ statement }) => statement)
    .filter((statement) => entriesOf(first, statement).some((entry) => !known.has(hex(entry))));
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
  const { identity, keyring, ledger } = options;
  const file = options.custody ?? custodyPathOf(path);
  return withCustody(file, options, async (custody) => {
    const subject = await readSubject(path, keyring);
    const told = beginOrHold(custody, subject, identity, file);
    told.push(...tellRelease(custody, subject, holder, identity));
    return recorded(file, custody, told, ledger);
  });
}
