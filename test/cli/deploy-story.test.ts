/** The commands of the deployment guides, in their order, and the program. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { gguf, safetensors } from '../support/models.ts';
import { serveRanges } from '../support/ranges.ts';
import { serveStore } from '../support/store.ts';
import { scratch, shell } from './helpers.ts';

const cwd = scratch();
await serveStore();
const guides = ['docs/deploy.md', 'docs/deploy.sources.md'] as const;
const blocksOf = (guide: string, language: string) =>
  [...readFileSync(guide, 'utf8').matchAll(/```(\w*)\n([\s\S]*?)```/g)]
    .filter(([, each]) => each === language)
    .map(([, , text = '']) => text);

/** What is somebody else's, and reads what it is given. */
const standIns: Readonly<Record<string, string>> = {
  strongroom: 'exec "$node" "$strongroom" "$@"',
  vllm: `[ "$1" = serve ] && exec curl -sSf --aws-sigv4 aws:amz:us-east-1:s3 \\
    -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \\
    --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" "$AWS_ENDPOINT_URL/\${2#s3://}/config.json"`,
  'llama-server': '[ "$1" = --model ] && head -c 4 "$2"',
  'systemd-creds': '[ "$1" = encrypt ] && cat "$3"',
  systemctl: 'echo "$@"',
  shred: 'echo "$@"',
  npm: 'echo "$@"',
};

beforeAll(async () => {
  mkdirSync(join(cwd, 'bin'));
  mkdirSync(join(cwd, 'shm'));
  mkdirSync(join(cwd, 'weights'));
  for (const [name, script] of Object.entries(standIns)) {
    writeFileSync(join(cwd, 'bin', name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(cwd, 'bin', name), 0o755);
  }
  writeFileSync(join(cwd, 'token'), 'the-token\n');
  writeFileSync(join(cwd, 'weights/config.json'), '{"a":1}');
  const model = safetensors({ 'model.layers.0.weight': [1, 2], 'model.layers.1.weight': [3] });
  writeFileSync(join(cwd, 'weights/model.safetensors'), model);
  writeFileSync(join(cwd, 'weights/model.gguf'), gguf({ tensors: [], data: Buffer.alloc(0) }));
  const made = await sh(`strongroom keygen --name Lab --plain -o lab.id
    strongroom keygen --name Node --plain -o node.id
    strongroom keygen --name New --plain -o new.id
    strongroom seal weights -o weights.srm -r node.id.card --sign lab.id`);
  expect(made.status, made.stderr).toBe(0);
});

/** Places of the guide that a test has elsewhere. */
const sh = (script: string, server = '') =>
  shell(
    `export PATH="$PWD/bin:$PATH" XDG_RUNTIME_DIR=; set -e\n${script
      .replaceAll('/dev/shm', 'shm')
      .replaceAll('/run/secrets/', '')
      .replaceAll('https://store.example', server)}`,
    { cwd, env: { STORE_TOKEN: 'the-token' } },
  );

/** A server of the archive, which asks for the token where it is to be shown. */
async function serverFor(script: string): Promise<string> {
  if (!script.includes('https://store.example')) return '';
  const server = await serveRanges(new Uint8Array(readFileSync(join(cwd, 'weights.srm'))));
  if (script.includes('--http-header')) {
    server.fault = () => (response, _, request) => {
      if (request.headers.authorization === 'Bearer the-token') return false;
      response.writeHead(401).end();
      return true;
    };
  }
  return new URL(server.url).origin;
}

describe.runIf(process.platform === 'linux').each(guides)('%s', (guide) => {
  it.each(blocksOf(guide, 'sh').map((script) => [script] as const))('%s', async (script) => {
    const { status, stdout, stderr } = await sh(script, await serverFor(script));
    expect(status, stderr).toBe(0);
    // What the loaders of the examples have read
    if (/ls "|curl|vllm/.test(script)) {
      expect(stdout.toString()).toMatch(/config\.json|\{"a":1\}/);
    }
    if (script.includes('llama-server')) expect(stdout.toString()).toContain('GGUF');
  });

  it('has enough of them', () => {
    expect(blocksOf(guide, 'sh').length).toBeGreaterThanOrEqual(3);
  });
});

it.runIf(process.platform === 'linux')('has a program that runs', async () => {
  const [program = ''] = blocksOf(guides[0], 'ts');
  const source = program.replace("'strongroom'", JSON.stringify(resolve('dist/index.js')));
  writeFileSync(join(cwd, 'program.mjs'), source);
  const { status, stdout, stderr } = await sh('"$node" program.mjs');
  expect(status, stderr).toBe(0);
  expect(stdout.toString()).toMatch(/model\.layers\.0\.weight F32 \[ 2 \]\n[\s\S]*\{"a":1\}$/);
});
