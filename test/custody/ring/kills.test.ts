/** SIGKILL at any moment of a grant or a revocation: the archive opens, by the old ring or the new. */
import { spawn } from 'node:child_process';
import { copyFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import { grant, revoke } from '#strongroom/index.js';
import { makeArchive, people, sharedWorkspace, workspace } from '../../support/archive.ts';
import { keyFiles, opens, ringAt } from '../helpers.ts';

const script = resolve('test/support/granting.mjs');
const who = people();
const root = sharedWorkspace();
const lanes = 4;
const killsEach = 50;
let original: string;
let key: string;
let card: string;

beforeAll(async () => {
  original = await makeArchive(root, {
    who,
    files: { a: 'weights' },
    recipients: [who.author.card, who.reader.card],
  });
  ({ key } = keyFiles(root, 'author', who.author));
  ({ card } = keyFiles(root, 'stranger', who.stranger));
});

/** Grants and revokes in a process of its own, killed within `ms` of its start; what it told. */
async function killedAfter(archive: string, ms: number): Promise<number[]> {
  const child = spawn(process.execPath, [script, archive, key, card], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const told: number[] = [];
  let killed = false;
  for await (const line of createInterface(child.stdout)) {
    const { ready, epoch } = JSON.parse(line);
    if (epoch !== undefined) told.push(epoch);
    if (ready !== undefined) {
      void sleep(ms).then(() => {
        killed = child.kill('SIGKILL');
      });
    }
  }
  expect(killed).toBe(true);
  return told;
}

it(`${lanes * killsEach} kills`, { timeout: 0 }, async () => {
  const cut = { before: 0, within: 0 };
  const lane = async (_: unknown, n: number) => {
    const archive = join(workspace(), `archive-${n}.srm`);
    copyFileSync(original, archive);
    let known = 1;
    for (let i = 0; i < killsEach; i++) {
      // Grants take tens of milliseconds each, so that the kill falls anywhere in one
      const told = await killedAfter(archive, Math.random() * 120);
      known = told.at(-1) ?? known;
      const { epoch, recipients } = await ringAt(archive);
      // What was told is in force; the next may be, though nobody lived to tell it
      expect([known, known + 1]).toContain(epoch);
      cut[epoch === known ? 'before' : 'within']++;
      // The first is a grant, and they take turns
      expect(recipients).toHaveLength(epoch % 2 === 0 ? 3 : 2);
      const stranger = epoch % 2 === 0 ? 'accepted' : 'NO_KEY_FITS';
      expect(await opens(archive, who.stranger, who.trust)).toBe(stranger);
      expect(await opens(archive, who.reader, who.trust)).toBe('accepted');
      known = epoch;
      if (epoch % 2 === 0) known = await undo(archive);
    }
    // What the last kill left is for whoever comes next to clear away
    await redo(archive);
    expect(readdirSync(join(archive, '..')).filter((name) => name.endsWith('.claim'))).toEqual([]);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  expect(cut.before).toBeGreaterThan(0);
});

const by = { identity: who.author, trust: who.trust };

/** Revokes what a killed process granted, so that the next one begins with a grant. */
const undo = async (archive: string): Promise<number> =>
  (await revoke(archive, { ...by, remove: [who.stranger.card] })).epoch;

const redo = (archive: string) => grant(archive, { ...by, add: [who.stranger.card] });
