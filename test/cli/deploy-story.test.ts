/** The commands of the deployment guide, in its order, and its program. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { safetensors } from '../support/models.ts';
import { scratch, shell } from './helpers.ts';

const cwd = scratch();
const guide = readFileSync('docs/deploy.md', 'utf8');
const blocks = (language: string) =>
  [...guide.matchAll(/```(\w*)\n([\s\S]*?)```/g)]
    .filter(([, each]) => each === language)
    .map(([, , text = '']) => text);

beforeAll(async () => {
  mkdirSync(join(cwd, 'bin'));
  mkdirSync(join(cwd, 'shm'));
  mkdirSync(join(cwd, 'weights'));
  writeFileSync(join(cwd, 'bin/strongroom'), '#!/bin/sh\nexec "$node" "$strongroom" "$@"\n');
  chmodSync(join(cwd, 'bin/strongroom'), 0o755);
  writeFileSync(join(cwd, 'weights/config.json'), '{"a":1}');
  const model = safetensors({ 'model.layers.0.weight': [1, 2], 'model.layers.1.weight': [3] });
  writeFileSync(join(cwd, 'weights/model.safetensors'), model);
  const made = await sh(`strongroom keygen --name Lab --plain -o lab.id
    strongroom keygen --name Node --plain -o node.id
    strongroom seal weights -o weights.srm -r node.id.card --sign lab.id`);
  expect(made.status, made.stderr).toBe(0);
});

const sh = (script: string) =>
  shell(
    `export PATH="$PWD/bin:$PATH" XDG_RUNTIME_DIR=; set -e\n${script.replaceAll('/dev/shm', 'shm')}`,
    {
      cwd,
    },
  );

describe.runIf(process.platform === 'linux')('the guide', () => {
  it.each(blocks('sh').map((script) => [script] as const))('%s', async (script) => {
    const { status, stdout, stderr } = await sh(script);
    expect(status, stderr).toBe(0);
    // What the loaders of the examples have read
    if (/ls "|curl/.test(script)) expect(stdout.toString()).toMatch(/config\.json|\{"a":1\}/);
  });

  it('has enough of them', () => {
    expect(blocks('sh').length).toBeGreaterThanOrEqual(4);
  });

  it('has a program that runs', async () => {
    const [program = ''] = blocks('ts');
    const source = program.replace("'strongroom'", JSON.stringify(resolve('dist/index.js')));
    writeFileSync(join(cwd, 'program.mjs'), source);
    const { status, stdout, stderr } = await sh('"$node" program.mjs');
    expect(status, stderr).toBe(0);
    expect(stdout.toString()).toMatch(/model\.layers\.0\.weight F32 \[ 2 \]\n[\s\S]*\{"a":1\}$/);
  });
});
