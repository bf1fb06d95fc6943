/** Ctrl-C and a full disk: nothing is left behind, and the status says which it was. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { regionsOf } from '../support/archive.ts';
import {
  expectRefusal,
  leftovers,
  type Outcome,
  opening,
  scratch,
  sealing,
  shell,
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
        const writes = leftovers(cwd).length > 0;
        if (writes) child.kill(signal);
        if (writes || child.exitCode !== null) clearInterval(timer);
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

/** Runs a script until `moment` has come, and a little longer, and interrupts it then. */
async function interruptedAt(script: string, moment: () => Promise<unknown>): Promise<Outcome> {
  return shell(script, {
    cwd,
    input: '',
    during: (child) =>
      // Nothing tells from outside when it begins to wait: a signal before ends it all the same
      moment()
        .then(() => sleep(1000))
        .then(() => child.kill('SIGINT')),
  });
}

const command = 'exec "$node" "$strongroom"';

describe.skipIf(process.platform === 'win32')('Ctrl-C while the other end of a pipe', () => {
  const fifo = (name: string) => {
    execFileSync('mkfifo', [path(name)]);
    return path(name);
  };
  const done = { status: 130, stderr: 'error: interrupted\n' };

  it('does not take the archive, be it its front or its trailer', async () => {
    mkdirSync(path('many'));
    for (let i = 0; i < 3000; i++) writeFileSync(path(`many/${i}`), '');
    const seal = `seal many -o - ${sealing.join(' ')}`;
    const whole = await shell(`${command} ${seal}`, { cwd });
    const { footer } = regionsOf(whole.stdout);
    // What is left must not fit into the pipe
    expect(whole.stdout.length - footer.manifestAt).toBeGreaterThan(2 * 65536);
    for (const taken of [0, footer.manifestAt + 1]) {
      const name = `stalled-${taken}`;
      // Open at both ends, so that neither side waits for the other to open it
      const pipe = await open(fifo(name), 'r+');
      const take = async () => {
        const into = Buffer.alloc(65536);
        for (let left = taken; left > 0; ) {
          left -= (await pipe.read(into, 0, Math.min(left, into.length))).bytesRead;
        }
      };
      const outcome = await interruptedAt(`${command} ${seal} > ${name}`, take);
      await pipe.close();
      expect(outcome, `${taken}`).toMatchObject(done);
    }
    expect(leftovers(cwd)).toEqual([]);
  });

  it('gives no key ring', async () => {
    expect((await strongroom(['seal', 'w', '-o', 'w.srm', ...sealing], { cwd })).status).toBe(0);
    const args = [
      `open w.srm -o opened ${opening.join(' ')}`,
      `verify w.srm ${opening.join(' ')}`,
      `grant w.srm -r stranger.key.card -i lab.key --signer lab.key.card --output opened`,
    ];
    for (const [i, each] of args.entries()) {
      const name = `ring-${i}`;
      fifo(name);
      for (const moment of [async () => {}, () => open(path(name), 'r+')]) {
        let pipe: FileHandle | undefined;
        const outcome = await interruptedAt(`${command} ${each} --keyring ${name}`, async () => {
          pipe = (await moment()) ?? undefined;
        });
        await pipe?.close();
        expect(outcome, each).toMatchObject({ status: 130 });
        expect(existsSync(path('opened'))).toBe(false);
        expect(leftovers(cwd)).toEqual([]);
      }
    }
  });

  it('would give the archive or what is sealed, but they are refused at once', async () => {
    fifo('in');
    const opened = await strongroom(['open', 'in', '-o', 'opened', ...opening], { cwd });
    expectRefusal(opened, 3, /not a regular file/);
    const sealed = await strongroom(['seal', 'in', '-o', 'in.srm', ...sealing], { cwd });
    expectRefusal(sealed, 1, /neither a file nor a directory/);
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
    expectRefusal(
      await strongroom(args, { cwd }),
      1,
      /disk\/x\.srm: no space left.*\nhint: free some space/,
    );
    expect((await strongroom(['seal', 'some', '-o', 'x.srm', ...sealing], { cwd })).status).toBe(0);
    const open = await strongroom(['open', 'x.srm', '-o', 'disk/x', ...opening], { cwd });
    expectRefusal(open, 1, /disk\/x: no space left/);
    expect(readdirSync(disk as string)).toEqual([]);
  });
});
