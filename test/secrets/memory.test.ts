/**
 * Must hold: when a command has done its work, no key is left in its memory. Real commands, each
 * a process of its own that is stopped at its very end, and looked through from outside.
 * Linux alone shows the memory of a process: elsewhere only what finds secrets is tested.
 */
import * as crypto from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { bin, scratch, strongroom } from '../cli/helpers.ts';
import { identityAt, keysAt, passphrase, seedsAt } from './known.ts';
import {
  type Held,
  held,
  type Secret,
  secretsIn,
  secretsInProcess,
  spellingsOf,
} from './memory.ts';

const cwd = scratch();
const path = (name: string) => join(cwd, name);
const program = bin;

/** Elsewhere @noble/post-quantum signs, and leaves the seed of ML-DSA: docs/threat-model.md. */
const signsNatively = 'encapsulate' in crypto;

async function seedsOf(name: string): Promise<Secret[]> {
  const [kem, lattice, ...others] = (await seedsAt(path(name))) as [Secret, Secret, ...Secret[]];
  return [kem, ...(signsNatively ? [lattice] : []), ...others];
}

const typed: Secret = { name: 'passphrase', bytes: Buffer.from(passphrase) };

const keysOf = async (archive: string, holder: string): Promise<Secret[]> =>
  keysAt(path(archive), await identityAt(path(holder)));

const ok = async (...args: string[]) => {
  const { status, stderr } = await strongroom(args, { cwd });
  expect(status, stderr).toBe(0);
};

/** Runs a command, and gives what of the secrets is in its memory and its heap at its end. */
async function leftBy(
  args: readonly string[],
  secretsAtEnd: () => Promise<Secret[]>,
  during?: (pid: number) => Promise<void>,
) {
  const snapshot = path('heap.snapshot');
  let inMemory: string[] = [];
  const all: Secret[] = [];
  const ended: Held = await held([program, ...args], {
    cwd,
    env: { HEAP_SNAPSHOT: snapshot },
    ...(during && { during }),
    atEnd: async (pid) => {
      all.push(...(await secretsAtEnd()));
      inMemory = secretsInProcess(pid, all);
    },
  });
  expect(ended.status, ended.stderr).toBe(0);
  const heap = readFileSync(snapshot);
  rmSync(snapshot);
  return {
    inMemory,
    inHeap: secretsIn(heap, all),
    said: secretsIn(Buffer.concat([ended.stdout, Buffer.from(ended.stderr)]), all),
  };
}

const nothing = { inMemory: [], inHeap: [], said: [] };
const locked = ['--passphrase-file', 'pass'] as const;
const reading = ['-i', 'reader.key', '--signer', 'author.key.card', ...locked] as const;

beforeAll(async () => {
  writeFileSync(path('pass'), `${passphrase}\n`);
  for (const name of ['author', 'reader', 'ada', 'ben']) {
    await ok('keygen', '--name', name, '-o', `${name}.key`, ...locked);
  }
  writeFileSync(path('weights'), Buffer.alloc(300_000, 'weights '));
  await ok(
    'seal',
    'weights',
    '-o',
    'w.srm',
    '-r',
    'reader.key.card',
    '-r',
    'author.key.card',
    '--sign',
    'author.key',
    ...locked,
  );
});

describe('what looks', () => {
  const bytes = Buffer.from(
    '00112233445566778899aabbccddeeff0f1e2d3c4b5a69788796a5b4c3d2e1f0',
    'hex',
  );
  const secret = { name: 'key', bytes };

  it.each([
    ['the bytes', Buffer.concat([Buffer.alloc(5), bytes, Buffer.alloc(3)])],
    ['half of them', Buffer.concat([Buffer.alloc(5), bytes.subarray(16)])],
    ['hex', Buffer.from(`"${bytes.toString('hex')}"`)],
    ['base64', Buffer.from(bytes.toString('base64'))],
    [
      'base64 of something longer',
      Buffer.from(Buffer.concat([Buffer.from('ab'), bytes, Buffer.from('c')]).toString('base64')),
    ],
  ])('finds a key by %s', (_, memory) => {
    expect(secretsIn(memory, [secret])).not.toEqual([]);
  });

  it('finds nothing in other bytes', () => {
    expect(spellingsOf(secret).length).toBe(6);
    expect(secretsIn(Buffer.from(bytes).reverse(), [secret])).toEqual([]);
  });
});

