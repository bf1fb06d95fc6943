/** Key-ring slots: what an interrupted writer leaves, and which of two rings counts. */
import { describe, expect, it } from 'vitest';
import { createCore } from '#strongroom/archive/core.js';
import { deriveArchiveKeys } from '#strongroom/archive/filekey.js';
import { LeafCollector, LeafReporter } from '#strongroom/archive/jobs/leaves.js';
import { chooseKeyring, createKeyring } from '#strongroom/archive/keyring.js';
import { decodeSlot, encodeSlot } from '#strongroom/archive/slots.js';
import { u64 } from '#strongroom/bytes.js';
import { noise, outcome, people } from '../support/archive.ts';
import { slotOf } from '../support/forge.ts';

const { author, reader } = people();
const core = createCore({
  suite: author.card.suite,
  segmentBytes: 4096,
  slotBytes: 16384,
  authors: author.card.signing.map(({ id }) => id),
});
const fileKey = noise(32);
const keys = deriveArchiveKeys(fileKey, core);
const recipients = [reader.card];
const ring = createKeyring({
  core,
  keys,
  fileKey,
  recipients,
  hideRecipients: false,
  signer: author,
});
const empty = new Uint8Array(core.slotBytes);
const first = encodeSlot(ring.bytes, core.slotBytes);
const previous = Buffer.alloc(48).toString('base64');
// Which ring counts is decided before signatures are looked at.
const signed = { ...ring.document.signed, epoch: 2, previous };
const second = slotOf(core, { ...ring.document, signed });
const torn = (slot: Uint8Array) => {
  const bytes = slot.slice();
  bytes.set(Buffer.from('SRMDRAFT'));
  bytes.set(noise(3000), 64);
  return bytes;
};
const altered = (change: (bytes: Uint8Array) => void, slot = first) => {
  const bytes = slot.slice();
  change(bytes);
  return bytes;
};

describe('the ring in force', () => {
  it.each([
    ['A alone', first, empty, 0, 1],
    ['B alone', empty, first, 1, 1],
    ['the later of two', first, second, 1, 2],
    ['the later of two, the other way round', second, first, 0, 2],
    ['A, when writing B was interrupted', first, torn(second), 0, 1],
    ['B, when emptying A was interrupted', torn(first), second, 1, 2],
    [
      'A, when B was only begun',
      first,
      altered((b) => b.set(Buffer.from('SRMDRAFT')), empty),
      0,
      1,
    ],
  ] as const)('is %s', (_, a, b, slot, epoch) => {
    const chosen = chooseKeyring([a, b], core, 'archive');
    expect([chosen.slot, chosen.document.signed.epoch]).toEqual([slot, epoch]);
  });

  it.each([
    ['two empty slots', empty, empty],
    ['two torn ones', torn(first), torn(second)],
    ['two of one epoch', first, first],
    ['an empty slot that is not', first, altered((b) => b.fill(1, -1), empty)],
    ['an unknown state', first, altered((b) => b.fill(0x41, 0, 8), second)],
    ['a length of 2^64 - 1', altered((b) => b.fill(0xff, 8, 16)), empty],
    ['a length beyond the slot', altered((b) => b.set([0x40, 0], 14)), empty],
    ['a wrong digest', altered((b) => b.fill(0, 16, 64)), second],
    ['a byte behind the document', altered((b) => b.fill(1, -1)), second],
    ['a state of zeros before a document', altered((b) => b.fill(0, 0, 8)), second],
  ] as const)('is none with %s', async (_, a, b) => {
    expect(await outcome(() => chooseKeyring([a, b], core, 'archive'))).toBe('KEYRING_INVALID');
  });

  it('fills its slot to the last byte', () => {
    const document = noise(core.slotBytes - 64);
    expect(decodeSlot(encodeSlot(document, core.slotBytes), 'A', '')).toEqual(document);
  });

  it('has one spelling: a length beyond its end is refused, also if all else is right', async () => {
    const full = encodeSlot(noise(core.slotBytes - 64), core.slotBytes);
    const longer = altered((bytes) => bytes.set(u64(core.slotBytes - 63), 8), full);
    expect(await outcome(() => decodeSlot(longer, 'A', ''))).toBe('KEYRING_INVALID');
    const none = encodeSlot(new Uint8Array(), core.slotBytes);
    const endless = altered((bytes) => bytes.fill(0xff, 8, 16), none);
    expect(await outcome(() => decodeSlot(endless, 'A', ''))).toBe('KEYRING_INVALID');
  });
});

it('gathers leaves that come out of order', () => {
  const collector = new LeafCollector(4, 1);
  const leaves = Array.from({ length: 3000 }, (_, i) => noise(4, i + 1));
  const order = leaves.map((_, i) => (i * 1009) % 3000);
  const reporters = [0, 1, 2].map(() => new LeafReporter((report) => collector.add(report)));
  for (const i of order) reporters[i % 3]?.add(i, leaves[i] as Uint8Array);
  for (const reporter of reporters) reporter.flush();
  expect(Buffer.concat(leaves).equals(collector.hashes(3000))).toBe(true);
});

describe('refuses leaves', () => {
  const collected = (...indices: number[]) => {
    const collector = new LeafCollector(4, 2);
    for (const index of indices) collector.add({ indices: [index], hashes: noise(4, index) });
    return collector;
  };
  it('of which one came twice', () => {
    expect(() => collected(0, 1, 1)).toThrow('segment 1 was done twice');
  });
  it.each([
    ['one is missing in the middle', [0, 2]],
    ['one is missing at the end', [0, 1]],
    ['one is too many', [0, 1, 2, 3]],
    ['another took the place of one', [0, 1, 3]],
  ])('of which %s', (_, indices) => {
    expect(() => collected(...indices).hashes(3)).toThrow('of 3 segments were done');
  });
});
