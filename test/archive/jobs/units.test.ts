/** Leaf hashes on their way, runs of a journal, and parts of segments in files. */
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type JournalTarget,
  macBytes,
  noMacs,
  RunJournal,
  type RunReport,
  segmentsInRun,
} from '#strongroom/archive/jobs/journal.js';
import { LeafCollector, type LeafReport, LeafReporter } from '#strongroom/archive/jobs/leaves.js';
import { openSegments } from '#strongroom/archive/jobs/open.js';
import { inOrder, intoFiles, shareExtents } from '#strongroom/archive/jobs/sinks.js';
import type { Payload } from '#strongroom/archive/segments.js';
import { hmacSha384 } from '#strongroom/crypto/kdf.js';
import { sharedNumbers } from '#strongroom/engine/shared.js';
import { refusal } from '../../keys/helpers.ts';
import { noise, readFiles, sharedWorkspace, workspace } from '../../support/archive.ts';
import {
  control,
  decrypted,
  extentsIn,
  keysOf,
  messageOf,
  never,
  type Sealed,
  type Stream,
  sealedIn,
  sealInto,
  segmentAt,
  segmentBytes,
  streamIn,
  through,
} from './helpers.ts';

const root = sharedWorkspace();
const hashOf = (index: number) => Buffer.alloc(4, index + 1);

describe('leaf hashes', () => {
  it('are told in batches of 64, in their order, and the rest at the end', () => {
    const told: LeafReport[] = [];
    const reporter = new LeafReporter((report) => told.push(report));
    for (let i = 0; i < 130; i++) {
      reporter.add(i, hashOf(i));
      expect(told).toHaveLength(Math.floor((i + 1) / 64));
    }
    reporter.flush();
    reporter.flush();
    expect(told.map(({ indices }) => indices.length)).toEqual([64, 64, 2]);
    expect(told.flatMap(({ indices }) => indices)).toEqual(
      Array.from({ length: 130 }, (_, i) => i),
    );
    expect(Buffer.concat(told.map(({ hashes }) => hashes))).toEqual(
      Buffer.concat(Array.from({ length: 130 }, (_, i) => hashOf(i))),
    );
  });

  const report = (...indices: number[]): LeafReport => ({
    indices,
    hashes: Buffer.concat(indices.map(hashOf)),
  });

  it.each([1, 2, 100])('are gathered in any order, with room for %i at first', (expected) => {
    const leaves = new LeafCollector(4, expected);
    leaves.add(report(0));
    leaves.add(report(5, 1));
    leaves.addRuns([
      { from: 2, hashes: Buffer.concat([2, 3, 4].map(hashOf)) },
      { from: 6, hashes: new Uint8Array() },
    ]);
    const all = Buffer.concat([0, 1, 2, 3, 4, 5].map(hashOf));
    expect(Buffer.from(leaves.hashes(6))).toEqual(all);
    expect(Buffer.from(leaves.range(1, 3))).toEqual(all.subarray(4, 12));
  });

  const wrongly = (...indices: number[]) => {
    const leaves = new LeafCollector(4);
    leaves.add(report(...indices));
    return leaves.hashes(indices.length);
  };

  it('of nothing are none', () => {
    expect(new LeafCollector(4).hashes(0)).toHaveLength(0);
  });

  it.each<[string, (leaves: LeafCollector) => unknown, string]>([
    ['one that came before', (leaves) => leaves.add(report(1)), 'segment 1 was done twice'],
    ['one twice in one report', (leaves) => leaves.add(report(7, 7)), 'segment 7 was done twice'],
    ['one that is missing at the end', (leaves) => leaves.hashes(4), '3 of 4 segments were done'],
    ['the first missing', () => wrongly(1, 2), '2 of 2 segments were done'],
    ['one too many', (leaves) => leaves.hashes(2), '3 of 2 segments were done'],
    [
      'one missing, and another too many',
      (leaves) => {
        leaves.add(report(9));
        leaves.hashes(4);
      },
      '4 of 4 segments were done',
    ],
  ])('are wrong with %s', async (_, act, why) => {
    const leaves = new LeafCollector(4);
    leaves.add(report(0, 1, 2));
    const { code, message } = await refusal(() => act(leaves));
    expect(code).toBe('INTERNAL');
    expect(message).toBe(why);
  });
});

