/** Every moment at which replacing a key ring can be cut short: the old or the new one counts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCore, slotOffsets } from '#strongroom/archive/core.js';
import { deriveArchiveKeys } from '#strongroom/archive/filekey.js';
import { chooseKeyring, createKeyring, type Keyring } from '#strongroom/archive/keyring.js';
import { replaceRing, roomIn, type SlotFile } from '#strongroom/archive/ringwriter.js';
import { encodeSlot } from '#strongroom/archive/slots.js';
import { nextKeyring } from '#strongroom/custody/ring/next.js';
import { noise, outcome, people } from '../support/archive.ts';

const sectorBytes = 512;
const who = people();
const { author, reader, insider } = who;
const core = createCore({
  suite: author.card.suite,
  segmentBytes: 4096,
  slotBytes: 16384,
  authors: author.card.signing.map(({ id }) => id),
});
const fileKey = noise(32);
const keys = deriveArchiveKeys(fileKey, core);
const common = { core, keys, fileKey, signer: author, hideRecipients: false };
const first = createKeyring({ ...common, recipients: [reader.card, insider.card] });
const after = (previous: Keyring, reason: string) =>
  nextKeyring({ core, keys, previous, change: {}, reason, signer: author, trust: who.trust });
// The third is shorter than the second, and the second than the first
const second = after(first, 'x'.repeat(200));
const third = after(second, 'y');
const [slotA] = slotOffsets(core);

class Killed extends Error {}

/** A disk that keeps what was flushed and, of the rest, any sectors in any of their states. */
class Disk implements SlotFile {
  /** As a process sees it. */
  readonly cache: Uint8Array;
  #durable: Uint8Array;
  /** The states of each sector since the last flush. */
  #pending = new Map<number, Uint8Array[]>();
  written = 0;
  flushes = 0;
  /** Called after every write and flush. */
  onStep = () => {};
  /** Nothing is written by a process that is gone. */
  isGone = false;

  constructor(content: Uint8Array) {
    this.cache = content.slice();
    this.#durable = content.slice();
  }

  write(bytes: Uint8Array, offset: number): void {
    if (this.isGone) throw new Killed();
    const at = offset - slotA;
    this.cache.set(bytes, at);
    this.written += bytes.length;
    const last = Math.floor((at + bytes.length - 1) / sectorBytes);
    for (let sector = Math.floor(at / sectorBytes); sector <= last; sector++) {
      const states = this.#pending.get(sector) ?? [];
      states.push(this.#sectorOf(this.cache, sector).slice());
      this.#pending.set(sector, states);
    }
    this.onStep();
  }

  flush(): void {
    if (this.isGone) throw new Killed();
    this.#durable = this.cache.slice();
    this.#pending.clear();
    this.flushes++;
    this.onStep();
  }

  #sectorOf = (bytes: Uint8Array, sector: number) =>
    bytes.subarray(sector * sectorBytes, (sector + 1) * sectorBytes);

  /** What a power cut now may leave: `choose` gives, for each sector, how many states it saw. */
  #cut(choose: (sector: number, states: number) => number): Uint8Array {
    const left = this.#durable.slice();
    for (const [sector, states] of this.#pending) {
      const state = states[choose(sector, states.length) - 1];
      if (state !== undefined) left.set(state, sector * sectorBytes);
    }
    return left;
  }

  *cuts(random: () => number): Generator<Uint8Array> {
    yield this.#cut(() => 0);
    yield this.#cut((_, states) => states);
    if (this.#pending.size === 0) return;
    for (const one of this.#pending.keys()) {
      yield this.#cut((sector, states) => (sector === one ? states : 0));
      yield this.#cut((sector, states) => (sector === one ? 0 : states));
      yield this.#cut((sector, states) => (sector <= one ? states : 0));
    }
    for (let i = 0; i < 16; i++) {
      yield this.#cut((_, states) => Math.floor(random() * (states + 1)));
    }
  }
}

const slotsOf = (both: Uint8Array) =>
  [both.subarray(0, core.slotBytes), both.subarray(core.slotBytes)] as const;
const inForce = (both: Uint8Array) => chooseKeyring(slotsOf(both), core, 'archive');
const epochOf = (both: Uint8Array): number => {
  const { bytes, document } = inForce(both);
  const { epoch } = document.signed;
  // Not only the epoch: the very document
  const expected = [first, second, third][epoch - 1] as Keyring;
  if (!Buffer.from(bytes).equals(expected.bytes)) throw new Error('another document');
  return epoch;
};
const replace = (disk: Disk, ring: Keyring) => {
  const slots = slotsOf(disk.cache.slice());
  const { slot } = chooseKeyring(slots, core, 'archive');
  replaceRing(disk, core, slots, slot, ring.bytes, 'archive');
};

const fresh = (): Uint8Array => {
  const both = new Uint8Array(2 * core.slotBytes);
  both.set(encodeSlot(first.bytes, core.slotBytes));
  return both;
};

/** The states of the cache after each step of putting `ring` over `content`. */
function steps(content: Uint8Array, ring: Keyring): number {
  const disk = new Disk(content);
  let count = 0;
  disk.onStep = () => count++;
  replace(disk, ring);
  return count;
}

/** Runs a replacement up to a step, as a kill would: what was written stays in the cache. */
function replaceUntil(disk: Disk, ring: Keyring, step: number): void {
  let count = 0;
  disk.onStep = () => {
    if (++count < step) return;
    disk.isGone = true;
    throw new Killed();
  };
  try {
    if (step > 0) replace(disk, ring);
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
  } finally {
    disk.onStep = () => {};
    disk.isGone = false;
  }
}

const seeds = fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }));
const randomly = (run: (random: () => number) => void, numRuns: number) =>
  fc.assert(
    fc.property(seeds, (stream) => run(() => stream.next().value as number)),
    { numRuns },
  );

