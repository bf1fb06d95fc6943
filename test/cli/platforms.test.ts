/**
 * Must hold: the command works where everything that differs between systems is as on macOS and
 * on Windows. The platform is injected; file systems and processes are those of this machine.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readFiles } from '../support/archive.ts';
import { leftovers, opening, scratch, sealing, strongroom, world } from './helpers.ts';

const preload = resolve('test/support/on-platform.cjs');

describe.each(['darwin', 'win32'])('as on %s', (platform) => {
  const cwd = scratch();
  const env = { NODE_OPTIONS: `--require ${preload}`, ON_PLATFORM: platform };
  const run = (...args: string[]) => strongroom(args, { cwd, env });
  const ok = async (...args: string[]) => {
    const { status, stderr } = await run(...args);
    expect(status, `${args.join(' ')}\n${stderr}`).toBe(0);
  };

  it('seals, verifies, grants, withdraws and opens', async () => {
    await world(cwd);
    await ok('keygen', '--name', 'late', '--plain', '-o', 'late.key');
    await ok('seal', 'w', '-o', 'w.srm', '--threads', '2', ...sealing);
    await ok('verify', 'w.srm', '--signer', 'lab.key.card');
    await ok(
      'grant',
      'w.srm',
      '-r',
      'late.key.card',
      '-r',
      'lab.key.card',
      '-i',
      'partner.key',
      '--signer',
      'lab.key.card',
      '--signer',
      'partner.key.card',
    );
    await ok(
      'open',
      'w.srm',
      '-o',
      'out',
      '-i',
      'late.key',
      '--signer',
      'lab.key.card',
      '--signer',
      'partner.key.card',
    );
    expect(readFiles(join(cwd, 'out'))).toEqual(readFiles(join(cwd, 'w')));
    await ok('ledger', 'keygen', '--name', 'example.org/log', '--plain', '-o', 'log.key');
    await ok('ledger', 'init', 'log', '--key', 'log.key');
    expect(existsSync(join(cwd, 'log/checkpoint'))).toBe(true);
  });

  it('leaves nothing under the final name after a refusal', async () => {
    const { status } = await run(
      'open',
      'w.srm',
      '-o',
      'no',
      '-i',
      'stranger.key',
      ...opening.slice(2),
    );
    expect(status).toBe(4);
    expect(leftovers(cwd)).toEqual([]);
    expect(readdirSync(cwd)).not.toContain('no');
  });
});