describe('a run', () => {
  const mib = 2 ** 20;
  it.each([
    [0, mib, 4],
    [100 * mib, mib, 4],
    [512 * mib, mib, 4],
    [1024 * mib, mib, 8],
    [16 * 1024 * mib, mib, 64],
    [2 ** 43, mib, 64],
    [2 ** 44, mib, 128],
    [100, 4096, 1024],
    [100 * mib, 64 * mib, 1],
    [100 * mib, 3 * mib, 2],
  ])('of %i bytes in segments of %i has %i of them', (length, bytes, segments) => {
    expect(segmentsInRun(length, bytes)).toBe(segments);
  });

  it('has a MAC each, none of them known at first', () => {
    expect(noMacs(9, 4)).toEqual(new Uint8Array(new SharedArrayBuffer(3 * macBytes)));
    expect(noMacs(8, 4)).toHaveLength(2 * macBytes);
    expect(noMacs(0, 4)).toHaveLength(0);
  });

  const digestOf = (place: number) => noise(32, place + 1);
  const key = noise(32, 99);
  const target = (macs = noMacs(7, 3)): JournalTarget => ({
    key: new Uint8Array(key),
    runSegments: 3,
    segments: 7,
    macs,
  });
  /** HMAC-SHA-384 over the index as a u64 and the digests: docs/resume.md. */
  const macOf = (run: number, places: readonly number[]) => {
    const index = Buffer.alloc(8);
    index.writeBigUInt64BE(BigInt(run));
    return hmacSha384(key, Buffer.concat([index, ...places.map(digestOf)]));
  };
  const all = [
    [0, [0, 1, 2]],
    [1, [3, 4, 5]],
    [2, [6]],
  ] as const;
  /** What happened, in its order. */
  const journalOf = (macs?: JournalTarget['macs'], digest = digestOf) => {
    const happened: string[] = [];
    const told: RunReport[] = [];
    const found: number[] = [];
    const during = control();
    const work = {
      digest: (place: number) => digest(place),
      sync: () => void happened.push('sync'),
      onFound: (place: number, bytes: Uint8Array) => {
        expect(bytes).toEqual(digestOf(place));
        found.push(place);
      },
    };
    const journal = new RunJournal(target(macs), during, work, (report) => {
      happened.push(`run ${report.run}`);
      told.push(report);
    });
    return { journal, happened, told, found, during };
  };
  const known = () => {
    const macs = noMacs(7, 3);
    for (const [run, places] of all) macs.set(macOf(run, places), run * macBytes);
    return macs;
  };

  it('is told once it is whole and durable, the last also if it is shorter', () => {
    const { journal, happened, told } = journalOf();
    for (let place = 0; place < 7; place++) journal.add(place, digestOf(place));
    expect(happened).toEqual(['sync', 'run 0', 'sync', 'run 1', 'sync', 'run 2']);
    expect(told).toEqual(all.map(([run, places]) => ({ run, mac: macOf(run, places) })));
  });

  it('is claimed whole, one after the other, if nothing is known of it', () => {
    const { journal } = journalOf();
    const claim = journal.claim(100);
    expect([claim(2), claim(5), claim(9)]).toEqual([[0, 1], [2, 3, 4, 5, 6], []]);
  });

  it('that is there as its MAC says is passed over, and its leaves are told', () => {
    const { journal, found, during } = journalOf(known());
    expect(journal.claim(100)(9)).toEqual([]);
    expect(found).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(during.done).toBe(700);
  });

  it.each<
    [
      string,
      (macs: JournalTarget['macs']) => void,
      typeof digestOf | ((p: number) => Uint8Array | undefined),
    ]
  >([
    ['whose MAC is unknown', (macs) => macs.fill(0, macBytes, 2 * macBytes), digestOf],
    ['whose MAC is another', (macs) => macs.set([(macs[macBytes] ?? 0) ^ 1], macBytes), digestOf],
    [
      'whose MAC is that of another run',
      (macs) => macs.copyWithin(macBytes, 0, macBytes),
      digestOf,
    ],
    ['with a segment that is altered', () => {}, (place) => digestOf(place === 4 ? 40 : place)],
    [
      'with segments exchanged',
      () => {},
      (place) => digestOf(place === 4 ? 5 : place === 5 ? 4 : place),
    ],
    [
      'with a segment that is not there',
      () => {},
      (place) => (place === 4 ? undefined : digestOf(place)),
    ],
  ])('%s is done anew, and nothing is told of it', (_, change, digest) => {
    const macs = known();
    change(macs);
    const { journal, during, found } = journalOf(macs, digest as typeof digestOf);
    const claim = journal.claim(100);
    expect([claim(9), claim(9)]).toEqual([[3, 4, 5], []]);
    expect(found.filter((place) => [3, 4, 5].includes(place))).toEqual([]);
    expect(during.done).toBe(400);
  });

  it('is not looked at any further once the work is stopped', () => {
    const looked: number[] = [];
    const { journal, during } = journalOf(known(), (place) => {
      looked.push(place);
      during.stop();
      return digestOf(place);
    });
    expect(journal.claim(100)(9)).toEqual([]);
    expect(looked).toEqual([0]);
  });

  it('is of a key that is wiped with the journal', () => {
    const given = target();
    const work = { digest: digestOf, sync() {} };
    new RunJournal(given, control(), work, () => {}).wipe();
    expect(given.key).toEqual(new Uint8Array(32));
  });
});

