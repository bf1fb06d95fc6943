/** One archive by many workers: planned, done in ranges, and finished. */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  cancelPlan,
  finishPlan,
  isStrongroomError,
  open,
  showPlan,
  verify,
  workRange,
} from '#strongroom/index.js';
import { outcome, workspace } from '../../support/archive.ts';
import {
  cast,
  expectSame,
  finish,
  latestUpload,
  lookalike,
  planned,
  receiptsOf,
  source,
  store,
  work,
  worked,
} from '../../support/plans.ts';

const { author, reader, first, second, trust } = cast.hybrid;

beforeEach(() => {
  store.fault = () => undefined;
  store.asked.length = 0;
});

describe('a plan to seal', () => {
  it.each(['hybrid', 'cnsa2'] as const)('makes an archive like any other (%s)', async (suite) => {
    const who = cast[suite];
    const { plan, output, report } = await planned({
      signer: who.author,
      recipients: [who.reader.card],
      workers: [who.first.card, who.second.card],
      claims: { licence: 'MIT' },
    });
    expect(report).toMatchObject({ kind: 'seal', ranges: 3, workers: 2, output });
    expect(report.parts).toBeGreaterThanOrEqual(3);
    const from = { trust: who.trust };
    for (const [index, identity] of [who.second, who.first, who.second].entries()) {
      const done = await workRange(plan, index, { identity, threads: 2, ...from });
      expect(done).toMatchObject({ index, state: 'done' });
    }
    expect(await showPlan(plan, from)).toMatchObject({ done: [0, 1, 2], missing: [], open: true });
    const done = await finishPlan(plan, { identity: who.author, threads: 2 });
    expect(done).toMatchObject({ kind: 'seal', state: 'finished', files: 4, superseded: 0 });
    expect(done.winners.map(({ worker }) => worker)).toEqual([
      'second worker',
      'first worker',
      'second worker',
    ]);
    const verified = await verify(output, from);
    expect(verified).toMatchObject({ contentRoot: done.contentRoot, claims: { licence: 'MIT' } });
    await expectSame(output, who.reader, who.trust);
    expect(store.uploads.size).toBe(0);
  });

  it('seals a tar as it is', async () => {
    const tar = join(workspace(), 'model.tar');
    execFileSync('tar', ['cf', tar, '-C', source, '.']);
    const { plan, output } = await worked({}, tar);
    const done = await finish(plan, { check: 'full', source: true });
    // As long as the tar, and compared with it in every segment
    const verified = await verify(output, { trust });
    expect(verified.payloadBytes).toBe(statSync(tar).size);
    expect(done.checked).toBe(verified.segments);
    await expectSame(output);
  });

  it('seals a single file', async () => {
    const file = join(source, 'a.safetensors');
    const { plan, output } = await planned({ ranges: 2 }, file);
    for (const index of [0, 1]) await work(plan, index);
    await finish(plan, { check: 'full' });
    const opened = join(workspace(), 'out');
    await open(output, { identity: reader, trust, output: opened });
    expect(readFileSync(join(opened, 'a.safetensors')).equals(readFileSync(file))).toBe(true);
  });

  it('does a range once, however often it is asked to', async () => {
    const { plan, at } = await planned();
    await work(plan, 1);
    store.asked.length = 0;
    expect(await work(plan, 1, second)).toMatchObject({ index: 1, state: 'already' });
    expect(store.asked.some(({ operation }) => operation === 'part')).toBe(false);
    expect(receiptsOf(at).length).toBe(1);
    // Unless the store lost a part of it
    const parts = latestUpload();
    parts.delete([...parts.keys()][0] as number);
    expect(await work(plan, 1, second)).toMatchObject({ state: 'done' });
  });

  it('has one winner of a range that was done twice, in whatever order', async () => {
    const { plan, at, output } = await worked();
    // A worker that knew nothing of the other: its receipts were not there to be seen yet
    const hidden = receiptsOf(at).map((name) => [name, store.objects.get(name)] as const);
    for (const [name] of hidden) store.objects.delete(name);
    await work(plan, 2, second);
    for (const [name, object] of hidden) store.objects.set(name, object as never);
    const done = await finish(plan);
    expect(done.superseded).toBe(1);
    expect(done.winners.at(-1)).toMatchObject({ range: 2, worker: 'second worker' });
    await expectSame(output);
  });

  it('is finished again after it was finished, and goes on after a crash before', async () => {
    const { plan, output } = await worked();
    // Killed when the trailer was sent: all that is left is a part too many
    store.fault = ({ operation }) =>
      operation === 'complete'
        ? { when: 'before', answer: (response) => void response.writeHead(403).end() }
        : undefined;
    expect(await outcome(() => finish(plan))).toBe('PERMISSION_DENIED');
    store.fault = () => undefined;
    const done = await finish(plan);
    const again = await finish(plan, { check: 'full' });
    expect(again).toMatchObject({ state: 'already', contentRoot: done.contentRoot });
    expect(await work(plan, 1)).toMatchObject({ state: 'already' });
    await expectSame(output);
  });

  it('gives the name on the condition that nothing has it', async () => {
    const { plan, at } = await worked();
    const theirs = { bytes: Buffer.from('theirs'), etag: '"theirs"' };
    store.fault = ({ operation }) => {
      if (operation === 'complete') store.objects.set(at, theirs);
      return undefined;
    };
    expect(await outcome(() => finish(plan))).toBe('OUTPUT_EXISTS');
    expect(store.objects.get(at)).toBe(theirs);
  });

  it('comes out whole when two finish at once', async () => {
    const { plan, output } = await worked();
    const ended = await Promise.allSettled([finish(plan), finish(plan)]);
    expect(ended.some(({ status }) => status === 'fulfilled')).toBe(true);
    expect(await finish(plan)).toMatchObject({ state: 'already' });
    await expectSame(output);
  });

  it('is held against the source, if that is asked for', async () => {
    const { plan, at } = await planned();
    await work(plan, 0, first, { source: lookalike() });
    for (const index of [1, 2]) await work(plan, index);
    const error = await finish(plan, { source: true }).catch((thrown: unknown) => thrown);
    expect(isStrongroomError(error, 'SEGMENT_INVALID') && error.message).toMatch(
      /not what the source has; the object was removed/,
    );
    expect(store.objects.has(at)).toBe(false);
    const honest = await worked();
    const done = await finish(honest.plan, { source: true, check: 'full' });
    expect(done.checked).toBe(honest.report.segments);
  });

  it('is given up by whoever made it', async () => {
    const { plan } = await planned();
    await work(plan, 0);
    const before = store.uploads.size;
    expect(await outcome(() => cancelPlan(plan, { identity: first }))).toBe('PLAN_UNTRUSTED');
    expect(await cancelPlan(plan, { identity: author })).toMatchObject({ state: 'cancelled' });
    expect(store.uploads.size).toBe(before - 1);
    expect(await cancelPlan(plan, { identity: author })).toMatchObject({ state: 'nothing' });
    expect(await outcome(() => work(plan, 1))).toBe('UPLOAD_INVALID');
    expect(await outcome(() => finish(plan))).toBe('UPLOAD_INVALID');
  });
});
