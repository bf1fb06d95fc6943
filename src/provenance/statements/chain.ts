/**
 * A custody file as a chain: every line names the one before it, belongs to the same content,
 * and can follow from what was told so far. Signatures and roles are for `trust.ts`.
 *
 * docs/provenance.md#what-is-checked
 */
import { StrongroomError } from '../../errors.ts';
import { timeOf } from '../../time.ts';
import type { Statement } from './statement.ts';

/** Who can open the archive, and by which key ring, as far as the file tells. */
export interface Access {
  readonly ring: { readonly digest: string; readonly epoch: number };
  /** KEM key ids. */
  readonly recipients: ReadonlySet<string>;
  readonly hidden: number;
  /** Split ids. */
  readonly quorums: ReadonlySet<string>;
}

/** The first change that a gap leaves untold and the last, by their epochs. */
export interface Gap {
  readonly line: number;
  readonly from: number;
  readonly to: number;
}

/** Where changes of access are not told. */
export const gapsIn = (steps: readonly Step[]): Gap[] =>
  steps.flatMap(({ statement, access }, i) => {
    if (statement.event !== 'gap') return [];
    const before = steps[i - 1]?.access.ring.epoch ?? 0;
    return [{ line: i + 1, from: before + 1, to: access.ring.epoch }];
  });

export type Change = 'granted' | 'revoked' | 'reshared' | 'changed';

/** A line, and what is the case once it is told. */
export interface Step {
  readonly statement: Statement;
  readonly access: Access;
  /** Of a change of access: what it comes to. */
  readonly change?: Change;
  /** Of what was done by a key ring: who could open it by that one, which may be an older one. */
  readonly used?: Access;
}

/**
 * Follows a custody file from its first line.
 * @throws StrongroomError CUSTODY_BROKEN, naming the line.
 */
export function follow(statements: readonly Statement[], file: string): Step[] {
  const steps: Step[] = [];
  let keys = 0;
  for (const statement of statements) {
    const step = next(steps, statement, file);
    if (step.access !== steps.at(-1)?.access) keys += step.access.recipients.size;
    if (keys > maxKept)
      throw broken(file, steps.length + 1, 'is of a file with too many recipients');
    steps.push(step);
  }
  return steps;
}

/**
 * Recipients of all key ring epochs together, which are kept. Nothing is verified yet: a short
 * line can be about a ring of ten thousand.
 */
const maxKept = 2 ** 23;

/**
 * The step that a statement makes after others.
 * @throws StrongroomError CUSTODY_BROKEN.
 */
export function next(steps: readonly Step[], statement: Statement, file: string): Step {
  const refuse = (why: string) => broken(file, steps.length + 1, why);
  const [first] = steps;
  const last = steps.at(-1);
  assertLinked(first, last, steps.length + 1, statement, refuse);
  if (last === undefined) {
    if (statement.event !== 'sealed') throw refuse('does not tell of the sealing');
    return { statement, access: statedAccess(statement, refuse) };
  }
  if (statement.event === 'sealed') throw refuse('tells of the sealing once more');
  if (statement.event === 'access') return changed(last.access, statement, refuse);
  if (statement.event === 'gap') return resumed(last.access, statement, refuse);
  const { digest, epoch } = statement.predicate.ring;
  // Someone may have a copy of the archive from before the last change
  const used = steps.findLast(({ access }) => access.ring.digest === digest)?.access;
  if (used === undefined) throw refuse('is about a key ring that was not told of');
  if (used.ring.epoch !== epoch) throw refuse('states another epoch of its key ring');
  if (statement.event === 'released') assertReleasable(statement, used, refuse);
  if (statement.event === 'opened') assertReleased(steps, statement, refuse);
  return { statement, access: last.access, used };
}

const dayMs = 86_400_000;

/**
 * Whether a line states a time that is yet to come, by more than clocks differ. Every line after
 * it would have to state one as late, when no card may be valid any more.
 */
export const isAhead = ({ predicate }: Statement): boolean =>
  predicate.time > timeOf(new Date(Date.now() + dayMs));

type Refuse = (why: string) => StrongroomError;
type Of<K extends Statement['event']> = Extract<Statement, { event: K }>;

const broken = (file: string, line: number, why: string) =>
  new StrongroomError('CUSTODY_BROKEN', `${file}: line ${line} ${why}`, { file });