describe('work that goes on', () => {
  let stream: Stream;
  let sealed: Sealed;
  beforeAll(async () => {
    stream = await streamIn(root);
    sealed = await sealedIn(join(root, 'sealed'), stream);
  });
  const runSegments = 2;
  const key = noise(32, 5);
  const journal = (macs = noMacs(sealed.payload.segments, runSegments)): JournalTarget => ({
    key: new Uint8Array(key),
    runSegments,
    segments: sealed.payload.segments,
    macs,
  });
  const macsOf = (told: readonly object[]) => {
    const macs = noMacs(sealed.payload.segments, runSegments);
    for (const report of told as RunReport[]) macs.set(report.mac, report.run * macBytes);
    return macs;
  };

  it('seals again what is not as its MAC says, and that alone', async () => {
    const path = join(workspace(), 'out');
    const message = messageOf(stream.bytes.length);
    writeFileSync(path, message.header);
    const first = await sealInto(path, stream, message, { journal: journal() });
    const runs = Math.ceil(sealed.payload.segments / runSegments);
    expect(first.told.map((each) => (each as RunReport).run)).toEqual(
      Array.from({ length: runs }, (_, i) => i),
    );
    const before = readFileSync(path);
    const spoilt = Buffer.from(before);
    spoilt[segmentAt(3) + 40] = (spoilt[segmentAt(3) + 40] ?? 0) ^ 1;
    writeFileSync(path, spoilt);
    const again = await sealInto(path, stream, message, { journal: journal(macsOf(first.told)) });
    expect(again.told.map((each) => (each as RunReport).run)).toEqual([1]);
    const after = readFileSync(path);
    expect(decrypted(message, after).equals(stream.bytes)).toBe(true);
    expect(after.subarray(0, segmentAt(2)).equals(before.subarray(0, segmentAt(2)))).toBe(true);
    expect(
      after
        .subarray(segmentAt(2), segmentAt(4))
        .equals(before.subarray(segmentAt(2), segmentAt(4))),
    ).toBe(false);
    expect(after.subarray(segmentAt(4)).equals(before.subarray(segmentAt(4)))).toBe(true);
    // Every leaf came once, those that were found too
    expect(again.leaves.hashes(sealed.payload.segments)).toHaveLength(32 * sealed.payload.segments);
  });

  it('seals again what was cut off', async () => {
    const path = join(workspace(), 'out');
    const message = messageOf(stream.bytes.length);
    writeFileSync(path, message.header);
    const { told } = await sealInto(path, stream, message, { journal: journal() });
    truncateSync(path, segmentAt(2) + 7);
    const again = await sealInto(path, stream, message, { journal: journal(macsOf(told)) });
    expect((again.told as RunReport[]).map(({ run }) => run)).not.toContain(0);
    expect(decrypted(message, readFileSync(path)).equals(stream.bytes)).toBe(true);
  });

  const openInto = async (directory: string, macs?: JournalTarget['macs'], wanted?: number[]) => {
    mkdirSync(join(directory, 'd/g/h'), { recursive: true });
    const told: RunReport[] = [];
    const { source, payload, tree } = sealed;
    const places = wanted?.length ?? payload.segments;
    const job = {
      kind: 'open',
      source,
      payload,
      tree,
      floe: keysOf(sealed),
      extents: extentsIn(directory, stream),
      wanted: wanted && sharedNumbers(wanted),
      journal: {
        ...journal(macs ?? noMacs(places, runSegments)),
        segments: places,
      },
    } as const;
    await openSegments(job, control(), (report) => told.push(report), never);
    return told;
  };

  it('opens again what files do not hold as its MAC says, and that alone', async () => {
    const directory = join(workspace(), 'out');
    const told = await openInto(directory);
    const runs = Math.ceil(sealed.payload.segments / runSegments);
    expect(told.map(({ run }) => run)).toEqual(Array.from({ length: runs }, (_, i) => i));
    const before = readFiles(directory);
    expect(await openInto(directory, macsOf(told))).toEqual([]);
    const path = join(directory, 'a');
    const bytes = readFileSync(path);
    bytes[segmentBytes] = (bytes[segmentBytes] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    expect((await openInto(directory, macsOf(told))).map(({ run }) => run)).toEqual([0]);
    expect(readFiles(directory)).toEqual(before);
    truncateSync(join(directory, 'd/f'), 100);
    expect((await openInto(directory, macsOf(told))).length).toBeGreaterThan(0);
    expect(readFiles(directory)).toEqual(before);
  });

  it('counts the wanted segments, and not those of the archive', async () => {
    const directory = join(workspace(), 'out');
    const wanted = [0, 2, 3];
    const told = await openInto(directory, undefined, wanted);
    expect(told.map(({ run }) => run)).toEqual([0, 1]);
    const macs = noMacs(3, runSegments);
    for (const { run, mac } of told) macs.set(mac, run * macBytes);
    expect(await openInto(directory, macs, wanted)).toEqual([]);
  });
});

describe('segments in files', () => {
  const payload: Payload = { hash: 'blake3', at: 0, length: 400, segmentBytes: 100, segments: 4 };
  // Bytes 10 to 60, 60 to 100, 150 to 320: what lies between belongs to none
  const extents = [
    { path: 'x', mode: 0o640, offset: 10, size: 50 },
    { path: 'y', mode: 0o600, offset: 60, size: 40 },
    { path: 'z', mode: 0o600, offset: 150, size: 170 },
  ];
  const bytes = noise(400, 3);
  const segment = (index: number) => new Uint8Array(bytes.subarray(index * 100, index * 100 + 100));
  const within = (index: number) => {
    const [from, to] = [index * 100, index * 100 + 100];
    return Buffer.concat(
      extents.map(({ offset, size }) =>
        bytes.subarray(
          Math.min(Math.max(offset, from), to),
          Math.max(Math.min(offset + size, to), from),
        ),
      ),
    );
  };
  const sinkIn = (directory: string, during = control()) =>
    intoFiles(
      shareExtents(extents.map((each) => ({ ...each, path: join(directory, each.path) }))),
      payload,
      during,
    );

  it.each([[[0, 1, 2, 3]], [[3, 1, 0, 2]]])('are written in any order: %j', (order) => {
    const directory = workspace();
    const sink = sinkIn(directory);
    for (const index of order) expect(sink.write(segment(index), index)).toBe(true);
    sink.sync();
    sink.close();
    const latin = (from: number, to: number) =>
      Buffer.from(bytes.subarray(from, to)).toString('latin1');
    expect(readFiles(directory)).toEqual({
      x: latin(10, 60),
      y: latin(60, 100),
      z: latin(150, 320),
    });
  });

  it('are gathered and read back as the files hold them', () => {
    const sink = sinkIn(workspace());
    for (const index of [0, 1, 2, 3]) sink.write(segment(index), index);
    for (const index of [0, 1, 2, 3]) {
      expect(Buffer.from(sink.gather(segment(index), index))).toEqual(within(index));
      const into = new Uint8Array(100);
      expect(Buffer.from(sink.read(into, 100, index) ?? [])).toEqual(within(index));
    }
    sink.close();
  });

  it('are not there where a file is too short, or empty', () => {
    const directory = workspace();
    const sink = sinkIn(directory);
    sink.write(segment(1), 1);
    const into = new Uint8Array(100);
    expect(sink.read(into, 100, 1)).toHaveLength(50);
    expect(sink.read(into, 100, 2)).toBeUndefined();
    expect(sink.read(into, 100, 0)).toBeUndefined();
    sink.close();
  });

  it('are not put on standard output once the work is stopped', async () => {
    const path = join(workspace(), 'out');
    await through('output', path, async () => {
      const during = control();
      const sink = inOrder(during);
      expect(sink.write(segment(0), 0)).toBe(true);
      during.stop();
      expect(sink.write(segment(1), 1)).toBe(false);
    });
    expect(readFileSync(path).equals(segment(0))).toBe(true);
  });

  it('are not written once the work is stopped', () => {
    const directory = workspace();
    const during = control();
    const sink = sinkIn(directory, during);
    during.stop();
    expect(sink.write(segment(0), 0)).toBe(false);
    sink.close();
    expect(readFiles(directory)).toEqual({});
  });
});
