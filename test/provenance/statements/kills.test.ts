/** SIGKILL at any moment of a change that is told: what is missing is named, and can be told. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import {
  custodyPathOf,
  recordCustody,
  repairCustody,
  revoke,
  showCustody,
  verifyCustody,
} from '#strongroom/index.js';
import { keyFiles, ringAt } from '../../custody/helpers.ts';
import { makeArchive, outcome, people, sharedWorkspace } from '../../support/archive.ts';

const script = resolve('test/support/granting.mjs');
const who = people();
const root = sharedWorkspace();
const { author, stranger, trust } = who;
const kills = 24;

/** Grants and revokes in a process of its own, killed `ms` after it told so many changes. */
async function killedAfter(args: readonly string[], changes: number, ms: number): Promise<void> {
  const child = spawn(process.execPath, [script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let told = 0;
  for await (const line of createInterface(child.stdout)) {
    const { ready, epoch } = JSON.parse(line);
    if (epoch !== undefined) told += 1;
    const isTime = ready === undefined ? told === changes : changes === 0;
    if (isTime) void sleep(ms).then(() => child.kill('SIGKILL'));
  }
}

it(`${kills} kills`, { timeout: 0 }, async () => {
  const recipients = [author.card, who.reader.card];
  const archive = await makeArchive(root, { who, files: { a: 'w' }, recipients, custody: true });
  const file = custodyPathOf(archive);
  const args = [
    archive,
    keyFiles(root, 'author', author).key,
    keyFiles(root, 'stranger', stranger).card,
  ];
  for (let i = 0; i < kills; i++) {
    await killedAfter(args, i % 3, Math.random() * 100);
    let verdict = await outcome(() => verifyCustody(archive, { trust }));
    expect(['accepted', 'CUSTODY_TORN', 'CUSTODY_INCOMPLETE']).toContain(verdict);
    if (verdict === 'CUSTODY_TORN') {
      await repairCustody(file, { patienceMs: 60_000 });
      verdict = await outcome(() => verifyCustody(archive, { trust }));
    }
    // One change at most is not told
    const { epoch } = await ringAt(archive);
    const told = showCustody(file).story.at(-1)?.epoch ?? 0;
    expect(epoch - told).toBe(verdict === 'accepted' ? 0 : 1);
    await recordCustody(archive, { trust, identity: author, patienceMs: 60_000 });
    expect(await outcome(() => verifyCustody(archive, { trust }))).toBe('accepted');
    // The next process begins with a grant
    if (epoch % 2 === 0)
      await revoke(archive, { identity: author, trust, remove: [stranger.card] });
  }
  expect(showCustody(archive).story.length).toBeGreaterThan(kills);
});
