/** Segments into parts of an upload: what each part holds, when it is sent, and what goes back. */
import { describe, expect, it } from 'vitest';
import { type LeafReport, LeafReporter } from '#strongroom/archive/jobs/leaves.js';
import {
  intoParts,
  type PartReport,
  type PartsTarget,
  partsBytes,
  type RunShare,
  segmentsOfRun,
  type TailReport,
} from '#strongroom/archive/jobs/parts.js';
import { claimFor } from '#strongroom/archive/jobs/target.js';
import type { Payload } from '#strongroom/archive/segments.js';
import { segmentOverhead } from '#strongroom/crypto/floe.js';
import { beginUpload } from '#strongroom/engine/remote/multipart.js';
import { sharedBytes } from '#strongroom/engine/shared.js';
import { refusal } from '../../keys/helpers.ts';
import { noise } from '../../support/archive.ts';
import { failsWith, serveStore } from '../../support/store.ts';
import { control, never } from './helpers.ts';

const store = await serveStore();
const full = 100 + segmentOverhead;
const front = noise(500, 9);
const segment = (index: number) => noise(full, index + 1);
const payload = (segments: number): Payload => ({
  hash: 'blake3',
  at: 500,
  segmentBytes: 100,
  segments,
  length: segments * 100,
});

async function target(runs: number, more: Partial<PartsTarget> = {}): Promise<PartsTarget> {
  const upload = await beginUpload({ kind: 's3', bucket: 'models', key: 'm' }, never);
  return { kind: 'parts', upload, front, runSegments: 3, done: sharedBytes(runs), ...more };
}

/** Writes `indices`, finishes, and tells what is in the store and what was told. */
async function written(to: PartsTarget, of: Payload, indices: readonly number[]) {
  const told: (PartReport | TailReport | LeafReport)[] = [];
  const during = control();
  const leaves = new LeafReporter((report) => told.push(report));
  const report = (each: PartReport | TailReport) => told.push(each);
  const sink = intoParts(to, of, { control: during, signal: never, report, leaves });
  for (const index of indices) {
    leaves.add(index, Buffer.alloc(32, index));
    expect(await sink.write(segment(index), index)).toBe(true);
  }
  await sink.finish?.();
  sink.close();
  const parts = to.upload && store.uploads.get(to.upload.id);
  return { told, parts: new Map(parts), during };
}

const joined = (...indices: number[]) => Buffer.concat(indices.map(segment));
const tailOf = (told: readonly object[]) =>
  told.flatMap((each) => ('tail' in each ? [Buffer.from((each as TailReport).tail)] : []));

describe('a payload in parts', () => {
  it('is sent run by run, the front before the first, and its last run goes back', async () => {
    const { told, parts } = await written(await target(3), payload(8), [0, 1, 2, 3, 4, 5, 6, 7]);
    expect([...parts.keys()].sort()).toEqual([1, 2]);
    expect(parts.get(1)?.equals(Buffer.concat([front, joined(0, 1, 2)]))).toBe(true);
    expect(parts.get(2)?.equals(joined(3, 4, 5))).toBe(true);
    expect(tailOf(told)).toEqual([joined(6, 7)]);
    const sent = told.filter((each): each is PartReport => 'part' in each);
    expect(sent.map(({ run }) => run).sort()).toEqual([0, 1]);
    expect(sent.find(({ run }) => run === 1)?.part).toMatchObject({ number: 2, bytes: 3 * full });
  });

  it('whose leaves come before the part that they are of', async () => {
    const { told } = await written(await target(3), payload(8), [0, 1, 2, 3, 4, 5, 6, 7]);
    for (const [at, each] of told.entries()) {
      if (!('part' in each)) continue;
      const before = told.slice(0, at).flatMap((one) => ('indices' in one ? one.indices : []));
      const { run } = each;
      expect(before).toEqual(expect.arrayContaining([3 * run, 3 * run + 1, 3 * run + 2]));
    }
  });

  it('of one run goes back with its front, and nothing is sent', async () => {
    const { told, parts } = await written(await target(1), payload(2), [0, 1]);
    expect(parts.size).toBe(0);
    expect(tailOf(told)).toEqual([Buffer.concat([front, joined(0, 1)])]);
  });

  it('of a pipe goes back from whatever run it ends in', async () => {
    const { told, parts } = await written(await target(9), payload(0), [0, 1, 2, 3]);
    expect([...parts.keys()]).toEqual([1]);
    expect(tailOf(told)).toEqual([joined(3)]);
  });

  it('is sent by threads that have runs of their own', async () => {
    const { told, parts } = await written(await target(4), payload(12), [3, 4, 5, 9, 10, 11]);
    expect([...parts.keys()]).toEqual([2]);
    expect(tailOf(told)).toEqual([joined(9, 10, 11)]);
  });

  it('is sent to the last byte by a thread that has not the last run, or none', async () => {
    const { told, parts } = await written(await target(4), payload(12), [3, 4, 5]);
    expect([...parts.keys()]).toEqual([2]);
    expect(tailOf(told)).toEqual([]);
    const none = await written(await target(4), payload(12), []);
    expect([none.parts.size, none.told.length]).toEqual([0, 0]);
  });

  it('fails if its last part does, when all is written', async () => {
    const to = await target(4);
    store.fault = ({ operation, part }) =>
      operation === 'part' && part === 2
        ? { when: 'before', answer: failsWith(403, 'AccessDenied') }
        : undefined;
    const error = await refusal(() => written(to, payload(12), [0, 1, 2, 3, 4, 5]));
    store.fault = () => undefined;
    expect(error.code).toBe('PERMISSION_DENIED');
  });

  it('fails with the store', async () => {
    const to = await target(9);
    store.fault = ({ operation }) =>
      operation === 'part' ? { when: 'before', answer: failsWith(403, 'AccessDenied') } : undefined;
    const error = await refusal(() =>
      written(
        to,
        payload(30),
        Array.from({ length: 30 }, (_, i) => i),
      ),
    );
    store.fault = () => undefined;
    expect(error.code).toBe('PERMISSION_DENIED');
  });

  it('takes nothing any more once the work is stopped', async () => {
    const during = control();
    const told: object[] = [];
    const report = (each: object) => void told.push(each);
    const leaves = new LeafReporter(report);
    const context = { control: during, signal: never, report, leaves };
    const sink = intoParts(await target(3), payload(8), context);
    expect(await sink.write(segment(0), 0)).toBe(true);
    during.stop();
    expect(await sink.write(segment(1), 1)).toBe(false);
    await sink.finish?.();
    expect(told).toEqual([]);
  });
});

