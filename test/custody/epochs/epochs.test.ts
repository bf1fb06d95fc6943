/** Older key rings put back: what `minEpoch` and the memory of epochs notice, and what they do not. */
import { execFile } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { stateDirectory } from '#strongroom/custody/epochs/memory.js';
import {
  cat,
  fileEpochMemory,
  grant,
  list,
  open,
  recipients,
  rekey,
  revoke,
  verify,
} from '#strongroom/index.js';
import { makeArchive, outcome, people, sharedWorkspace, workspace } from '../../support/archive.ts';

const core = (n: number) => n.toString(16).padStart(96, '0');
const fileIn = (directory: string) => join(directory, 'epochs.json');

function memoryIn(directory: string) {
  const warnings: string[] = [];
  const onWarning = (message: string) => warnings.push(message);
  return { memory: fileEpochMemory({ directory, onWarning }), warnings };
}

describe('the memory', () => {
  it('keeps the highest of what it is told, across processes', () => {
    const step = fc.record({
      id: fc.integer({ min: 0, max: 3 }),
      epoch: fc.integer({ min: 1, max: 99 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const directory = join(workspaceFor, String(Math.random()));
        const highest = new Map<number, number>();
        for (const { id, epoch } of steps) {
          memoryIn(directory).memory.remember(core(id), epoch);
          highest.set(id, Math.max(epoch, highest.get(id) ?? 0));
        }
        const { memory, warnings } = memoryIn(directory);
        for (const id of [0, 1, 2, 3]) expect(memory.highest(core(id))).toBe(highest.get(id));
        expect(warnings).toEqual([]);
      }),
      { numRuns: 20 },
    );
  });
  const workspaceFor = sharedWorkspace();

  it('is bounded, and forgets what was not seen for longest', () => {
    const directory = workspace();
    const archives = Array.from({ length: 4096 }, (_, i) => ({ core: core(i), epoch: 1 }));
    const document = { archives, type: 'strongroom/epochs', version: 1 };
    writeFileSync(fileIn(directory), JSON.stringify(document));
    const { memory } = memoryIn(directory);
    memory.remember(core(0), 1);
    memory.remember(core(5000), 7);
    expect(memory.highest(core(5000))).toBe(7);
    expect(memory.highest(core(0))).toBe(1);
    expect(memory.highest(core(1))).toBeUndefined();
    expect(JSON.parse(readFileSync(fileIn(directory), 'utf8')).archives).toHaveLength(4096);
  });

  const broken: [string, string][] = [
    ['nothing', ''],
    ['no JSON', '{'],
    ['another type', '{"archives":[],"type":"strongroom/card","version":1}'],
    [
      'an epoch of none',
      `{"archives":[{"core":"${core(1)}","epoch":0}],"type":"strongroom/epochs","version":1}`,
    ],
    ['too much', 'x'.repeat(2 ** 21)],
  ];
  it.each(broken)('warns of a file with %s, and begins anew', (_, content) => {
    const directory = workspace();
    writeFileSync(fileIn(directory), content);
    const { memory, warnings } = memoryIn(directory);
    expect(memory.highest(core(1))).toBeUndefined();
    expect(warnings).toEqual([
      expect.stringMatching(/epochs\.json.*older key rings are not noticed$/),
    ]);
    memory.remember(core(1), 3);
    expect(memoryIn(directory).memory.highest(core(1))).toBe(3);
    // It may be of a newer version, or be mended
    expect(readFileSync(`${fileIn(directory)}.unreadable`, 'utf8')).toBe(content);
  });

  it('warns where it cannot write, and goes on', () => {
    const directory = workspace();
    // A file where the directory should be
    writeFileSync(join(directory, 'state'), '');
    const { memory, warnings } = memoryIn(join(directory, 'state'));
    memory.remember(core(1), 3);
    expect(warnings).toEqual([expect.stringMatching(/is not remembered$/)]);
  });

  it('is private, and leaves no other file behind', () => {
    const directory = join(workspace(), 'state');
    memoryIn(directory).memory.remember(core(1), 3);
    expect(readdirSync(directory)).toEqual(['epochs.json']);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(fileIn(directory)).mode & 0o777).toBe(0o600);
  });

  it('is not lowered by processes that write at once', async () => {
    const directory = workspace();
    const program = `
      import { fileEpochMemory } from '#strongroom/index.js';
      const memory = fileEpochMemory({ directory: process.argv[1] });
      for (let i = 1; i <= 40; i++) memory.remember('${core(1)}', i * 2);`;
    await Promise.all(
      [1, 2, 3].map(() =>
        promisify(execFile)(process.execPath, ['--input-type=module', '-e', program, directory]),
      ),
    );
    expect(memoryIn(directory).memory.highest(core(1))).toBe(80);
  });

  it('lies where the user keeps state', () => {
    expect(stateDirectory({ STRONGROOM_STATE_DIR: '/a', XDG_STATE_HOME: '/b' })).toBe('/a');
    expect(stateDirectory({ XDG_STATE_HOME: '/b' })).toBe(join('/b', 'strongroom'));
    const home = stateDirectory({});
    expect(home).toMatch(/\.local.state.strongroom$/);
    expect(stateDirectory({ XDG_STATE_HOME: 'relative' })).toBe(home);
  });
});

