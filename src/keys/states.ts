/**
 * The life of a key: its states and the events that change them.
 *
 * NIST SP 800-57 part 1 revision 5, section 7; docs/registry.md#states
 */
import type { Role } from './roles.ts';

export const keyStates = [
  'pre-activation',
  'active',
  'suspended',
  'deactivated',
  'compromised',
  'destroyed',
] as const;
export type KeyState = (typeof keyStates)[number];

/**
 * Where a key may go from each state: the arrows of SP 800-57's figure 3. A key whose
 * compromise is known only after its end stays destroyed and gets a `compromised` time.
 */
const transitions: Readonly<Record<KeyState, readonly KeyState[]>> = {
  'pre-activation': ['active', 'compromised', 'destroyed'],
  active: ['suspended', 'deactivated', 'compromised', 'destroyed'],
  suspended: ['active', 'deactivated', 'compromised', 'destroyed'],
  deactivated: ['compromised', 'destroyed'],
  compromised: ['destroyed'],
  destroyed: [],
};

/** The states that a key's history may begin with. */
const firstStates: readonly KeyState[] = ['pre-activation', 'active'];

/** All that holds of a key from `time` on, until the next event. Times as documents write them. */
export interface KeyEvent {
  readonly time: string;
  readonly state: KeyState;
  readonly roles: readonly Role[];
  /** Active from here on; `time` where it is absent. Only of state active. */
  readonly activates?: string | undefined;
  /** Active before this, deactivated from here on. Only of state active. */
  readonly expires?: string | undefined;
  /** Others may have had the key from here on. Of state compromised, and perhaps destroyed. */
  readonly compromised?: string | undefined;
  /** KEM key id of the key that takes over. */
  readonly successor?: string | undefined;
  readonly reason?: string | undefined;
}

/** Every event of a key, in order. */
export type KeyLife = readonly [KeyEvent, ...KeyEvent[]];

/** What holds last; whatever a clock says, an event that exists counts. */
export const latest = (life: KeyLife): KeyEvent => life.at(-1) ?? life[0];

/** Whether a key may be in `to` next; staying where it is changes roles, dates or successor. */
const mayFollow = (from: KeyState, to: KeyState): boolean =>
  from === to || transitions[from].includes(to);

/** What is wrong with an event where `previous` holds; `undefined` if nothing is. */
export function faultInEvent(event: KeyEvent, previous: KeyEvent | undefined): string | undefined {
  const { state, time, activates, expires, compromised } = event;
  if (previous === undefined && !firstStates.includes(state)) {
    return `a key does not begin as ${state}`;
  }
  if (previous !== undefined && !mayFollow(previous.state, state)) {
    return `a key that is ${previous.state} does not become ${state}`;
  }
  if (previous !== undefined && time < previous.time) return 'it is older than the event before it';
  if (state !== 'active' && (activates !== undefined || expires !== undefined)) {
    return `a key that is ${state} has no dates of activation`;
  }
  if (expires !== undefined && expires <= (activates ?? time)) return 'it expires before it begins';
  if (state === 'compromised' && compromised === undefined) {
    return 'it does not tell since when the key is compromised';
  }
  if (compromised === undefined) {
    return previous?.compromised === undefined ? undefined : 'it takes back a compromise';
  }
  if (state !== 'compromised' && state !== 'destroyed') {
    return `a key that is ${state} is not compromised`;
  }
  return compromised > time ? 'the compromise lies after the event' : undefined;
}

/** The state at the time `now`, by the last event. */
export const stateNow = (life: KeyLife, now: string): KeyState => within(latest(life), now);

/**
 * The state at a time in the past, as it is known today: a compromise counts from the time
 * that the last event states. Before the first event, the first event counts, so that a key
 * may be registered after it came into use.
 */
export function stateAt(life: KeyLife, time: string): KeyState {
  const { compromised } = latest(life);
  if (compromised !== undefined && time >= compromised) return 'compromised';
  return within(life.findLast((event) => event.time <= time) ?? life[0], time);
}

/** The state that an event gives to `time`: its dates make an active key begin and end. */
function within({ state, time: from, activates = from, expires }: KeyEvent, time: string) {
  if (state !== 'active') return state;
  if (time < activates) return 'pre-activation';
  return expires !== undefined && time >= expires ? 'deactivated' : 'active';
}
