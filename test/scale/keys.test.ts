/** What the keys in a plan open, and what they do not. */
import { describe, expect, it } from 'vitest';
import { createCore } from '#strongroom/archive/core.js';
import {
  createSegmentCipher,
  createThreadCipher,
  segmentOverhead,
  startEncryption,
  windowSegments,
} from '#strongroom/crypto/floe.js';
import { suites } from '#strongroom/crypto/suites.js';
import { createIdentity } from '#strongroom/index.js';
import {
  openFileKey,
  openPlanKey,
  openWindow,
  sealFileKey,
  sealPlanKey,
  sealWindow,
  windowsOf,
} from '#strongroom/scale/keys.js';

const segmentBytes = 4096;

describe.each(['hybrid', 'cnsa2'] as const)('keys of suite %s', (suite) => {
  const make = (name: string) => createIdentity({ name, suite });
  const [worker, other] = [make('worker'), make('other')];
  const core = () =>
    createCore({
      suite: suites[suite],
      segmentBytes,
      slotBytes: 4096,
      authors: worker.card.signing.map(({ id }) => id),
    });
  const context = { core: core(), id: '0'.repeat(64) };
  const { state } = startEncryption(new Uint8Array(32).fill(1), context.core.hash, segmentBytes);
  const second = windowSegments;

  it('open for one worker, in one plan of one archive, and for one purpose', () => {
    const key = new Uint8Array(32).fill(9);
    const stanza = sealPlanKey(context, worker.card, key);
    expect(openPlanKey(context, worker, stanza)).toEqual(key);
    expect(openPlanKey(context, other, stanza)).toBeUndefined();
    expect(openPlanKey({ ...context, id: '1'.repeat(64) }, worker, stanza)).toBeUndefined();
    expect(openPlanKey({ ...context, core: core() }, worker, stanza)).toBeUndefined();
    expect(openWindow(context, worker, { ...stanza, first: 0 })).toBeUndefined();
    const file = sealFileKey(context, worker.card, key);
    expect(openFileKey(context, worker, file)).toEqual(key);
    expect(openFileKey(context, worker, stanza)).toBeUndefined();
    expect(openPlanKey(context, worker, file)).toBeUndefined();
    const window = sealWindow(context, worker.card, state, second);
    expect(openWindow(context, worker, window)?.first).toBe(second);
    expect(openWindow(context, worker, { ...window, first: 0 })).toBeUndefined();
    expect(openWindow(context, other, window)).toBeUndefined();
    expect(openWindow({ ...context, id: '1'.repeat(64) }, worker, window)).toBeUndefined();
    expect(openPlanKey(context, worker, window)).toBeUndefined();
  });

  it('of a window are those of the message, and of no other window', () => {
    const window = openWindow(context, worker, sealWindow(context, worker.card, state, second));
    if (window === undefined) throw new Error('did not open');
    const plaintext = new Uint8Array(segmentBytes).fill(3);
    const encrypted = new Uint8Array(segmentBytes + segmentOverhead);
    const out = new Uint8Array(segmentBytes);
    const [author, held] = [
      createSegmentCipher(state),
      createThreadCipher({ windows: [window], segmentBytes }),
    ];
    held.encrypt(plaintext, second + 5, false, encrypted);
    author.decrypt(encrypted, second + 5, false, out);
    expect(out).toEqual(plaintext);
    author.encrypt(plaintext, second + 6, false, encrypted);
    held.decrypt(encrypted, second + 6, false, out);
    expect(out).toEqual(plaintext);
    // The window before: there is no key for it, and this one does not pass for it
    author.encrypt(plaintext, second - 1, false, encrypted);
    expect(() => held.decrypt(encrypted, second - 1, false, out)).toThrow(/no key/);
    const forged = createSegmentCipher({ windows: [{ ...window, first: 0 }], segmentBytes });
    expect(() => forged.decrypt(encrypted, second - 1, false, out)).toThrow(/authenticate/);
    held.wipe();
    expect(() => held.decrypt(encrypted, second + 6, false, out)).toThrow();
    expect(window.key.some((byte) => byte !== 0)).toBe(true);
  });
});

it('spans of segments lie in windows', () => {
  expect(windowsOf([{ from: 0, to: 1 }])).toEqual([0]);
  expect(windowsOf([{ from: 5, to: windowSegments }])).toEqual([0]);
  expect(windowsOf([{ from: 5, to: windowSegments + 1 }])).toEqual([0, windowSegments]);
  expect(
    windowsOf([
      { from: 3 * windowSegments, to: 3 * windowSegments + 1 },
      { from: windowSegments - 1, to: windowSegments },
    ]),
  ).toEqual([0, 3 * windowSegments]);
});
