/** A thread that waits for a pipe outlives an abort: what it does then must not be seen. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { encodeCard, encodeIdentity } from '#strongroom/index.js';
import { leftovers, makeArchive, noise, people, regionsOf, workspace } from '../support/archive.ts';

const who = people();
const script = new URL('../support/aborted.mjs', import.meta.url);

it('does not make the stage again that an abort has removed', async () => {
  const root = workspace();
  const files = Object.fromEntries([...'abcdefgh'].map((name) => [`${name}/x`, noise(20_000)]));
  const archive = readFileSync(await makeArchive(root, { who, files }));
  const keys = [encodeIdentity(who.reader, 'none'), encodeCard(who.author.card)] as const;
  const paths = ['identity', 'card'].map((name, i) => {
    writeFileSync(join(root, name), keys[i] as Uint8Array);
    return join(root, name);
  });
  const here = leftovers(root);
  const [from, to] = regionsOf(archive).at.segments;
  const half = Math.floor((from + to) / 2);

  const child = fork(script, [join(root, 'out'), ...paths], {
    stdio: ['pipe', 'ignore', 'inherit', 'ipc'],
    execArgv: [],
  });
  try {
    child.stdin?.on('error', () => {});
    child.stdin?.write(archive.subarray(0, half));
    expect((await once(child, 'message'))[0]).toBe('running');
    expect(leftovers(root, ...here)).toHaveLength(1);
    child.send('abort');
    let word = 'running';
    while (word === 'running') [word] = await once(child, 'message');
    expect(word).toBe('INTERRUPTED');
    expect(leftovers(root, ...here)).toEqual([]);
    child.stdin?.write(archive.subarray(half));
    await sleep(500);
    expect(leftovers(root, ...here)).toEqual([]);
  } finally {
    child.kill('SIGKILL');
  }
});
