/**
 * Revoking: some can no longer open an archive by its key ring. Whoever could may have kept the
 * file key, which stays the same: only `rekey` makes another one.
 */
import { type Keyring, type Stanza, stanzaFor } from '../archive/keyring.ts';
import type { ShareStanza } from '../archive/quorum.ts';
import { assertRecipients } from '../custody/ring/next.ts';
import type { OpenFront, UpdateOptions } from '../custody/ring/update.ts';
import { StrongroomError } from '../errors.ts';
import type { Card } from '../keys/card.ts';
import type { Trust } from '../keys/policy.ts';
import { type AccessReport, accessReport, type Who, whoOf } from './access.ts';
import { updateRecorded } from './custody/change.ts';
import type { CustodyOptions } from './custody/place.ts';

interface CommonOptions extends UpdateOptions, CustodyOptions {
  /** Agree to lose access oneself; otherwise that is refused. */
  readonly lockMeOut?: boolean | undefined;
}

export type RevokeOptions = CommonOptions &
  (
    | {
        /** Whose access ends: cards, or key ids in hex, of which the first 16 digits will do. */
        readonly remove: readonly (Card | string)[];
      }
    | {
        /** Who has access from now on, and nobody else: the way where recipients are hidden. */
        readonly recipients: readonly Card[];
      }
  );

export interface RevokeReport extends AccessReport {
  /** Whose stanzas are gone; hidden ones cannot be told. */
  readonly removed: readonly Who[];
  /** Names of those among them who still hold a share of a quorum. */
  readonly stillHoldShares: readonly string[];
}

/**
 * Ends access to the archive at `path`: a new epoch of its key ring, in place or detached, in
 * which the stanzas that stay are the same byte for byte.
 * @throws StrongroomError NOT_A_RECIPIENT, NO_RECIPIENTS, LOCKED_OUT, SUITE_MISMATCH,
 *   CARD_EXPIRED, USAGE, GRANTER_UNTRUSTED, RING_FULL, RING_BUSY, EPOCH_ROLLBACK, OUTPUT_EXISTS;
 *   of the custody file; and of steps 1 to 6 of docs/format.md, "How to read".
 */
export async function revoke(path: string, options: RevokeOptions): Promise<RevokeReport> {
  const own = options.identity.card;
  const updated = await updateRecorded(path, options, (front) => {
    const before = front.ring.document.signed.recipients;
    const after =
      'remove' in options
        ? without(before, options.remove, sharesIn(front.ring))
        : exactly(options.recipients, front, before, options.trust);
    // Who came by a quorum loses nothing
    const loses =
      (options.holder ?? options.identity) === options.identity &&
      ('remove' in options
        ? isNamed(before, own) && !isNamed(after, own)
        : !options.recipients.some(({ kem }) => kem.id === own.kem.id));
    if (loses && !options.lockMeOut) {
      throw new StrongroomError('LOCKED_OUT', `${own.name} would lose access too`);
    }
    return { recipients: after };
  });
  const left = new Set(updated.after.document.signed.recipients.map(({ key }) => key));
  const names = new Map(
    ('remove' in options ? options.remove : [])
      .filter((who): who is Card => typeof who !== 'string')
      .map((card) => [card.kem.id, whoOf(card)]),
  );
  const removed = updated.before.document.signed.recipients.flatMap(({ key }) =>
    key === undefined || left.has(key) ? [] : [names.get(key) ?? { key }],
  );
  const gone = new Set(removed.map(({ key }) => key));
  const stillHoldShares = sharesIn(updated.after).flatMap(({ key, name }) =>
    gone.has(key) ? [name] : [],
  );
  return { ...accessReport(path, options, updated), removed, stillHoldShares };
}

const sharesIn = ({ document }: Keyring): ShareStanza[] =>
  (document.signed.quorums ?? []).flatMap(({ groups }) => groups.flatMap(({ shares }) => shares));

const isNamed = (stanzas: readonly Stanza[], { kem }: Card): boolean =>
  stanzas.some(({ key }) => key === kem.id);

function without(
  stanzas: readonly Stanza[],
  remove: readonly (Card | string)[],
  shares: readonly ShareStanza[],
): Stanza[] {
  if (remove.length === 0) throw new StrongroomError('USAGE', 'nobody is named');
  if (stanzas.some(({ key }) => key === undefined)) {
    throw new StrongroomError('NOT_A_RECIPIENT', 'recipients are hidden, and none can be told', {
      hint: 'name everybody who keeps access: --recipients CARD, repeatable',
    });
  }
  const gone = new Set(remove.map((who) => keyOf(who, stanzas, shares)));
  return stanzas.filter(({ key = '' }) => !gone.has(key));
}

/** Fewer digits could be made to fit another key. */
const leastDigits = 16;

function keyOf(
  who: Card | string,
  stanzas: readonly Stanza[],
  shares: readonly ShareStanza[],
): string {
  const [start, name] = typeof who === 'string' ? [who, `key ${who}`] : [who.kem.id, who.name];
  if (!/^[0-9a-f]+$/.test(start) || start.length < leastDigits) {
    throw new StrongroomError('USAGE', `${start}: neither a card nor a key id`, {
      hint: `give the card, or at least ${leastDigits} digits of the key id`,
    });
  }
  const found = stanzas.flatMap(({ key }) => (key?.startsWith(start) ? [key] : []));
  if (found.length === 1) return found[0] as string;
  const what = found.length === 0 ? 'has no access' : 'fits several keys';
  const holds = shares.some(({ key }) => key.startsWith(start));
  const hint = 'it holds a share of a quorum: "strongroom quorum reshare" replaces holders';
  throw new StrongroomError('NOT_A_RECIPIENT', `${name} ${what}`, holds ? { hint } : {});
}

/** A stanza for each of the cards: the one that names its key, or a new one. */
function exactly(
  cards: readonly Card[],
  { core, keys, fileKey }: OpenFront,
  before: readonly Stanza[],
  trust: Trust,
): Stanza[] {
  const hide = before.some(({ key }) => key === undefined);
  const named = new Map(before.map((stanza) => [stanza.key, stanza]));
  const ids = new Set<string>();
  return cards.map((card) => {
    const { id } = card.kem;
    if (ids.has(id)) {
      throw new StrongroomError('USAGE', `the card of ${card.name} is named twice`);
    }
    ids.add(id);
    const old = named.get(id);
    if (old !== undefined) return old;
    assertRecipients([card], core, trust);
    return stanzaFor(card, fileKey, core, keys, hide);
  });
}