describe('an older key ring that was put back', () => {
  const who = people();
  const { author, reader, insider, trust } = who;
  const by = { identity: author, trust };
  const root = sharedWorkspace();
  let older: string;
  let newer: string;
  let ring: string;

  beforeAll(async () => {
    const all = [author.card, reader.card, insider.card];
    older = await makeArchive(root, { who, files: { a: 'weights' }, recipients: all });
    newer = join(root, 'newer.srm');
    copyFileSync(older, newer);
    await revoke(newer, { ...by, remove: [insider.card] });
    ring = join(root, '3.ring');
    await grant(newer, { ...by, add: [insider.card], output: ring });
  });

  type Options = Omit<Parameters<typeof list>[1], 'identity' | 'trust'>;
  const access = { identity: reader, trust };
  const operations: [string, (path: string, options: Options) => Promise<unknown>][] = [
    ['list', (path, options) => list(path, { ...access, ...options })],
    ['cat', (path, options) => cat(path, 'a', { ...access, ...options }, () => {})],
    ['verify', (path, options) => verify(path, { trust, ...options })],
    ['verify with a key', (path, options) => verify(path, { ...access, ...options })],
    [
      'open',
      (path, options) => open(path, { ...access, ...options, output: join(workspace(), 'o') }),
    ],
    ['recipients', (path, options) => recipients(path, { trust, ...options })],
    [
      'rekey',
      (path, options) =>
        rekey(path, {
          ...by,
          ...options,
          recipients: [author.card],
          output: join(workspace(), 'o'),
        }),
    ],
  ];

  describe.each(operations)('%s', (_, operation) => {
    it('is refused below the epoch that is asked', async () => {
      expect(await outcome(() => operation(older, { minEpoch: 1 }))).toBe('accepted');
      expect(await outcome(() => operation(older, { minEpoch: 2 }))).toBe('EPOCH_ROLLBACK');
      expect(await outcome(() => operation(newer, { minEpoch: 2 }))).toBe('accepted');
    });

    it('is refused once a newer one was seen', async () => {
      const directory = workspace();
      const { memory: epochMemory, warnings } = memoryIn(directory);
      const run = (path: string, options: Options = {}) =>
        outcome(() => operation(path, { epochMemory, ...options }));
      expect(await run(older)).toBe('accepted');
      expect(await run(newer)).toBe('accepted');
      expect(await run(older)).toBe('EPOCH_ROLLBACK');
      expect(await run(newer)).toBe('accepted');
      // A detached ring is newer than any slot
      expect(await run(newer, { keyring: ring })).toBe('accepted');
      expect(await run(newer)).toBe('EPOCH_ROLLBACK');
      expect(await outcome(() => operation(older, {}))).toBe('accepted');
      expect(await outcome(() => operation(older, { epochMemory: 'off' }))).toBe('accepted');
      expect(warnings).toEqual([]);
    });
  });

  it('is not built upon', async () => {
    const archive = join(workspace(), 'a.srm');
    copyFileSync(older, archive);
    const { memory: epochMemory } = memoryIn(workspace());
    await list(newer, { ...access, epochMemory });
    const before = readFileSync(archive);
    const run = () => revoke(archive, { ...by, epochMemory, remove: [insider.card] });
    expect(await outcome(run)).toBe('EPOCH_ROLLBACK');
    expect(readFileSync(archive).equals(before)).toBe(true);
  });

  it('is remembered by who wrote the newer one', async () => {
    const archive = join(workspace(), 'a.srm');
    copyFileSync(older, archive);
    const { memory: epochMemory } = memoryIn(workspace());
    await revoke(archive, { ...by, epochMemory, remove: [insider.card] });
    expect(await outcome(() => list(older, { ...access, epochMemory }))).toBe('EPOCH_ROLLBACK');
  });

  it('teaches nothing unless someone trusted has signed it', async () => {
    const directory = workspace();
    const { memory: epochMemory } = memoryIn(directory);
    const stranger = { ...access, trust: people().trust, epochMemory };
    expect(await outcome(() => list(newer, stranger))).toBe('KEYRING_UNTRUSTED');
    expect(existsSync(fileIn(directory))).toBe(false);
  });
});
