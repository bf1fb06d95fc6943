/** What a plan does not let happen: receipts, plans, workers and sources that are not right. */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { describePlan, isStrongroomError, open, trustCards, workRange } from '#strongroom/index.js';
import { createReceipt, decodeReceipt } from '#strongroom/scale/receipt.js';
import { noise, outcome, workspace, writeFiles } from '../../support/archive.ts';
import {
  cast,
  expectSame,
  finish,
  latestUpload,
  mib,
  planned,
  read,
  receiptsOf,
  source,
  store,
  work,
  worked,
} from '../../support/plans.ts';

const { reader, first, second, outsider, trust } = cast.hybrid;

beforeEach(() => {
  store.fault = () => undefined;
  store.asked.length = 0;
});

describe('finishing refuses', () => {
  it('what is missing, by its number', async () => {
    const { plan, at } = await planned();
    await work(plan, 1);
    const error = await finish(plan).catch((thrown: unknown) => thrown);
    expect(isStrongroomError(error, 'PLAN_INCOMPLETE') && error.message).toMatch(
      /ranges 0, 2 of 3/,
    );
    expect(store.objects.has(at)).toBe(false);
  });

  it.each([
    ['of another plan', 'is of another plan'],
    ['of another range', 'is of range 1, not 0'],
    ['of nobody whom the plan names', 'is signed by nobody whom the plan names'],
    ['with an altered signature', 'is wrong'],
    ['that is none', 'Invalid input'],
    ['of many times its length', 'longer than'],
  ])('a receipt %s', async (kind, why) => {
    const { plan, at } = await worked();
    const [own = '', other = ''] = [0, 1].map((index) =>
      receiptsOf(at).find((name) => name.includes(`/${index}.`)),
    );
    const document = read(plan);
    const bytes = store.objects.get(own)?.bytes as Buffer;
    const { parts } = JSON.parse(bytes.toString()).signed;
    const put = (forged: Uint8Array) =>
      store.objects.set(own, { bytes: Buffer.from(forged), etag: '"forged"' });
    if (kind === 'of another plan') {
      const twin = read((await planned()).plan);
      put(createReceipt(twin, 0, '0123456789abcdef', { did: 'seal', parts }, first));
    } else if (kind === 'of another range') {
      put(store.objects.get(other)?.bytes as Buffer);
    } else if (kind === 'of nobody whom the plan names') {
      put(createReceipt(document, 0, '0123456789abcdef', { did: 'seal', parts }, outsider));
    } else if (kind === 'with an altered signature') {
      const altered = JSON.parse(bytes.toString());
      altered.signed.attempt = '0123456789abcdef';
      put(Buffer.from(`${JSON.stringify(altered)}\n`));
    } else if (kind === 'of many times its length') {
      put(Buffer.concat([Buffer.alloc(2 ** 18, 0x5b), Buffer.alloc(2 ** 18, 0x5d)]));
    } else {
      put(Buffer.from('{}\n'));
    }
    const error = await finish(plan).catch((thrown: unknown) => thrown);
    expect(isStrongroomError(error, 'PLAN_INCOMPLETE') && error.message).toMatch(
      new RegExp(`range 0 of 3 not done.*(${why})`),
    );
    expect(store.objects.has(at)).toBe(false);
    // Another one is all that it takes
    expect(await work(plan, 0)).toMatchObject({ state: 'done' });
    const done = await finish(plan);
    expect(done.refused).toMatchObject([{ why: expect.stringMatching(new RegExp(why)) }]);
  });

  it('parts that are not what was signed for', async () => {
    const { plan, at } = await worked();
    const parts = latestUpload();
    const [one, two] = [parts.get(1), parts.get(2)] as [Buffer, Buffer];
    parts.set(1, two).set(2, one);
    expect(await outcome(() => finish(plan))).toBe('PLAN_INCOMPLETE');
    expect(store.objects.has(at)).toBe(false);
  });

  it('whoever did not make the plan', async () => {
    const { plan } = await worked();
    for (const identity of [first, reader]) {
      expect(await outcome(() => finish(plan, { identity }))).toBe('PLAN_UNTRUSTED');
    }
  });

  it('what a worker signed and did not seal, and takes the name away', async () => {
    const { plan, at } = await worked();
    const name = receiptsOf(at).find((each) => each.includes('/1.')) as string;
    const document = read(plan);
    const { body } = decodeReceipt(store.objects.get(name)?.bytes as Buffer, document, 1, name);
    if (body.did !== 'seal') throw new Error('not of sealing');
    const parts = body.parts.map((part) => ({
      ...part,
      leaves: Buffer.alloc(Buffer.from(part.leaves, 'base64').length, 7).toString('base64'),
    }));
    const bytes = createReceipt(document, 1, body.attempt, { did: 'seal', parts }, first);
    store.objects.set(name, { bytes: Buffer.from(bytes), etag: '"lies"' });
    const error = await finish(plan).catch((thrown: unknown) => thrown);
    expect(isStrongroomError(error, 'SEGMENT_INVALID') && error.message).toMatch(
      /object was removed/,
    );
    expect(store.objects.has(at)).toBe(false);
  });
});

