/** Many recipients, full slots, large archives: how much is written, and what to do beyond that. */
import { execFile } from 'node:child_process';
import { readFileSync, truncateSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { grant, rekey, revoke } from '#strongroom/index.js';
import { makeArchive, outcome, people, workspace } from '../../support/archive.ts';
import { keyFiles, manyCards, opens, ringAt, slotBytesAt } from '../helpers.ts';

const run = promisify(execFile);
const script = resolve('test/support/granting.mjs');

describe.each(['hybrid', 'cnsa2'] as const)('1,000 recipients, suite %s', (suite) => {
  const who = people(suite);
  const { author, reader, trust } = who;
  const by = { identity: author, trust };

  it('go into a detached key ring, or into a new archive with room for them', async () => {
    const root = workspace();
    const recipients = [author.card, reader.card];
    const archive = await makeArchive(root, { who, files: { a: 'weights' }, recipients });
    const before = readFileSync(archive);
    const add = manyCards(998, suite);
    expect(await outcome(() => grant(archive, { ...by, add }))).toBe('RING_FULL');
    expect(readFileSync(archive).equals(before)).toBe(true);

    const ring = join(root, 'many.ring');
    expect(await grant(archive, { ...by, add, output: ring })).toMatchObject({ recipients: 1000 });
    expect(await opens(archive, reader, trust, ring)).toBe('accepted');

    const roomy = join(root, 'roomy.srm');
    await rekey(archive, { ...by, output: roomy, recipients, room: 1000 });
    const reason = '\u0001'.repeat(1024);
    expect(await grant(roomy, { ...by, add, reason })).toMatchObject({ recipients: 1000 });
    expect(await opens(roomy, reader, trust)).toBe('accepted');
    const remove = add.slice(0, 500);
    expect(await revoke(roomy, { ...by, remove })).toMatchObject({ recipients: 500 });
    expect(await opens(roomy, reader, trust)).toBe('accepted');
    expect((await ringAt(roomy)).epoch).toBe(3);
  });
});

describe.runIf(process.platform === 'linux')('an archive of 16 GiB', () => {
  const who = people();
  const { author, stranger } = who;

  it('is written to in a few kilobytes, and never in more than both slots', async () => {
    const root = workspace();
    const recipients = [author.card];
    const archive = await makeArchive(root, { who, files: { a: 'weights' }, recipients });
    // Nothing behind the slots is looked at, so a hole stands for the payload
    truncateSync(archive, 2 ** 34);
    const { key } = keyFiles(root, 'author', author);
    const { card } = keyFiles(root, 'stranger', stranger);
    const { stdout } = await run(process.execPath, [script, archive, key, card, '3']);
    const lines = stdout.trim().split('\n').slice(1);
    const rings = 2 * 12_000;
    for (const line of lines) {
      const { written } = JSON.parse(line);
      expect(written).toBeGreaterThan(1000);
      expect(written).toBeLessThan(Math.min(rings, 2 * slotBytesAt(archive)));
    }
    expect(lines).toHaveLength(6);
  });
});
