/**
 * Telling what is the case already: the sealing of an archive that has no custody file yet, a
 * change of access that could not be told, or the decision of a quorum.
 */
import { type KeyHolder, trustKeyring } from '../../archive/keyring.ts';
import { trustSeal } from '../../archive/seal.ts';
import type { LockOptions } from '../../engine/lock.ts';
import { StrongroomError } from '../../errors.ts';
import type { Identity } from '../../keys/identity.ts';
import type { Trust } from '../../keys/policy.ts';
import type { Ledger } from '../../provenance/ledger/append.ts';
import { hasEntries } from '../../provenance/ledger/prove.ts';
import { assertAbout } from '../../provenance/statements/against.ts';
import { isNext } from '../../provenance/statements/chain.ts';
import { entriesOf } from '../../provenance/statements/entry.ts';
import { accessEvent, gapEvent } from '../../provenance/statements/events.ts';
import { custodyPathOf, type OpenCustody, withCustody } from '../../provenance/statements/file.ts';
import type { Statement } from '../../provenance/statements/statement.ts';
import { assertReady, begin, tellRelease } from './change.ts';
import { type Recorded, readSubject, recorded, type Subject } from './place.ts';

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
  /** Tell that several changes are not known, and who can open it now. */
  readonly gap?: boolean | undefined;
}

/**
 * Brings the custody file of the archive at `path` up to what is in force: begins it, or tells
 * the one change that is missing, or of several that they are not known if `gap` allows that.
 * Nothing is written if nothing is missing.
 * @throws StrongroomError CUSTODY_UNTRUSTED, CUSTODY_MISMATCH; CUSTODY_INCOMPLETE if more than
 *   one change is missing; of the custody file, the key ring and the seal.
 */
export async function recordCustody(path: string, options: RecordOptions): Promise<Recorded> {
  const { trust, keyring, ledger } = options;
  const file = options.custody ?? custodyPathOf(path);
  return withCustody(file, options, async (custody) => {
    const subject = await readSubject(path, keyring);
    trustKeyring(subject.ring, subject.core, trust, path);
    trustSeal(subject.seal, subject.core, trust, path);
    const told = catchUp(custody, subject, options, file);
    if (ledger === undefined) return recorded(file, custody, told, undefined);
    const { lines } = await recorded(file, custody, told, undefined);
    return { ...(await recorded(file, custody, notIn(ledger, custody), ledger)), lines };
  });
}

function catchUp(
  custody: OpenCustody,
  subject: Subject,
  { identity, gap = false }: RecordOptions,
  file: string,
) {
  const last = custody.steps.at(-1);
  const { epoch, previous } = subject.ring.document.signed;
  if (last === undefined || epoch <= last.access.ring.epoch) {
    assertReady(custody, subject, identity, file);
    return begin(custody, subject, identity);
  }
  assertAbout(custody.steps, subject, subject.seal, file);
  if (isNext(last.access, { epoch, previous })) {
    return [custody.add(accessEvent(subject, last.access, subject.ring), identity)];
  }
  if (gap) return [custody.add(gapEvent(subject, subject.ring), identity)];
  const told = last.access.ring.epoch;
  const message = `${file}: tells nothing of what changed between epoch ${told} and ${epoch}`;
  throw new StrongroomError('CUSTODY_INCOMPLETE', message, {
    file,
    hint: 'find a copy that does, or say that it is not known: --gap',
  });
}

/** The lines that a log does not have, such as after it could not be written to. */
function notIn({ directory }: Ledger, { steps }: OpenCustody): Statement[] {
  const statements = steps.map(({ statement }) => statement);
  const [first] = statements;
  if (first === undefined) return [];
  const known = hasEntries(
    directory,
    statements.flatMap((statement) => entriesOf(first, statement)),
  );
  return statements.filter((_, i) => !known[2 * i] || !known[2 * i + 1]);
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
    assertReady(custody, subject, identity, file);
    const told = begin(custody, subject, identity);
    told.push(...tellRelease(custody, subject, holder, identity));
    return recorded(file, custody, told, ledger);
  });
}