describe('a worker refuses', () => {
  it('a source that changed, and one that is not there', async () => {
    const copy = writeFiles(join(workspace(), 'model'), { weights: noise(17 * mib), none: '' });
    const { plan } = await planned({}, copy);
    utimesSync(join(copy, 'weights'), 1, 1);
    for (const index of [0, 1, 2]) {
      expect(await outcome(() => work(plan, index))).toBe('SOURCE_CHANGED');
    }
    rmSync(join(copy, 'weights'));
    expect(await outcome(() => work(plan, 1))).toBe('SOURCE_CHANGED');
  });

  it('to read what is not in the source that it was given', async () => {
    const elsewhere = join(workspace(), 'secret');
    writeFileSync(elsewhere, noise(17 * mib));
    const linked = writeFiles(join(workspace(), 'model'), { none: '' });
    symlinkSync(elsewhere, join(linked, 'weights'));
    const { plan } = await planned({ followSymlinks: true }, linked);
    const error = await work(plan, 1, first, { source: linked }).catch((thrown: unknown) => thrown);
    expect(isStrongroomError(error, 'SOURCE_CHANGED') && error.message).toMatch(
      /secret: is not in/,
    );
    expect(await work(plan, 1)).toMatchObject({ state: 'done' });
  });

  it('a plan of someone whom it does not trust, altered, or expired', async () => {
    const { plan } = await planned();
    const stranger = trustCards([cast.hybrid.stranger.card]);
    const run = (location: string, more = {}) =>
      outcome(() => workRange(location, 0, { identity: first, trust, ...more }));
    expect(await run(plan, { trust: stranger })).toBe('PLAN_UNTRUSTED');
    const bytes = readFileSync(plan);
    const altered = join(workspace(), 'altered');
    const write = (changed: Buffer) => writeFileSync(altered, changed);
    const line = bytes.indexOf(0x0a);
    write(Buffer.from(bytes.toString('latin1').replace('"ranges":3', '"ranges":2'), 'latin1'));
    expect(await run(altered)).toBe('PLAN_UNTRUSTED');
    write(Buffer.concat([bytes.subarray(0, -1), Buffer.of((bytes.at(-1) as number) ^ 1)]));
    expect(await run(altered)).toBe('PLAN_INVALID');
    write(bytes.subarray(0, line + 100));
    expect(await run(altered)).toBe('PLAN_INVALID');
    write(bytes.subarray(0, 100));
    expect(await run(altered)).toBe('PLAN_INVALID');
    const brief = new Date(Date.now() + 1500).toISOString().slice(0, 19);
    const { plan: old } = await planned({ expires: `${brief}Z` });
    await new Promise((resolve) => setTimeout(resolve, 1600));
    expect(await run(old)).toBe('PLAN_EXPIRED');
    expect(await describePlan(old, { trust })).toMatchObject({ expired: true });
  });

  it('work that is not its own', async () => {
    const { plan } = await planned({ assign: true });
    expect(await outcome(() => work(plan, 0, outsider))).toBe('NOT_A_WORKER');
    expect(await outcome(() => work(plan, 0, cast.cnsa2.first))).toBe('SUITE_MISMATCH');
    expect(await outcome(() => work(plan, 1, first))).toBe('NOT_A_WORKER');
    expect(await outcome(() => work(plan, 3))).toBe('USAGE');
    for (const [index, who] of [first, second, first].entries()) await work(plan, index, who);
    await finish(plan);
  });
});

describe('a plan', () => {
  it('names no file, and cannot be opened by who only works', async () => {
    const { plan, output } = await planned();
    const bytes = readFileSync(plan).toString('latin1');
    for (const name of ['safetensors', 'config.json', source]) expect(bytes).not.toContain(name);
    for (const index of [0, 1, 2]) await work(plan, index);
    await finish(plan);
    const opened = open(output, { identity: first, trust, output: join(workspace(), 'out') });
    expect(await outcome(() => opened)).toBe('NO_KEY_FITS');
  });

  it('is refused where it cannot be done', async () => {
    const before = store.uploads.size;
    const tiny = writeFiles(join(workspace(), 'tiny'), { weights: noise(mib) });
    expect(await outcome(() => planned({}, tiny))).toBe('USAGE');
    expect(await outcome(() => planned({ ranges: 5 }))).toBe('USAGE');
    expect(await outcome(() => planned({ output: join(workspace(), 'file.srm') }))).toBe('USAGE');
    expect(await outcome(() => planned({ workers: [] }))).toBe('USAGE');
    expect(await outcome(() => planned({ workers: [cast.cnsa2.first.card] }))).toBe(
      'SUITE_MISMATCH',
    );
    expect(await outcome(() => planned({}, '-'))).toBe('USAGE');
    expect(store.uploads.size).toBe(before);
  });

  it('keeps receipts in a directory, if that is asked for', async () => {
    const receipts = join(workspace(), 'receipts');
    mkdirSync(receipts);
    const { plan, output } = await worked({ receipts });
    const [own = ''] = readdirSync(receipts);
    expect(readdirSync(join(receipts, own)).length).toBe(3);
    expect(await work(plan, 0)).toMatchObject({ state: 'already' });
    await finish(plan);
    await expectSame(output);
  });
});