function assertLinked(
  first: Step | undefined,
  last: Step | undefined,
  number: number,
  { predicate, contentRoot }: Statement,
  refuse: Refuse,
): void {
  if (predicate.number !== number) throw refuse(`calls itself number ${predicate.number}`);
  if (predicate.previous !== last?.statement.digest) {
    throw refuse('does not name the line before it');
  }
  if (first === undefined || last === undefined) return;
  const { archive, core } = first.statement.predicate;
  if (predicate.archive !== archive || predicate.core !== core) {
    throw refuse('is about another archive');
  }
  if (contentRoot !== first.statement.contentRoot) throw refuse('is about another content');
  if (predicate.time < last.statement.predicate.time) {
    throw refuse('states a time before that of the line before it');
  }
}

function setOf(ids: readonly string[], what: string, refuse: Refuse): Set<string> {
  const set = new Set(ids);
  if (set.size < ids.length) throw refuse(`names ${what} twice`);
  return set;
}

/** Access as a line states it in full. */
function statedAccess({ predicate }: Of<'sealed' | 'gap'>, refuse: Refuse): Access {
  const { ring, recipients, hidden, quorums } = predicate;
  return {
    ring: { digest: ring.digest, epoch: ring.epoch },
    recipients: setOf(recipients, 'a recipient', refuse),
    hidden,
    quorums: setOf(quorums, 'a quorum', refuse),
  };
}

/** Whether a key ring is the next after one that was told of. */
export const isNext = (
  { ring }: Access,
  { epoch, previous }: { readonly epoch: number; readonly previous?: string | undefined },
): boolean => epoch === ring.epoch + 1 && previous === ring.digest;

function resumed(before: Access, statement: Of<'gap'>, refuse: Refuse): Step {
  const { ring } = statement.predicate;
  if (ring.epoch <= before.ring.epoch) {
    throw refuse(`goes from epoch ${before.ring.epoch} to ${ring.epoch}`);
  }
  if (isNext(before, ring)) throw refuse('tells of a gap where there is none');
  return { statement, access: statedAccess(statement, refuse) };
}

function changed(before: Access, statement: Of<'access'>, refuse: Refuse): Step {
  const { ring, added, removed, hidden } = statement.predicate;
  if (ring.epoch !== before.ring.epoch + 1) {
    throw refuse(`goes from epoch ${before.ring.epoch} to ${ring.epoch}`);
  }
  if (ring.previous !== before.ring.digest) {
    throw refuse('follows another key ring than the last that was told of');
  }
  const recipients = new Set(before.recipients);
  for (const key of setOf(removed, 'a recipient', refuse)) {
    if (!recipients.delete(key)) throw refuse('removes a key that had no access');
  }
  for (const key of setOf(added, 'a recipient', refuse)) {
    if (before.recipients.has(key)) throw refuse('adds a key that had access');
    recipients.add(key);
  }
  const quorums = setOf(statement.predicate.quorums, 'a quorum', refuse);
  const access = {
    ring: { digest: ring.digest, epoch: ring.epoch },
    recipients,
    hidden,
    quorums,
  };
  const more = added.length + Math.max(0, hidden - before.hidden);
  const fewer = removed.length + Math.max(0, before.hidden - hidden);
  const split = difference(quorums, before);
  return { statement, access, change: changeOf(more > 0, fewer > 0, split > 0) };
}

const difference = (now: ReadonlySet<string>, { quorums }: Access): number =>
  [...now].filter((id) => !quorums.has(id)).length +
  [...quorums].filter((id) => !now.has(id)).length;

function changeOf(more: boolean, fewer: boolean, split: boolean): Change {
  if (more && !fewer && !split) return 'granted';
  if (fewer && !more && !split) return 'revoked';
  return split && !more && !fewer ? 'reshared' : 'changed';
}

function assertReleasable({ predicate }: Of<'released'>, access: Access, refuse: Refuse): void {
  if (!access.quorums.has(predicate.split)) throw refuse('names a quorum that there is not');
  setOf(
    predicate.approvals.map(({ key }) => key),
    'a custodian',
    refuse,
  );
}

/** Who opens by a quorum's decision has told of that decision before. */
function assertReleased(steps: readonly Step[], { predicate }: Of<'opened'>, refuse: Refuse): void {
  const { quorum, signer } = predicate;
  if (quorum === undefined) return;
  const released = steps.some(
    ({ statement }) =>
      statement.event === 'released' &&
      statement.predicate.split === quorum &&
      statement.predicate.signer.join() === signer.join(),
  );
  if (!released) throw refuse('opens by a quorum that did not release it to its signer');
}
