/**
 * Must hold: where there is no native BLAKE3 (musl, other processors), WebAssembly takes its
 * place in every thread, and archives are the same to both.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { opening, scratch, sealing, strongroom, world } from './helpers.ts';

const cwd = scratch();
const counter = join(cwd, 'asked');
const preload = resolve('test/support/without-native.cjs');
const without = { NODE_OPTIONS: `--require ${preload}`, WITHOUT_NATIVE: counter };

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = await strongroom(args, { cwd, env });
  expect(status, stderr).toBe(0);
  return stdout;
}

/** How often the native module was asked for, and not there, while `work` was done. */
async function refusals(work: () => Promise<unknown>): Promise<number> {
  writeFileSync(counter, '');
  await work();
  return readFileSync(counter, 'utf8').length;
}

const seal = (output: string) => ['seal', 'w', '-o', output, '--threads', '2', ...sealing];

beforeAll(async () => {
  await world(cwd);
  writeFileSync(join(cwd, 'w/big'), Buffer.alloc(5_000_000, 'weights '));
});

it('seals what the native one opens, and opens what it sealed', async () => {
  // The command and both of its threads
  expect(await refusals(() => run(seal('wasm.srm'), without))).toBeGreaterThanOrEqual(3);
  await run(seal('native.srm'));
  for (const [archive, env] of [
    ['wasm.srm', {}],
    ['native.srm', without],
    ['wasm.srm', without],
  ] as const) {
    const output = `${archive}-${Object.keys(env).length}`;
    await run(['verify', archive, '--signer', 'lab.key.card'], env);
    await run(['open', archive, '-o', output, '--threads', '2', ...opening], env);
    expect(readFileSync(join(cwd, output, 'big')).equals(readFileSync(join(cwd, 'w/big')))).toBe(
      true,
    );
  }
});

it('refuses an altered byte as well', async () => {
  await run(seal('altered.srm'), without);
  const bytes = readFileSync(join(cwd, 'altered.srm'));
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(join(cwd, 'altered.srm'), bytes);
  const args = ['open', 'altered.srm', '-o', 'no', ...opening];
  const { status, stderr } = await strongroom(args, { cwd, env: without });
  expect(stderr).toMatch(/^error: /);
  expect(status).toBe(3);
});
