/**
 * What the states of keys allow: docs/registry.md#what-a-state-allows. Trust that knows no
 * states allows everything here; the validity of cards is looked at elsewhere.
 */
import { type ErrorCode, StrongroomError } from '../errors.ts';
import { timeOf } from '../time.ts';
import { type Card, isValidAt } from './card.ts';
import { sharesKey, type Trust, type TrustEntry } from './policy.ts';
import { type KeyLife, type KeyState, latest, stateAt, stateNow } from './states.ts';

/** Using the secret of a key on what was sealed to it before. */
const processing: Readonly<Record<KeyState, 'allowed' | 'doubtful' | 'refused'>> = {
  'pre-activation': 'refused',
  active: 'allowed',
  suspended: 'doubtful',
  deactivated: 'allowed',
  compromised: 'doubtful',
  destroyed: 'refused',
};

/** The state of a key now, which ends with its card at the latest. */
export function stateOf(
  { card, life }: { readonly card: Card; readonly life: KeyLife },
  now: string = timeOf(),
): KeyState {
  const state = stateNow(life, now);
  if (state !== 'active' || isValidAt(card, now)) return state;
  return now < card.created ? 'pre-activation' : 'deactivated';
}

/**
 * Holds keys fit to seal to, to sign a seal with, or to be granted access with: active now,
 * and listed if trust comes from a registry. Nothing is asked without trust.
 * @throws StrongroomError KEY_STATE, KEY_UNLISTED.
 */
export function assertMayProtect(
  trust: Trust | undefined,
  cards: readonly Card[],
  now: string = timeOf(),
): void {
  if (trust === undefined) return;
  for (const card of cards) {
    const entries = entriesOf(trust, card);
    if (entries.length === 0 && trust.registered) {
      throw new StrongroomError('KEY_UNLISTED', `the key of ${card.name} is not in the registry`);
    }
    for (const entry of entries) {
      const { life } = entry;
      if (life === undefined) continue;
      const state = stateOf({ ...entry, life }, now);
      if (state !== 'active') throw unfit(trust, card, life, state);
    }
  }
}

/**
 * Holds the key of an identity fit to open what was sealed to it. A key that is not listed
 * may: whoever granted it access is trusted to have known.
 * @throws StrongroomError KEY_STATE.
 */
export function assertMayProcess(trust: Trust, card: Card, now: string = timeOf()): void {
  for (const { life } of entriesOf(trust, card)) {
    if (life === undefined) continue;
    const state = stateNow(life, now);
    const verdict = processing[state];
    if (verdict === 'refused') throw unfit(trust, card, life, state);
    if (verdict === 'doubtful') {
      trust.onWarning?.(`the key of ${card.name}, which opens this, is ${state}`);
    }
  }
}

/** A signature whose bytes verify. */
export interface Signed {
  readonly by: Card;
  /** As the signer states it. */
  readonly time: string;
  /** Of the archive. */
  readonly name: string;
  /** Such as `sealed`. */
  readonly verb: string;
  /** Refuses a signature from a time when the key was not active. */
  readonly code: ErrorCode;
}

/**
 * Holds a signature to be from a time when its key was active. The time is the signer's
 * word, so whoever has a compromised key can state an earlier one: what is before the
 * compromise is refused too, unless the reader accepts that.
 * @throws StrongroomError KEY_COMPROMISED, or `signed.code`.
 */
export function assertSignedWhileActive(trust: Trust, signed: Signed): void {
  const { by, time, name, verb, code } = signed;
  const life = trust.entries.find(({ card }) => card === by)?.life;
  if (life === undefined) return;
  const then = stateAt(life, time);
  const { compromised } = latest(life);
  const hint = hintOf(trust, life);
  const known = `${name}: was ${verb} at ${time} with the key of ${by.name}`;
  if (then === 'compromised') {
    const message = `${known}, which is compromised since ${compromised}`;
    throw new StrongroomError('KEY_COMPROMISED', message, { file: name, ...hint });
  }
  if (compromised !== undefined && !trust.acceptBeforeCompromise) {
    const message = `${known}, which is compromised since ${compromised}, and the time is its word alone`;
    throw new StrongroomError('KEY_COMPROMISED', message, { file: name, ...hint });
  }
  if (then !== 'active') {
    throw new StrongroomError(code, `${known}, which was in state ${then}`, {
      file: name,
      ...hint,
    });
  }
  if (compromised !== undefined) {
    trust.onWarning?.(`${known}, before its compromise at ${compromised}, by its own word`);
  } else if (stateNow(life, timeOf()) === 'suspended') {
    trust.onWarning?.(`${known}, which is suspended now`);
  }
}

/** Every entry that shares a key with the card: a registry has one or none. */
const entriesOf = (trust: Trust, card: Card): TrustEntry[] =>
  trust.entries.filter((entry) => sharesKey(entry.card, card));

/** The card at the end of a chain of successors; `undefined` if there is none. */
export function successorOf(trust: Trust, life: KeyLife): Card | undefined {
  const seen = new Set<string>();
  let next = latest(life).successor;
  let found: Card | undefined;
  // Two keys may name each other
  while (next !== undefined && !seen.has(next)) {
    seen.add(next);
    const entry: TrustEntry | undefined = trust.entries.find(({ card }) => card.kem.id === next);
    found = entry?.card ?? found;
    next = entry?.life && latest(entry.life).successor;
  }
  return found;
}

function hintOf(trust: Trust, life: KeyLife): { readonly hint?: string } {
  const successor = successorOf(trust, life);
  if (successor === undefined) return {};
  return { hint: `its successor is the key of ${successor.name}, ${successor.fingerprint}` };
}

function unfit(trust: Trust, { name }: Card, life: KeyLife, state: KeyState): StrongroomError {
  const { reason } = latest(life);
  const why = reason === undefined ? '' : `: ${reason}`;
  const message = `the key of ${name} is in state ${state}${why}`;
  return new StrongroomError('KEY_STATE', message, hintOf(trust, life));
}
