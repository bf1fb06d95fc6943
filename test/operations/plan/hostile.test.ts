/** What someone who makes a plan, and someone who works on one, cannot do to a machine. */
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { base64 } from '#strongroom/bytes.js';
import { sha384 } from '#strongroom/crypto/hash.js';
import {
  finishPlan,
  planOpen,
  seal,
  type Trust,
  trustCards,
  workRange,
} from '#strongroom/index.js';
import type { Role } from '#strongroom/keys/roles.js';
import { type BodyOf, decodePlan, encodePlan } from '#strongroom/scale/document.js';
import { openPlanKey } from '#strongroom/scale/keys.js';
import { type Opening, openOpening, sealPrivate } from '#strongroom/scale/private.js';
import {
  noise,
  outcome,
  people,
  sharedWorkspace,
  workspace,
  writeFiles,
} from '../../support/archive.ts';

const { author, reader, insider: worker, trust } = people();
const root = sharedWorkspace();
const archive = join(root, 'model.srm');

beforeAll(async () => {
  const source = writeFiles(join(root, 'model'), {
    'config.json': '{"a":1}',
    'empty/': '',
    'weights.bin': noise(300_000),
  });
  const common = { recipients: [reader.card], signer: author, segmentBytes: 2 ** 16 };
  await seal(source, { ...common, output: archive });
});

/** A plan to open that `reader` made, as it is or as they would make it to do harm. */
async function opening(
  { alone = false, from = archive } = {},
  harm: (body: BodyOf<'open'>, content: Opening, directory: string) => void = () => {},
) {
  const directory = workspace();
  const plan = join(directory, 'plan');
  const output = join(directory, 'opened');
  await planOpen(from, {
    plan,
    ...(alone ? { receipts: join(directory, 'receipts') } : { output }),
    by: 'files',
    ranges: 1,
    workers: [worker.card],
    identity: reader,
    trust,
    epochMemory: 'off',
  });
  const { body, core, hidden } = decodePlan(readFileSync(plan), 'plan');
  if (body.kind !== 'open') throw new Error('not to open');
  const context = { core, id: body.id };
  const planKey = openPlanKey(context, reader, body.plannerKey) as Uint8Array;
  const content = structuredClone(
    openOpening({ bytes: hidden, context, planKey, name: 'plan' }, body),
  );
  const altered = structuredClone(body);
  harm(altered, content, directory);
  const bytes = sealPrivate(content, context, planKey);
  const described = { bytes: bytes.length, digest: base64(sha384(bytes)) };
  writeFileSync(plan, encodePlan({ ...altered, private: described }, bytes, reader));
  const work = (more: { trust?: Trust; output?: string } = {}) =>
    workRange(plan, 0, { identity: worker, trust: trustCards([reader.card]), threads: 1, ...more });
  const finish = () => finishPlan(plan, { identity: reader, threads: 1, check: 'full' });
  return { directory, output, stage: body.stage as string, work, finish };
}

describe('whoever makes a plan to open', () => {
  it.each([
    ['../escaped', 'ENTRY_UNSAFE'],
    ['a/../../escaped', 'ENTRY_UNSAFE'],
    ['/escaped', 'ENTRY_UNSAFE'],
    ['config.json', 'ENTRY_UNSAFE'],
  ])('cannot have %s written, be it to one disk or to many', async (path, code) => {
    for (const alone of [true, false]) {
      const { directory, work } = await opening({ alone }, (_, { entries }) => {
        (entries.at(-1) as { path: string }).path = path;
      });
      const more = alone ? { output: join(directory, 'opened') } : {};
      expect(await outcome(() => work(more))).toBe(code);
      expect(existsSync(join(directory, 'escaped'))).toBe(false);
    }
  });

  it('cannot have bytes written that the payload does not have, or that come twice', async () => {
    for (const offset of [0, 2 ** 40]) {
      const { work } = await opening({}, (_, { entries }) => {
        (entries.at(-1) as { offset: number }).offset = offset;
      });
      expect(await outcome(() => work())).toBe('PLAN_INVALID');
    }
  });

  it.each([[[1]], [[3]], [[1, 1]], [undefined]])('cannot divide files as %j', async (files) => {
    const { work } = await opening({}, (_, content) => {
      delete content.files;
      if (files !== undefined) content.files = files;
    });
    expect(await outcome(() => work())).toBe('PLAN_INVALID');
  });

  it('cannot have a directory of their choice filled', async () => {
    const { directory, work } = await opening({}, (body, _, where) => {
      body.stage = join(where, 'victim');
      mkdirSync(body.stage);
    });
    expect(await outcome(() => work())).toBe('PLAN_INVALID');
    expect(readdirSync(join(directory, 'victim'))).toEqual([]);
  });

  it('is somebody trusted as an author: a custodian decides who reads, and not what', async () => {
    const { work } = await opening();
    const as = (role: Role): Trust => ({ entries: [{ card: reader.card, roles: [role] }] });
    expect(await outcome(() => work({ trust: as('custodian') }))).toBe('PLAN_UNTRUSTED');
    expect(await outcome(() => work({ trust: as('author') }))).toBe('accepted');
  });
});

describe('a stage that others can write to', () => {
  it('is not filled', async () => {
    const { stage, work } = await opening();
    chmodSync(stage, 0o777);
    expect(await outcome(() => work())).toBe('STAGE_INVALID');
  });
});

describe('a worker cannot leave in the stage', () => {
  type Put = (stage: string, beside: string) => void;
  const replace = (at: string, put: () => void) => {
    rmSync(at);
    put();
  };
  it.each<[string, string, Put]>([
    ['a file too many', 'STAGE_INVALID', (stage) => writeFileSync(join(stage, 'more.py'), '')],
    ['a directory too many', 'STAGE_INVALID', (stage) => mkdirSync(join(stage, 'more'))],
    [
      'a link whose name is as long as the file',
      'STAGE_INVALID',
      (stage, beside) => {
        writeFileSync(beside, '{"a":1}');
        const at = join(stage, 'config.json');
        replace(at, () => symlinkSync('../else', at));
      },
    ],
    [
      'a second name of a file',
      'STAGE_INVALID',
      (stage, beside) => linkSync(join(stage, 'config.json'), beside),
    ],
    ['nothing', 'PLAN_INCOMPLETE', (stage) => rmSync(join(stage, 'empty'), { recursive: true })],
  ])('%s', async (_, code, put) => {
    const { directory, output, stage, work, finish } = await opening();
    await work();
    put(stage, join(directory, 'else'));
    expect(await outcome(finish)).toBe(code);
    expect(existsSync(output)).toBe(false);
  });

  it('a mode of their choice', async () => {
    const { output, stage, work, finish } = await opening();
    await work();
    chmodSync(join(stage, 'config.json'), 0o4777);
    await finish();
    const mode = lstatSync(join(output, 'config.json')).mode & 0o7777;
    expect(mode).toBe(0o644 & ~process.umask());
  });
});
