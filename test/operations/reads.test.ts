/** Must hold: one small file out of a large archive costs little. */
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { encodeCard, encodeIdentity, seal } from '#strongroom/index.js';
import { people, workspace, writeFiles } from '../support/archive.ts';

const who = people();
const large = (process.env.STRONGROOM_SLOW === '1' ? 4 : 1) * 2 ** 30;
const script = fileURLToPath(new URL('../support/reading.mjs', import.meta.url));

it.runIf(process.platform === 'linux')('cat of 1 KB reads less than 4 MiB', async () => {
  const root = workspace();
  const source = writeFiles(join(root, 'source'), { 'z.json': 'z'.repeat(1024) });
  const fd = openSync(join(source, 'model'), 'w');
  ftruncateSync(fd, large);
  closeSync(fd);
  const output = join(root, 'archive');
  writeFileSync(join(source, 'a.json'), 'a'.repeat(1024));
  await seal(source, { output, recipients: [who.reader.card], signer: who.author });
  const keys = [encodeIdentity(who.reader, 'none'), encodeCard(who.author.card)];
  for (const file of ['a.json', 'z.json']) {
    const given = keys.map((key) => Buffer.from(key).toString('base64'));
    const printed = execFileSync(process.execPath, [script, output, file, ...given]);
    const { length, read } = JSON.parse(printed.toString());
    expect(length).toBe(1024);
    // The two slots at least, or nothing was counted
    expect(read).toBeGreaterThan(2 ** 18);
    expect(read).toBeLessThan(2 ** 22);
  }
});
