/** Ctrl-C and a full disk: nothing is left behind, and the status says which it was. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  expectRefusal,
  leftovers,
  type Outcome,
  opening,
  scratch,
  sealing,
  strongroom,
  world,
} from './helpers.ts';

const cwd = scratch();
const path = (name: string) => join(cwd, name);

beforeAll(async () => {
  await world(cwd);
  writeFileSync(path('big'), '');
  truncateSync(path('big'), 2 ** 31);
});

/** Sends a signal as soon as the operation has begun to write. */
function interrupted(args: readonly string[], signal: NodeJS.Signals): Promise<Outcome> {
  return strongroom(args, {
    cwd,
    input: '',
    during(child) {
      const timer = setInterval(() => {
        if (leftovers(cwd).length > 0) child.kill(signal);
        if (leftovers(cwd).length > 0 || child.exitCode !== null) clearInterval(timer);
      }, 5);
    },
  });
}

describe.skipIf(process.platform === 'win32')('a signal', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s stops a seal, which leaves nothing', async (signal, status) => {
    const outcome = await interrupted(['seal', 'big', '-o', 'big.srm', ...sealing], signal);
    expect(outcome).toMatchObject({ status, stderr: 'error: interrupted\n' });
    expect(existsSync(path('big.srm'))).toBe(false);
    expect(leftovers(cwd)).toEqual([]);
  });

  it('stops an open, which leaves nothing', async () => {
    const sealed = await strongroom(['seal', 'big', '-o', 'all.srm', ...sealing], { cwd });
    expect(sealed.status, sealed.stderr).toBe(0);
    const outcome = await interrupted(['open', 'all.srm', '-o', 'all', ...opening], 'SIGINT');
    expect(outcome).toMatchObject({ status: 130, stderr: 'error: interrupted\n' });
    expect(existsSync(path('all'))).toBe(false);
    expect(leftovers(cwd)).toEqual([]);
  });

  it.each([
    ['seal', ['seal', '-', '-o', 'piped.srm', ...sealing]],
    ['open', ['open', '-', '-o', 'piped', ...opening]],
  ])('stops a %s that waits for a pipe', async (_, args) => {
    const outcome = await strongroom(args, {
      cwd,
      during: (child) => {
        // Nothing tells from outside that it waits: a signal before that ends it all the same
        const timer = setTimeout(() => child.kill('SIGINT'), 1500);
        child.on('exit', () => clearTimeout(timer));
      },
    });
    expect(outcome).toMatchObject({ status: 130, stderr: 'error: interrupted\n' });
    expect(existsSync(path('piped')) || existsSync(path('piped.srm'))).toBe(false);
    expect(leftovers(cwd)).toEqual([]);
  });
});

/** A disk of two megabytes, where one can be made. */
function smallDisk(): string | undefined {
  const at = path('disk');
  mkdirSync(at);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'none', at], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  afterAll(() => execFileSync('umount', [at]));
  return at;
}

const disk = smallDisk();

describe.skipIf(disk === undefined)('a full disk (skipped where none can be mounted)', () => {
  it('fails a seal and an open, and leaves nothing', async () => {
    mkdirSync(path('some'));
    writeFileSync(path('some/x'), Buffer.alloc(4_000_000));
    const args = ['seal', 'some', '-o', 'disk/x.srm', ...sealing];
    expectRefusal(await strongroom(args, { cwd }), 1, /no space left.*\nhint: free some space/);
    expect((await strongroom(['seal', 'some', '-o', 'x.srm', ...sealing], { cwd })).status).toBe(0);
    const open = await strongroom(['open', 'x.srm', '-o', 'disk/x', ...opening], { cwd });
    expectRefusal(open, 1, /no space left/);
    expect(readdirSync(disk as string)).toEqual([]);
  });
});
