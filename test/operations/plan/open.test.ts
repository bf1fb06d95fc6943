/** One archive opened, or verified, by many workers. */
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  cancelPlan,
  finishPlan,
  isStrongroomError,
  type PlanOpenOptions,
  planOpen,
  planVerify,
  seal,
  showPlan,
  trustCards,
  workRange,
} from '#strongroom/index.js';
import { outcome, readFiles, sharedWorkspace, workspace } from '../../support/archive.ts';
import { cast, source, store } from '../../support/plans.ts';

const root = sharedWorkspace();
const address = (suite: string) => `s3://models/open-${suite}.srm`;
const file = (suite: string) => join(root, `${suite}.srm`);

beforeAll(async () => {
  for (const suite of ['hybrid', 'cnsa2'] as const) {
    const { author, reader } = cast[suite];
    const common = { recipients: [reader.card], signer: author, segmentBytes: 2 ** 16 };
    await seal(source, { ...common, output: file(suite) });
    const bytes = readFileSync(file(suite));
    store.objects.set(`/models/open-${suite}.srm`, { bytes, etag: `"${suite}"` });
  }
});

type Suite = 'hybrid' | 'cnsa2';

async function opening(
  more: Partial<PlanOpenOptions> = {},
  suite: Suite = 'hybrid',
  from = file(suite),
) {
  const { reader, first, second, trust } = cast[suite];
  const directory = workspace();
  const plan = join(directory, 'plan');
  const output = join(directory, 'model');
  const report = await planOpen(from, {
    plan,
    output,
    ranges: 3,
    workers: [first.card, second.card],
    identity: reader,
    trust,
    epochMemory: 'off',
    receipts: join(directory, 'receipts'),
    ...more,
  });
  const trusted = trustCards([reader.card]);
  const work = (index: number, identity = first, also = {}) =>
    workRange(plan, index, { identity, trust: trusted, threads: 2, ...also });
  const finish = (also = {}) => finishPlan(plan, { identity: reader, threads: 2, ...also });
  const stage = () =>
    readdirSync(directory)
      .filter((name) => name.endsWith('.partial'))
      .map((name) => join(directory, name))[0] as string;
  return { directory, plan, output, report, work, finish, stage, trusted };
}

describe('a plan to open', () => {
  it.each(['hybrid', 'cnsa2'] as const)(
    'gives the files back, from a store (%s)',
    async (suite) => {
      const { second } = cast[suite];
      const { output, work, finish, report } = await opening(
        { by: 'segments' },
        suite,
        address(suite),
      );
      expect(report).toMatchObject({ kind: 'open', ranges: 3, parts: 0 });
      await work(2);
      await work(0, second);
      expect(existsSync(output)).toBe(false);
      expect(await outcome(() => finish())).toBe('PLAN_INCOMPLETE');
      await work(1);
      expect(await work(1)).toMatchObject({ state: 'already' });
      expect(await finish({ check: 'full' })).toMatchObject({
        state: 'finished',
        files: 4,
        checked: report.segments,
      });
      expect(readFiles(output)).toEqual(readFiles(source));
      expect(lstatSync(output).mode & 0o777).toBe(0o755);
      expect(await finish()).toMatchObject({ state: 'already' });
      expect(await work(2)).toMatchObject({ state: 'already' });
    },
  );

  it('divides by files', async () => {
    const { output, work, finish } = await opening({ by: 'files' });
    for (const index of [0, 1, 2]) await work(index);
    await finish();
    expect(readFiles(output)).toEqual(readFiles(source));
  });

  it('gives each worker its own files, where none is shared', async () => {
    const { directory, work, finish } = await opening({ output: undefined });
    expect(await outcome(() => work(0))).toBe('USAGE');
    const ranks = [0, 1, 2].map((index) => join(directory, `rank${index}`));
    for (const [index, output] of ranks.entries()) await work(index, undefined, { output });
    const found = ranks.map(readFiles);
    const all = readFiles(source);
    delete all['b/empty/'];
    expect(Object.assign({}, ...found)).toEqual(all);
    const paths = found.flatMap((each) => Object.keys(each)).filter((path) => !path.endsWith('/'));
    expect(new Set(paths).size).toBe(paths.length);
    // On another machine the receipt alone is not enough
    const [rank = ''] = ranks;
    expect(await work(0, undefined, { output: rank })).toMatchObject({ state: 'already' });
    rmSync(rank, { recursive: true });
    expect(await work(0, undefined, { output: rank })).toMatchObject({ state: 'done' });
    expect(await finish()).toMatchObject({ state: 'finished', superseded: 1 });
  });

  it('releases nothing that is not what was sealed', async () => {
    const bytes = Buffer.from(readFileSync(file('hybrid')));
    const at = Math.floor(bytes.length / 2);
    bytes[at] = (bytes[at] as number) ^ 1;
    const altered = join(workspace(), 'altered.srm');
    writeFileSync(altered, bytes);
    const { work, finish, output } = await opening({}, 'hybrid', altered);
    const outcomes = [];
    for (const index of [0, 1, 2]) outcomes.push(await outcome(() => work(index)));
    expect(outcomes.filter((each) => each === 'SEGMENT_INVALID').length).toBe(1);
    expect(await outcome(() => finish())).toBe('PLAN_INCOMPLETE');
    expect(existsSync(output)).toBe(false);
    // Another archive is not taken for it
    const other = { archive: file('cnsa2') };
    const bad = outcomes.indexOf('SEGMENT_INVALID');
    expect(await outcome(() => work(bad, undefined, other))).toBe('SOURCE_CHANGED');
  });

  it('finds out what a worker did not write as it was sealed', async () => {
    const { work, finish, stage, output } = await opening();
    for (const index of [0, 1, 2]) await work(index);
    const path = join(stage(), 'config.json');
    writeFileSync(path, '[]');
    const error = await finish({ check: 'full' }).catch((thrown: unknown) => thrown);
    expect(isStrongroomError(error, 'SEGMENT_INVALID') && error.message).toMatch(/config.json/);
    writeFileSync(path, '{');
    expect(await outcome(() => finish())).toBe('PLAN_INCOMPLETE');
    expect(existsSync(output)).toBe(false);
  });

  it('is given up with its stage', async () => {
    const { plan, work, stage, output } = await opening();
    await work(0);
    const at = stage();
    await cancelPlan(plan, { identity: cast.hybrid.reader });
    expect([existsSync(at), existsSync(output)]).toEqual([false, false]);
    expect(await outcome(() => work(1))).toBe('NOT_FOUND');
  });

  it('is refused where it cannot be made', async () => {
    const { stranger } = cast.hybrid;
    expect(await outcome(() => opening({ identity: stranger }))).toBe('NO_KEY_FITS');
    expect(await outcome(() => opening({ trust: trustCards([stranger.card]) }))).toBe(
      'KEYRING_UNTRUSTED',
    );
    expect(await outcome(() => opening({ output: undefined, by: 'segments' }))).toBe('USAGE');
    expect(await outcome(() => opening({ by: 'files', ranges: 5 }))).toBe('USAGE');
    expect(await outcome(() => opening({ ranges: 500 }))).toBe('USAGE');
    const signed = 'https://store.example/w.srm?signature=secret';
    expect(await outcome(() => opening({}, 'hybrid', signed))).toBe('USAGE');
  });
});

