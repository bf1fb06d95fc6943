/** The commands of the page on plans, in their order, and what they say when they refuse. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { noise, readFiles } from '../support/archive.ts';
import { serveStore } from '../support/store.ts';
import { scratch, shell } from './helpers.ts';

const cwd = scratch();
const store = await serveStore();
const blocks = [...readFileSync('docs/plans.md', 'utf8').matchAll(/```sh\n([\s\S]*?)```/g)].map(
  ([, block = '']) => block,
);

const sh = (script: string) =>
  shell(`strongroom() { "$node" "$strongroom" "$@"; }; set -e\n${script}`, { cwd });

async function done(script: string): Promise<string> {
  const { status, stdout, stderr } = await sh(script);
  expect(status, stderr).toBe(0);
  return stderr + stdout;
}

beforeAll(async () => {
  mkdirSync(join(cwd, 'model'));
  writeFileSync(join(cwd, 'model/weights'), noise(18 * 2 ** 20));
  writeFileSync(join(cwd, 'model/config.json'), '{}');
  await done(`strongroom keygen --name Lab --plain -o lab.id
    strongroom keygen --name Partner --plain -o partner.id
    strongroom keygen --name Stranger --plain -o stranger.id`);
});

describe('the page on plans', () => {
  it('seals', async () => {
    const [seal = ''] = blocks;
    const said = await done(seal);
    expect(said).toContain('planned 3 ranges');
    expect(said).toContain('range 2 done');
    expect(said).toMatch(/done +3 of 3/);
    expect(said).toMatch(
      /sealed 2 files, .* into s3:\/\/models\/model.srm, 3 ranges, \d+ segments/,
    );
    await done('strongroom verify s3://models/model.srm --signer lab.id.card');
  });

  it('opens into one directory, and onto many disks', async () => {
    await done(blocks[1] ?? '');
    expect(readFiles(join(cwd, 'opened'))).toEqual(readFiles(join(cwd, 'model')));
    await done(blocks[2] ?? '');
    expect(readdirSync(join(cwd, 'rank1'))).toEqual(['weights']);
  });

  it('verifies', async () => {
    expect(await done(blocks[3] ?? '')).toContain('verified s3://models/model.srm, 2 ranges');
    expect(blocks.length).toBe(4);
  });
});

describe('plan and work', () => {
  const open = 'strongroom plan open s3://models/model.srm --signer lab.id.card -i partner.id';

  it('report in JSON', async () => {
    const { stdout } = await sh(
      `${open} -o json --ranges 2 --worker w0.id.card -p json.plan --json
      strongroom work -p json.plan --index 0 -i w0.id --signer partner.id.card --json
      strongroom plan show -p json.plan --signer partner.id.card --json
      strongroom work -p json.plan --index 1 -i w0.id --signer partner.id.card --quiet
      strongroom plan finish -p json.plan -i partner.id --json`,
    );
    const [planned, worked, shown, finished] = stdout
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(planned).toMatchObject({ kind: 'open', ranges: 2, workers: 1 });
    expect(worked).toMatchObject({ index: 0, state: 'done', parts: 0 });
    expect(shown).toMatchObject({ id: planned.id, done: [0], missing: [1], expired: false });
    expect(finished).toMatchObject({ id: planned.id, state: 'finished', files: 2 });
  });

  it.each([
    ['work -p model.plan --index 9 -i w0.id --signer lab.id.card', 2, 'has no range 9'],
    ['work -p model.plan --index 0 -i stranger.id --signer lab.id.card', 4, 'as a worker'],
    ['work -p model.plan --index 0 -i w0.id --signer stranger.id.card', 3, 'not trusted'],
    ['work -p model.plan --index 0 -i w0.id', 2, 'no trusted author is named'],
    ['work -p lab.id.card --index 0 -i w0.id --signer lab.id.card', 3, 'work plan'],
    ['work -p nothing.plan --index 0 -i w0.id --signer lab.id.card', 1, 'no such file'],
    ['plan finish -p model.plan -i stranger.id', 3, 'was made by Lab, and not by Stranger'],
    ['plan cancel -p model.plan -i stranger.id', 3, 'was made by Lab, and not by Stranger'],
    ['plan finish -p model.plan -i lab.id --check none --source', 2, 'looked at'],
    ['plan show -p model.plan --signer stranger.id.card', 3, 'not trusted'],
    [
      'plan seal model -o s3://models/n.srm --ranges 9 -r partner.id.card --sign lab.id --worker w0.id.card -p n.plan',
      2,
      'too little for 9 ranges',
    ],
    [
      'plan seal model -o n.srm --ranges 2 -r partner.id.card --sign lab.id --worker w0.id.card -p n.plan',
      2,
      'into an object store',
    ],
    [
      'plan verify https://store.example/w.srm?token=s3cr3t -i lab.id --signer lab.id.card --ranges 2 --worker w0.id.card -p n.plan',
      2,
      'a plan is public',
    ],
  ])('refuse: %s', async (command, status, words) => {
    const refused = await sh(`strongroom ${command}`);
    expect(refused.status, refused.stderr).toBe(status);
    expect(refused.stderr).toMatch(/^error: .+\n(hint: .+\n)?$/);
    expect(refused.stderr).toContain(words);
    expect(refused.stderr).not.toContain('s3cr3t');
    expect(existsSync(join(cwd, 'n.plan'))).toBe(false);
    expect(store.uploads.size).toBe(0);
  });
});