describe('a power cut at any step', () => {
  it('leaves the old or the new ring, and the new one once it was flushed', () => {
    randomly((random) => {
      const disk = new Disk(fresh());
      const seen = new Set<number>();
      let settled = false;
      disk.onStep = () => {
        for (const left of disk.cuts(random)) {
          const epoch = epochOf(left);
          expect(settled ? [2] : [1, 2]).toContain(epoch);
          seen.add(epoch);
        }
        // The head of slot B is flushed: from here on the new one counts, whatever happens
        settled ||= epochOf([...disk.cuts(random)][0] as Uint8Array) === 2;
      };
      replace(disk, second);
      expect([...seen].sort()).toEqual([1, 2]);
      const [a] = slotsOf(disk.cache);
      expect(a.every((byte) => byte === 0)).toBe(true);
    }, 8);
  });

  it('leaves what the next writer can build on', () => {
    const disk = new Disk(fresh());
    const left: Uint8Array[] = [];
    let state = 1;
    const random = () => {
      state = (state * 48271) % 2147483647;
      return state / 2147483647;
    };
    disk.onStep = () => left.push(...disk.cuts(random));
    replace(disk, second);
    for (const content of left) {
      const next = new Disk(content);
      replace(next, epochOf(content) === 1 ? second : third);
      const [a, b] = slotsOf(next.cache);
      expect([a, b].filter((slot) => slot.every((byte) => byte === 0)).length).toBe(1);
      expect(next.written).toBeLessThanOrEqual(2 * core.slotBytes);
    }
  });
});

describe('a kill at any step, and a power cut at any step of the next writer', () => {
  const count = steps(fresh(), second);
  it.each(Array.from({ length: count + 1 }, (_, step) => step))('killed at step %i', (step) => {
    randomly((random) => {
      const disk = new Disk(fresh());
      replaceUntil(disk, second, step);
      const before = epochOf(disk.cache);
      disk.onStep = () => {
        for (const left of disk.cuts(random)) {
          expect([1, before, before + 1]).toContain(epochOf(left));
        }
      };
      replace(disk, before === 1 ? second : third);
      expect(epochOf(disk.cache)).toBe(before + 1);
    }, 2);
  });
});

describe('a disk that fails while the head of the new ring is written', () => {
  it.each(['after half of it', 'when it is flushed'])('%s leaves the old one', (when) => {
    const disk = new Disk(fresh());
    const failing: SlotFile = {
      write(bytes, offset) {
        const isHead = Buffer.from(bytes.subarray(0, 8)).toString() === 'SRMRING\n';
        if (!isHead) return disk.write(bytes, offset);
        disk.write(when === 'after half of it' ? bytes.subarray(0, 32) : bytes, offset);
        hasFailed = true;
        if (when === 'after half of it') throw new Error('full');
      },
      flush() {
        if (hasFailed && when === 'when it is flushed' && !told) {
          told = true;
          throw new Error('full');
        }
        disk.flush();
      },
    };
    let [hasFailed, told] = [false, false];
    const slots = slotsOf(disk.cache.slice());
    const run = () => replaceRing(failing, core, slots, 0, second.bytes, 'archive');
    expect(run).toThrow('full');
    expect(hasFailed).toBe(true);
    expect(epochOf(disk.cache)).toBe(1);
    replace(disk, second);
    expect(epochOf(disk.cache)).toBe(2);
  });
});

describe('the room in a slot', () => {
  const sized = (bytes: number) => {
    const document = new Uint8Array(bytes).fill(0x20);
    const disk = new Disk(fresh());
    return { disk, run: () => replaceRing(disk, core, slotsOf(fresh()), 0, document, 'archive') };
  };

  it('is so much that both slots are never written in more than their length', () => {
    const { disk, run } = sized(roomIn(core));
    run();
    expect(disk.written).toBeLessThanOrEqual(2 * core.slotBytes);
  });

  it('is refused beyond that, with nothing written', async () => {
    const { disk, run } = sized(roomIn(core) + 1);
    expect(await outcome(run)).toBe('RING_FULL');
    expect(disk.written + disk.flushes).toBe(0);
  });
});