describe('a plan to verify', () => {
  async function verifying(from: string) {
    const { reader, first, second, trust } = cast.hybrid;
    const directory = workspace();
    const plan = join(directory, 'plan');
    const report = await planVerify(from, {
      plan,
      ranges: 4,
      workers: [first.card, second.card],
      identity: reader,
      trust,
      epochMemory: 'off',
      receipts: join(directory, 'receipts'),
    });
    const trusted = trustCards([reader.card]);
    const work = (index: number) => workRange(plan, index, { identity: first, trust: trusted });
    return { plan, work, report, trusted, finish: () => finishPlan(plan, { identity: reader }) };
  }

  it('gives the word of all workers, none of whom gets a key', async () => {
    const { plan, work, finish, report } = await verifying(address('hybrid'));
    expect(readFileSync(plan, 'utf8')).not.toMatch(/"sealed"|"windows"/);
    for (const index of [0, 1, 2]) await work(index);
    expect(await outcome(finish)).toBe('PLAN_INCOMPLETE');
    expect(await work(3)).toMatchObject({ state: 'done', parts: 0 });
    expect(await work(3)).toMatchObject({ state: 'already' });
    expect(await finish()).toMatchObject({ state: 'finished', output: address('hybrid') });
    expect(report.segments).toBeGreaterThan(300);
  });

  it('names the ranges that are altered', async () => {
    const altered = join(workspace(), 'altered.srm');
    const bytes = Buffer.from(readFileSync(file('hybrid')));
    const at = Math.floor(bytes.length / 2);
    bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(altered, bytes);
    const { plan, work, finish, trusted } = await verifying(altered);
    const outcomes = [];
    for (const index of [0, 1, 2, 3]) outcomes.push(await outcome(() => work(index)));
    const [bad] = outcomes.flatMap((each, i) => (each === 'SEGMENT_INVALID' ? [i] : []));
    expect(outcomes.filter((each) => each === 'SEGMENT_INVALID').length).toBe(1);
    expect(await showPlan(plan, { trust: trusted })).toMatchObject({ bad: [bad] });
    const error = await finish().catch((thrown: unknown) => thrown);
    expect(isStrongroomError(error, 'SEGMENT_INVALID') && error.message).toMatch(
      `ranges ${bad} are`,
    );
    // Repaired, it is looked at again; what was found before stands until someone removes it
    bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(altered, bytes);
    expect(await work(bad as number)).toMatchObject({ state: 'done' });
    expect(await outcome(finish)).toBe('SEGMENT_INVALID');
  });
});
