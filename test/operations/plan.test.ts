/** One archive by many workers: planned, done in ranges, and finished; and what is refused. */
import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  createIdentity,
  describePlan,
  finishPlan,
  type Identity,
  isStrongroomError,
  open,
  type PlanSealOptions,
  planSeal,
  showPlan,
  trustCards,
  verify,
  workRange,
} from '#strongroom/index.js';
import { decodePlan } from '#strongroom/scale/document.js';
import { createReceipt, decodeReceipt } from '#strongroom/scale/receipt.js';
import {
  noise,
  outcome,
  people,
  readFiles,
  sharedWorkspace,
  workspace,
  writeFiles,
} from '../support/archive.ts';
import { serveStore } from '../support/store.ts';

const root = sharedWorkspace();
process.env.STRONGROOM_STATE_DIR = join(root, 'state');
const store = await serveStore();
const mib = 2 ** 20;
const source = writeFiles(join(root, 'model'), {
  'a.safetensors': noise(13 * mib + 17),
  'b/c.safetensors': noise(9 * mib, 2),
  'b/empty/': '',
  'config.json': '{}',
  none: '',
});

const cast = {
  hybrid: { ...people('hybrid'), ...crew('hybrid') },
  cnsa2: { ...people('cnsa2'), ...crew('cnsa2') },
};

function crew(suite: 'hybrid' | 'cnsa2') {
  const make = (name: string) => createIdentity({ name, suite });
  return { first: make('first worker'), second: make('second worker'), outsider: make('outsider') };
}

const { author, reader, first, second, outsider, trust } = cast.hybrid;

let made = 0;
async function planned(more: Partial<PlanSealOptions> = {}, from = source) {
  const key = `archive-${++made}.srm`;
  const plan = join(workspace(), 'plan');
  const output = `s3://models/${key}`;
  const report = await planSeal(from, {
    plan,
    output,
    ranges: 3,
    workers: [first.card, second.card],
    recipients: [reader.card],
    signer: author,
    segmentBytes: 2 ** 16,
    ...more,
  });
  return { plan, output, key, report, at: `/models/${key}` };
}

const work = (plan: string, index: number, identity: Identity = first, more = {}) =>
  workRange(plan, index, { identity, trust, threads: 2, ...more });

const finish = (plan: string, more = {}) =>
  finishPlan(plan, { identity: author, threads: 2, ...more });

async function expectSame(address: string, identity = reader, trusted = trust) {
  const output = join(workspace(), 'out');
  await open(address, { identity, trust: trusted, output, threads: 2 });
  expect(readFiles(output)).toEqual(readFiles(source));
}

/** Names of the receipts of a plan. */
const receiptsOf = (at: string) =>
  [...store.objects.keys()].filter((name) => name.startsWith(`${at}.plan/receipts/`));

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

  it('seals a single file, and a tar byte for byte', async () => {
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
    const [upload] = [...store.uploads.values()].slice(-1);
    const [number] = [...(upload?.keys() ?? [])];
    upload?.delete(number as number);
    expect(await work(plan, 1, second)).toMatchObject({ state: 'done' });
  });

  it('has one winner of a range that was done twice, in whatever order', async () => {
    const { plan, at, output } = await planned();
    for (const index of [0, 1, 2]) await work(plan, index);
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
    const { plan, output } = await planned();
    for (const index of [0, 1, 2]) await work(plan, index);
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
    const { plan, at } = await planned();
    for (const index of [0, 1, 2]) await work(plan, index);
    const theirs = { bytes: Buffer.from('theirs'), etag: '"theirs"' };
    store.fault = ({ operation }) => {
      if (operation === 'complete') store.objects.set(at, theirs);
      return undefined;
    };
    expect(await outcome(() => finish(plan))).toBe('OUTPUT_EXISTS');
    expect(store.objects.get(at)).toBe(theirs);
  });
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
  ])('a receipt %s', async (kind, why) => {
    const { plan, at } = await planned();
    for (const index of [0, 1, 2]) await work(plan, index);
    const [own = '', other = ''] = [0, 1].map((index) =>
      receiptsOf(at).find((name) => name.includes(`/${index}.`)),
    );
    const document = decodePlan(readFileSync(plan), 'plan');
    const bytes = store.objects.get(own)?.bytes as Buffer;
    const { parts } = JSON.parse(bytes.toString()).signed;
    const put = (forged: Uint8Array) =>
      store.objects.set(own, { bytes: Buffer.from(forged), etag: '"forged"' });
    if (kind === 'of another plan') {
      const twin = decodePlan(readFileSync((await planned()).plan), 'twin');
      put(createReceipt(twin, 0, '0123456789abcdef', { did: 'seal', parts }, first));
    } else if (kind === 'of another range') {
      put(store.objects.get(other)?.bytes as Buffer);
    } else if (kind === 'of nobody whom the plan names') {
      put(createReceipt(document, 0, '0123456789abcdef', { did: 'seal', parts }, outsider));
    } else if (kind === 'with an altered signature') {
      const altered = JSON.parse(bytes.toString());
      altered.signed.attempt = '0123456789abcdef';
      put(Buffer.from(`${JSON.stringify(altered)}\n`));
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
    const { plan, at } = await planned();
    for (const index of [0, 1, 2]) await work(plan, index);
    const [upload] = [...store.uploads.values()].slice(-1);
    const [one, two] = [upload?.get(1), upload?.get(2)] as [Buffer, Buffer];
    upload?.set(1, two).set(2, one);
    expect(await outcome(() => finish(plan))).toBe('PLAN_INCOMPLETE');
    expect(store.objects.has(at)).toBe(false);
  });

  it('whoever did not make the plan', async () => {
    const { plan } = await planned();
    for (const index of [0, 1, 2]) await work(plan, index);
    for (const identity of [first, reader]) {
      expect(await outcome(() => finish(plan, { identity }))).toBe('PLAN_UNTRUSTED');
    }
  });

  it('what a worker signed and did not seal, and takes the name away', async () => {
    const { plan, at } = await planned();
    for (const index of [0, 1, 2]) await work(plan, index);
    const name = receiptsOf(at).find((each) => each.includes('/1.')) as string;
    const document = decodePlan(readFileSync(plan), 'plan');
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
    const tiny = writeFiles(join(workspace(), 'tiny'), { weights: noise(mib) });
    expect(await outcome(() => planned({}, tiny))).toBe('USAGE');
    expect(await outcome(() => planned({ ranges: 5 }))).toBe('USAGE');
    expect(await outcome(() => planned({ output: join(root, 'file.srm') }))).toBe('USAGE');
    expect(await outcome(() => planned({ workers: [] }))).toBe('USAGE');
    expect(await outcome(() => planned({ workers: [cast.cnsa2.first.card] }))).toBe(
      'SUITE_MISMATCH',
    );
    expect(await outcome(() => planned({}, '-'))).toBe('USAGE');
    expect(store.uploads.size).toBe([...store.uploads.keys()].length);
  });

  it('keeps receipts in a directory, if that is asked for', async () => {
    const receipts = join(workspace(), 'receipts');
    mkdirSync(receipts);
    const { plan, output } = await planned({ receipts });
    for (const index of [0, 1, 2]) await work(plan, index);
    expect(readdirSync(receipts).length).toBe(3);
    expect(await work(plan, 0)).toMatchObject({ state: 'already' });
    await finish(plan);
    await expectSame(output);
  });
});
