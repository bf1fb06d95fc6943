/** Who can open an archive that is sealed anew: recipients, and quorums that are dealt anew. */
import type { Core } from '../archive/core.ts';
import { type Keyring, maxRecipients } from '../archive/keyring.ts';
import type { QuorumStanza } from '../archive/quorum.ts';
import { assertPlans, custodiansOf, type QuorumPlan } from '../custody/quorum/split.ts';
import { assertRecipients } from '../custody/ring/next.ts';
import { StrongroomError } from '../errors.ts';
import type { Card } from '../keys/card.ts';
import type { Trust } from '../keys/policy.ts';
import { timeOf } from '../time.ts';

export interface Heirs {
  /** Who can open it alone: at least one unless there are quorums, all of the archive's suite. */
  readonly recipients: readonly Card[];
  /**
   * Who can open it together. Shares are bound to the old key, so that quorums cannot be carried
   * over: if the old archive has any, they must be named, or an empty array drops them.
   */
  readonly quorums?: readonly QuorumPlan[] | undefined;
  /** Make the key-ring slots large enough for so many recipients. */
  readonly room?: number | undefined;
}

/**
 * Holds the heirs fit to take over an archive of this core and key ring.
 * @throws StrongroomError NO_RECIPIENTS, QUORUM_NEEDED, QUORUM_INVALID, USAGE, SUITE_MISMATCH,
 *   CARD_EXPIRED; KEY_STATE, KEY_UNLISTED by a registry.
 */
export function assertHeirs(
  { recipients, quorums, room }: Heirs,
  core: Core,
  ring: Keyring,
  trust: Trust,
): void {
  const before = ring.document.signed.quorums ?? [];
  if (quorums === undefined && before.length > 0) {
    const message = `a quorum can open the old archive (${inWords(before)}), and would not the new one`;
    throw new StrongroomError('QUORUM_NEEDED', message);
  }
  const plans = quorums ?? [];
  assertPlans(plans, core.suite, timeOf());
  assertRecipients([...recipients, ...custodiansOf(plans)], core, trust);
  if (recipients.length === 0 && plans.length === 0) {
    throw new StrongroomError('NO_RECIPIENTS', 'nobody could open it');
  }
  if (Math.max(recipients.length, room ?? 0) > maxRecipients) {
    throw new StrongroomError('USAGE', `more than ${maxRecipients} recipients`);
  }
  if (room !== undefined && room < recipients.length) {
    const message = `room for ${room} recipients does not do for ${recipients.length}`;
    throw new StrongroomError('USAGE', message);
  }
  const twice = recipients.find(({ kem }, i) =>
    recipients.slice(0, i).some((other) => other.kem.id === kem.id),
  );
  if (twice !== undefined) {
    throw new StrongroomError('USAGE', `the card of ${twice.name} is named twice`);
  }
}

/** How the quorums of a new archive differ from those of the old one. */
export interface QuorumChange {
  /** Such as `1 of 2 of legal and 2 of 5 of security`. */
  readonly before: string;
  readonly now: string;
  /** Names of custodians who hold no share any more, and of those who hold their first. */
  readonly gone: readonly string[];
  readonly added: readonly string[];
}

/** What of the quorums is not as it was; `undefined` if groups, thresholds and keys are the same. */
export function quorumChange(
  before: readonly QuorumStanza[],
  now: readonly QuorumStanza[],
): QuorumChange | undefined {
  const shapes = (quorums: readonly QuorumStanza[]) => quorums.map(shapeOf).sort().join('\n');
  if (shapes(before) === shapes(now)) return undefined;
  return {
    before: inWords(before),
    now: inWords(now),
    gone: namesOnlyIn(before, now),
    added: namesOnlyIn(now, before),
  };
}

const shapeOf = ({ groups }: QuorumStanza): string =>
  JSON.stringify(
    groups.map(({ name, threshold, shares }) => [
      name,
      threshold,
      shares.map(({ key, signers }) => [key, ...signers].join()).sort(),
    ]),
  );

const inWords = (quorums: readonly QuorumStanza[]): string =>
  quorums
    .map(({ groups }) =>
      groups
        .map(({ name, threshold, shares }) => `${threshold} of ${shares.length} of ${name}`)
        .join(' and '),
    )
    .join('; or ') || 'none';

function namesOnlyIn(these: readonly QuorumStanza[], those: readonly QuorumStanza[]): string[] {
  const sharesOf = (quorums: readonly QuorumStanza[]) =>
    quorums.flatMap(({ groups }) => groups.flatMap(({ shares }) => shares));
  const known = new Set(sharesOf(those).map(({ key }) => key));
  const found = new Map(sharesOf(these).map(({ key, name }) => [key, name]));
  return [...found].flatMap(([key, name]) => (known.has(key) ? [] : [name]));
}
