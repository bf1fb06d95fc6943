import { describe, expect, test } from 'vitest';
import {
  faultInEvent,
  type KeyEvent,
  type KeyLife,
  type KeyState,
  keyStates,
  stateAt,
  stateNow,
} from '#strongroom/keys/states.js';

const day = (n: number) => `2026-03-${String(n).padStart(2, '0')}T00:00:00Z`;
const event = (state: KeyState, time: string, more: Partial<KeyEvent> = {}): KeyEvent => ({
  state,
  time,
  roles: [],
  ...(state === 'compromised' ? { compromised: time } : {}),
  ...more,
});

// SP 800-57 part 1 revision 5, figure 3, written down once more: rows from, columns to
const figure: Record<KeyState, string> = {
  //                  p a s d c x
  'pre-activation': ' = y . . y y',
  active: '           . = y y y y',
  suspended: '        . y = y y y',
  deactivated: '      . . . = y y',
  compromised: '      . . . . = y',
  destroyed: '        . . . . . =',
};
const pairs = keyStates.flatMap((from) =>
  keyStates.map((to, i) => [from, to, figure[from].trim().split(' ')[i]] as const),
);

describe('a transition', () => {
  test.each(pairs)('from %s to %s: %s', (from, to, mark) => {
    const before = event(from, day(1), from === 'compromised' ? { compromised: day(1) } : {});
    const kept = from === 'compromised' ? { compromised: day(1) } : {};
    const fault = faultInEvent(event(to, day(2), kept), before);
    if (mark === '.') expect(fault).toBe(`a key that is ${from} does not become ${to}`);
    else expect(fault).toBeUndefined();
  });

  test.each(keyStates)('to %s as the first event', (state) => {
    const fault = faultInEvent(event(state, day(1)), undefined);
    if (state === 'active' || state === 'pre-activation') expect(fault).toBeUndefined();
    else expect(fault).toBe(`a key does not begin as ${state}`);
  });
});

describe('an event is at fault', () => {
  const active = event('active', day(5));
  test.each<[string, KeyEvent, KeyEvent, RegExp]>([
    ['before its predecessor', event('active', day(4)), active, /older/],
    [
      'with dates in a state without',
      event('suspended', day(6), { expires: day(9) }),
      active,
      /dates/,
    ],
    ['that ends before it begins', event('active', day(6), { expires: day(6) }), active, /begins/],
    [
      'that ends before it is activated',
      event('active', day(6), { activates: day(9), expires: day(8) }),
      active,
      /begins/,
    ],
    [
      'compromised without a time',
      { state: 'compromised', time: day(6), roles: [] },
      active,
      /since when/,
    ],
    [
      'compromised in the future',
      event('compromised', day(6), { compromised: day(7) }),
      active,
      /after the event/,
    ],
    [
      'active and compromised',
      event('active', day(6), { compromised: day(5) }),
      active,
      /not comp/,
    ],
    [
      'destroyed without the compromise before',
      event('destroyed', day(9)),
      event('compromised', day(8)),
      /takes back/,
    ],
  ])('%s', (_, next, previous, why) => {
    expect(faultInEvent(next, previous)).toMatch(why);
  });

  test('not if a destroyed key turns out to have been compromised', () => {
    const late = event('destroyed', day(9), { compromised: day(2) });
    expect(faultInEvent(late, event('destroyed', day(8)))).toBeUndefined();
  });
});

describe('the state of a key at a time', () => {
  const life: KeyLife = [
    event('active', day(3), { activates: day(1), expires: day(20) }),
    event('suspended', day(5)),
    event('active', day(7), { expires: day(10) }),
    event('deactivated', day(15)),
  ];
  test.each<[number, KeyState]>([
    [1, 'active'],
    [2, 'active'],
    [3, 'active'],
    [4, 'active'],
    [5, 'suspended'],
    [6, 'suspended'],
    [7, 'active'],
    [9, 'active'],
    [10, 'deactivated'],
    [15, 'deactivated'],
    [20, 'deactivated'],
  ])('%i March: %s', (n, state) => expect(stateAt(life, day(n))).toBe(state));

  test('before it was activated', () => {
    expect(stateAt(life, '2026-02-28T23:59:59Z')).toBe('pre-activation');
    expect(stateAt([event('active', day(3))], day(2))).toBe('pre-activation');
    expect(stateAt([event('pre-activation', day(3))], day(1))).toBe('pre-activation');
  });

  test('after a compromise that became known later', () => {
    const known: KeyLife = [...life, event('compromised', day(16), { compromised: day(2) })];
    expect(stateAt(known, day(1))).toBe('active');
    for (const n of [2, 3, 5, 7, 15, 16, 20]) expect(stateAt(known, day(n))).toBe('compromised');
    const gone: KeyLife = [...known, event('destroyed', day(18), { compromised: day(2) })];
    expect(stateAt(gone, day(19))).toBe('compromised');
    expect(stateNow(gone, day(19))).toBe('destroyed');
  });

  test('now is what the last event says, whatever the clock says', () => {
    expect(stateNow([event('active', day(1)), event('suspended', day(9))], day(2))).toBe(
      'suspended',
    );
    expect(stateNow(life.slice(0, 1) as unknown as KeyLife, day(20))).toBe('deactivated');
    expect(stateNow([event('active', day(1), { activates: day(8) })], day(7))).toBe(
      'pre-activation',
    );
    expect(stateNow([event('active', day(1), { activates: day(8) })], day(8))).toBe('active');
  });
});