describe.runIf(process.platform === 'linux')('the memory of a process', () => {
  it.each([
    ['in a buffer', 'globalThis.kept = Buffer.from(bytes)'],
    ['in a buffer that nobody holds any more', 'Buffer.from(bytes)'],
    ['in a string', 'globalThis.kept = bytes.toString("hex")'],
  ])('shows a key that was left %s', async (_, how) => {
    const secrets = await seedsOf('author.key');
    const bytes = Buffer.from(secrets[0]?.bytes ?? []);
    // Read from a file and wiped, so that only what `how` leaves is there
    writeFileSync(path('left'), bytes);
    const script = `const fs = require('node:fs'); const bytes = Buffer.alloc(32);
      fs.readSync(fs.openSync('left'), bytes); ${how}; bytes.fill(0);`;
    let found: string[] = [];
    await held(['-e', script], {
      cwd,
      atEnd: (pid) => {
        found = secretsInProcess(pid, secrets);
      },
    });
    expect(found.join()).toMatch(/^seed 0 of .*author/);
  });

  it('holds nothing after keygen', async () => {
    const secrets = async () => [...(await seedsOf('new.key')), typed];
    expect(await leftBy(['keygen', '--name', 'new', '-o', 'new.key', ...locked], secrets)).toEqual(
      nothing,
    );
  });

  it('holds nothing after seal', async () => {
    const args = [
      'seal',
      'weights',
      '-o',
      'new.srm',
      '-r',
      'reader.key.card',
      '--sign',
      'author.key',
      ...locked,
    ];
    const secrets = async () => [
      ...(await seedsOf('author.key')),
      ...(await keysOf('new.srm', 'reader.key')),
      typed,
    ];
    expect(await leftBy(args, secrets)).toEqual(nothing);
  });

  const known = async () => [
    ...(await seedsOf('reader.key')),
    ...(await keysOf('w.srm', 'reader.key')),
    typed,
  ];

  it.each([
    ['open', ['open', 'w.srm', '-o', 'opened', ...reading]],
    ['cat', ['cat', 'w.srm', 'weights', ...reading]],
    ['verify with a key', ['verify', 'w.srm', ...reading]],
    [
      'grant',
      [
        'grant',
        'w.srm',
        '-r',
        'ada.key.card',
        '-i',
        'author.key',
        '--signer',
        'author.key.card',
        ...locked,
      ],
    ],
  ])('holds nothing after %s', async (_, args) => {
    const more = args[0] === 'grant' ? await seedsOf('author.key') : [];
    expect(await leftBy(args, async () => [...(await known()), ...more])).toEqual(nothing);
  });

  it('holds nothing after three people have opened by quorum', async () => {
    const board = {
      type: 'strongroom/quorum',
      version: 1,
      groups: [{ name: 'board', threshold: 2, cards: ['ada.key.card', 'ben.key.card'] }],
    };
    writeFileSync(path('board.json'), JSON.stringify(board));
    await ok(
      'seal',
      'weights',
      '-o',
      'q.srm',
      '-r',
      'reader.key.card',
      '--quorum',
      'board.json',
      '--sign',
      'author.key',
      ...locked,
    );
    const signer = ['--signer', 'author.key.card'] as const;
    await ok(
      'quorum',
      'request',
      'q.srm',
      '-o',
      'q.req',
      '--purpose',
      'test',
      '--expires',
      '2h',
      '--sign',
      'reader.key',
      '--key-passphrase-file',
      'pass',
      ...locked,
    );
    const approve = (name: string) => [
      'quorum',
      'approve',
      'q.req',
      '--archive',
      'q.srm',
      '-i',
      `${name}.key`,
      '-o',
      `${name}.approval`,
      '--yes',
      ...signer,
      ...locked,
    ];
    await ok(...approve('ada'));
    const secrets = (name: string) => async () => [
      ...(await keysOf('q.srm', 'reader.key')),
      ...(await seedsOf(`${name}.key`)),
      typed,
    ];
    expect(await leftBy(approve('ben'), secrets('ben'))).toEqual(nothing);
    const opening = [
      'open',
      'q.srm',
      '-o',
      'by-quorum',
      '--request',
      'q.req',
      '--request-key',
      'q.req.key',
      '--approvals',
      'ada.approval',
      'ben.approval',
      ...signer,
    ];
    expect(await leftBy([...opening, '--key-passphrase-file', 'pass'], secrets('reader'))).toEqual(
      nothing,
    );
  });

  it('holds nothing once the gateway has ended', async () => {
    const env = path('env');
    const serving = ['serve', 'model=w.srm', '--write-env', env, '-q', ...reading];
    const use = async (pid: number) => {
      while (!existsSync(env)) await sleep(20);
      const lines = readFileSync(env, 'utf8')
        .split('\n')
        .map((line) => line.split('='));
      const { STRONGROOM_URL: url, STRONGROOM_TOKEN: token } = Object.fromEntries(lines);
      const response = await fetch(`${url}/model/weights`, {
        headers: { authorization: `Bearer ${token}` },
      });
      expect(response.status).toBe(200);
      expect((await response.arrayBuffer()).byteLength).toBe(300_000);
      process.kill(pid, 'SIGTERM');
    };
    expect(await leftBy(serving, known, use)).toEqual(nothing);
  });

  it('is told of in nothing that others see: arguments, environment, output', async () => {
    const all = await known();
    let seen = '';
    const args = ['serve', 'model=w.srm', '--write-env', path('env2'), ...reading];
    await leftBy(args, known, async (pid) => {
      while (!existsSync(path('env2'))) await sleep(20);
      seen =
        readFileSync(`/proc/${pid}/cmdline`, 'latin1') +
        readFileSync(`/proc/${pid}/environ`, 'latin1');
      process.kill(pid, 'SIGTERM');
    });
    expect(seen).toContain('serve');
    expect(secretsIn(Buffer.from(seen, 'latin1'), all)).toEqual([]);
  });
});
