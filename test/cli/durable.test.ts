/**
 * What the kernel is asked, and in which order: content is on the disk before anything has its
 * name. Runs with STRONGROOM_SLOW=1 where strace is, since nothing else can tell it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { leftovers, opening, scratch, sealing, shell, strongroom, world } from './helpers.ts';

const cwd = scratch();
const path = (name: string) => join(cwd, name);
const ioError = (name: string) =>
  `error: ${name}: input or output error\nhint: check the path, and the disk that it is on\n`;
const canTrace = spawnSync('strace', ['-V']).status === 0;

/** Runs the command under strace; `inject` makes calls fail. */
async function traced(command: string, inject = '') {
  const calls = 'fsync,fdatasync,rename,renameat,renameat2,link,linkat';
  const options = `-f -y -qq -o trace -e trace=${calls} ${inject}`;
  const outcome = await shell(`strace ${options} "$node" "$strongroom" ${command}`, { cwd });
  return { ...outcome, trace: readFileSync(path('trace'), 'utf8').split('\n') };
}

describe.runIf(process.env.STRONGROOM_SLOW === '1' && canTrace)('on the disk', () => {
  beforeAll(async () => {
    await world(cwd);
    execFileSync('cp', ['-r', 'w', 'source'], { cwd });
    const sealed = await strongroom(['seal', 'source', '-o', 'a.srm', ...sealing], { cwd });
    expect(sealed.status, sealed.stderr).toBe(0);
  });

  it('are all files and directories before they are published, and then the name', async () => {
    const { status, stderr, trace } = await traced(`open a.srm -o out ${opening.join(' ')}`);
    expect(status, stderr).toBe(0);
    const published = trace.findIndex((line) => /rename.*\.partial", .*\/out"/.test(line));
    expect(published).toBeGreaterThan(0);
    const synced = (line: string) => /fsync\(\d+<(.*)>\)/.exec(line)?.[1];
    const before = trace.slice(0, published).map(synced);
    const stage = /"([^"]*\.partial)", /.exec(trace[published] as string)?.[1];
    for (const name of ['', '/a.txt', '/b.bin', '/sub', '/sub/c.json']) {
      expect(before, name).toContain(`${stage}${name}`);
    }
    // The directory itself after all that is in it
    expect(before.lastIndexOf(stage)).toBe(before.length - 1);
    expect(trace.slice(published).map(synced)).toContain(cwd);
  });

  it('is an archive before it is published, and then the name', async () => {
    const { status, trace } = await traced(`seal source -o b.srm ${sealing.join(' ')}`);
    expect(status).toBe(0);
    const published = trace.findIndex((line) => /link.*\/?b\.srm"/.test(line));
    expect(trace[published - 1]).toMatch(/fsync\(\d+<.*\.partial>\) += 0/);
    expect(trace[published + 1]).toMatch(new RegExp(`fsync\\(\\d+<${cwd}>\\) += 0`));
  });

  const noLinks = '-e inject=link,linkat:error=EPERM';

  it('an archive gets its name where there are no links', async () => {
    const { status, stderr } = await traced(`seal source -o c.srm ${sealing.join(' ')}`, noLinks);
    expect(status, stderr).toBe(0);
    const verified = await strongroom(['verify', 'c.srm', ...opening.slice(2)], { cwd });
    expect(verified.status, verified.stderr).toBe(0);
    expect(leftovers(cwd)).toEqual([]);
  });

  it('nothing stands under a name that cannot be made durable', async () => {
    // The file itself is the first; a directory has more to be synced before it gets its name
    const last = async (command: string) => {
      const { status, stderr, trace } = await traced(command);
      expect(status, stderr).toBe(0);
      const parent = (line: string) => line.includes(`fsync(`) && line.includes(`<${cwd}>`);
      return trace.filter((line) => line.includes('fsync(')).findIndex(parent) + 1;
    };
    const fails = (n: number) => `-e inject=fsync:error=EIO:when=${n}`;
    const n = await last(`seal source -o f.srm ${sealing.join(' ')}`);
    const sealed = await traced(`seal source -o g.srm ${sealing.join(' ')}`, fails(n));
    expect(sealed).toMatchObject({ status: 1, stderr: ioError('g.srm') });
    const opened = await traced(`open a.srm -o g ${opening.join(' ')}`, fails(n));
    expect(opened.status).toBe(1);
    expect(readdirSync(cwd).filter((name) => /^g($|\.srm)/.test(name))).toEqual([]);
    expect(leftovers(cwd)).toEqual([]);
  });

  it('a file that cannot be removed is told of in words', async () => {
    const inject = '-e trace=unlink -e inject=unlink:error=EIO';
    const { status, stderr } = await traced(`seal source -o h.srm ${sealing.join(' ')}`, inject);
    expect({ status, stderr }).toEqual({ status: 1, stderr: ioError('h.srm') });
    const left = leftovers(cwd);
    expect(left).toEqual([expect.stringMatching(/^\.h\.srm\.[0-9a-f]{12}\.partial$/)]);
    for (const name of left) rmSync(path(name));
  });

  it('nothing stands under the name when it cannot be given', async () => {
    const none = `${noLinks} -e inject=rename,renameat,renameat2:error=EIO`;
    const { status } = await traced(`seal source -o d.srm ${sealing.join(' ')}`, none);
    expect(status).toBe(1);
    expect(existsSync(path('d.srm'))).toBe(false);
    const opened = await traced(`open a.srm -o e ${opening.join(' ')}`, none);
    expect(opened.status).toBe(1);
    expect(readdirSync(cwd)).not.toContain('e');
    expect(leftovers(cwd)).toEqual([]);
  });
});
