/** Files of keys and key rings that are not plain files: each is read once, and no more than it may have. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeIdentity, grant, open, readIdentity, verify } from '#strongroom/index.js';
import { makeArchive, outcome, people, workspace } from '../support/archive.ts';

const who = people();
const access = { identity: who.reader, trust: who.trust };

function fifo(root: string, name: string): string {
  const path = join(root, name);
  execFileSync('mkfifo', [path]);
  return path;
}

describe.skipIf(process.platform === 'win32')('a detached key ring', () => {
  it('can come from a pipe, which gives it once', async () => {
    const root = workspace();
    const archive = await makeArchive(root, { who, files: { a: 'a' } });
    const ring = join(root, 'ring');
    const by = { identity: who.author, holder: who.reader, trust: who.trust };
    await grant(archive, { ...by, add: [who.stranger.card], output: ring });
    const run = {
      verify: (keyring: string) => verify(archive, { ...access, keyring }),
      open: (keyring: string) => open(archive, { ...access, keyring, output: join(root, 'out') }),
    };
    for (const [name, use] of Object.entries(run)) {
      const pipe = fifo(root, name);
      const writer = spawn('sh', ['-c', 'cat "$0" > "$1"', ring, pipe]);
      const ended = once(writer, 'exit');
      const report = await use(pipe);
      await ended;
      const epoch = 'keyring' in report ? report.keyring.epoch : report.epoch;
      expect(epoch, name).toBe(2);
    }
  });

  it.runIf(process.platform === 'linux')('without an end is refused', async () => {
    const archive = await makeArchive(workspace(), { who, files: { a: 'a' } });
    const verified = outcome(() => verify(archive, { ...access, keyring: '/dev/zero' }));
    expect(await verified).toBe('KEYRING_INVALID');
  });
});

it.skipIf(process.platform === 'win32')('tells the mode of the identity that it read', async () => {
  const root = workspace();
  const pipe = fifo(root, 'pipe');
  execFileSync('chmod', ['644', pipe]);
  const reading = readIdentity(pipe);
  const writer = await openFile(pipe, 'w');
  // Its name leads to a file that is private now, which tells nothing of what was read.
  rmSync(pipe);
  writeFileSync(join(root, 'private'), '', { mode: 0o600 });
  copyFileSync(join(root, 'private'), pipe);
  await writer.writeFile(encodeIdentity(who.reader, 'none'));
  await writer.close();
  expect((await reading).isExposed).toBe(true);
});