describe('a share of several machines', () => {
  const share = (from: number, to: number): RunShare => ({ from, to, of: 3 });

  it('is sent whole, also where it is the last, which takes what is left', async () => {
    const first = await written(
      await target(3, { share: share(0, 2) }),
      payload(11),
      [0, 1, 2, 3, 4, 5],
    );
    expect([...first.parts.keys()].sort()).toEqual([1, 2]);
    expect(tailOf(first.told)).toEqual([]);
    const last = await written(
      await target(3, { share: share(2, 3) }),
      payload(11),
      [6, 7, 8, 9, 10],
    );
    expect([...last.parts.keys()]).toEqual([3]);
    expect(last.parts.get(3)?.equals(joined(6, 7, 8, 9, 10))).toBe(true);
    expect(tailOf(last.told)).toEqual([]);
    const even = await written(await target(3, { share: share(2, 3) }), payload(9), [6, 7, 8]);
    expect([...even.parts.keys()]).toEqual([3]);
    expect(tailOf(even.told)).toEqual([]);
  });

  it.each([
    [0, 0, 3],
    [1, 3, 6],
    [2, 6, 11],
  ])('has in run %i the segments from %i to %i', (run, from, to) => {
    expect(segmentsOfRun(run, 3, { of: 3 }, payload(11))).toEqual({ from, to });
  });

  it('is claimed run by run, without those of others', async () => {
    const claim = claimFor(await target(3, { share: share(1, 3) }), payload(11), control());
    expect([claim(2), claim(9), claim(9)]).toEqual([[3, 4], [5, 6, 7, 8, 9, 10], []]);
  });

  it('is claimed without the parts that are there already', async () => {
    const done = sharedBytes(4);
    done[1] = 1;
    const during = control();
    const claim = claimFor(await target(4, { done }), payload(11), during);
    expect([claim(4), claim(9)]).toEqual([
      [0, 1, 2, 6],
      [7, 8, 9, 10],
    ]);
    expect(during.done).toBe(300);
  });
});

describe('the memory of the parts of a thread', () => {
  const bytes = (runSegments: number, segments: number, more: Partial<PartsTarget> = {}) =>
    partsBytes(
      { kind: 'parts', upload: undefined, front, runSegments, done: sharedBytes(0), ...more },
      payload(segments),
    );

  it('is what is filled, and what is under way: four, or 64 MiB, or one', () => {
    const room = 500 + 3 * full;
    expect(bytes(3, 30)).toBe(5 * room);
    const third = Math.floor(2 ** 26 / 3 / full) - 4;
    expect(bytes(third, 10 * third)).toBe(4 * (500 + third * full));
    const large = Math.ceil(2 ** 27 / full);
    expect(bytes(large, 10 * large)).toBe(2 * (500 + large * full));
  });

  it('is for the longest run of a share', () => {
    const room = (segments: number) => 5 * (500 + segments * full);
    expect(bytes(3, 11, { share: { from: 0, to: 2, of: 3 } })).toBe(room(3));
    expect(bytes(3, 11, { share: { from: 0, to: 3, of: 3 } })).toBe(room(5));
    expect(bytes(3, 11, { share: { from: 2, to: 3, of: 3 } })).toBe(room(5));
    expect(bytes(3, 7, { share: { from: 2, to: 3, of: 3 } })).toBe(room(1));
    expect(bytes(3, 7, { share: { from: 1, to: 3, of: 3 } })).toBe(room(3));
  });
});
