/** The index of leaves is a cache: whatever is in it, what is proved is what the log has. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { appendEntries } from '#strongroom/provenance/ledger/append.js';
import { readBundle } from '#strongroom/provenance/ledger/files.js';
import { proveEntry } from '#strongroom/provenance/ledger/prove.js';
import { codeOf } from '../../keys/helpers.ts';
import { entries, entryAt, logOf, scratch } from './helpers.ts';

const indexOf = (directory: string) => join(directory, '.leaves');
const found = (directory: string, index: number) =>
  proveEntry(directory, { entry: entryAt(index) }).index;

describe('an entry is found', () => {
  it('wherever it stands, however the log came to be, the last of several', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(50), { maxLength: 5 }),
        async (batches, again) => {
          const ledger = await logOf(batches.slice(0, 1));
          const { directory } = ledger;
          let [size = 0] = batches;
          for (const count of batches.slice(1)) {
            found(directory, 0);
            await appendEntries(ledger, entries(count, size));
            size += count;
          }
          const repeated = again.filter((index) => index < size);
          await appendEntries(ledger, repeated.map(entryAt));
          for (const index of [0, 255, 256, size - 1, ...repeated]) {
            if (index >= size) continue;
            const last = repeated.lastIndexOf(index);
            expect(found(directory, index)).toBe(last < 0 ? index : size + last);
          }
          expect(await codeOf(() => found(directory, size))).toBe('NOT_LOGGED');
        },
      ),
      { numRuns: 10 },
    );
  });

  it('whatever became of the index', async () => {
    const { directory } = await logOf([700]);
    found(directory, 3);
    const whole = readFileSync(indexOf(directory));
    await fc.assert(
      fc.asyncProperty(
        fc.nat(whole.length - 1),
        fc.uint8Array({ minLength: 1, maxLength: 4000 }),
        fc.boolean(),
        fc.nat(699),
        async (at, bytes, isCut, index) => {
          const other = Buffer.from(whole);
          other.set(bytes.subarray(0, other.length - at), at);
          writeFileSync(indexOf(directory), isCut ? other.subarray(0, at) : other);
          expect(found(directory, index)).toBe(index);
          expect(found(directory, index)).toBe(index);
          expect(await codeOf(() => found(directory, 700))).toBe('NOT_LOGGED');
        },
      ),
      { numRuns: 60 },
    );
  });

  it('in another log that took its place', async () => {
    const [{ directory }, other] = [await logOf([700]), await logOf([300])];
    found(directory, 3);
    renameSync(indexOf(directory), indexOf(other.directory));
    expect(found(other.directory, 299)).toBe(299);
    await appendEntries(other, entries(600, 1000));
    expect(found(other.directory, 1500)).toBe(800);
  });

  it('without an index where a link stands in its place', async () => {
    const { directory } = await logOf([300]);
    const mine = join(scratch(), 'mine');
    found(directory, 1);
    // What looks like an index, elsewhere
    renameSync(indexOf(directory), mine);
    const before = readFileSync(mine);
    before.writeUInt32BE(10, 12);
    writeFileSync(mine, before);
    symlinkSync(mine, indexOf(directory));
    expect(found(directory, 299)).toBe(299);
    expect(readFileSync(mine)).toEqual(before);
    rmSync(indexOf(directory), { force: true });
  });

  it.skipIf(process.platform === 'win32')('beside a pipe, which nobody waits for', async () => {
    const { directory } = await logOf([300]);
    execFileSync('mkfifo', [indexOf(directory)]);
    expect(found(directory, 299)).toBe(299);
    expect(statSync(indexOf(directory)).isFile()).toBe(true);
  });
});

it.skipIf(process.platform === 'win32')('a pipe in a copy of a log is refused', async () => {
  const { directory } = await logOf([3]);
  const bundle = join(directory, 'tile/entries/000.p/3');
  rmSync(bundle);
  execFileSync('mkfifo', [bundle]);
  expect(await codeOf(() => readBundle(directory, 0, 3))).toBe('LEDGER_INVALID');
  expect(existsSync(bundle)).toBe(true);
});
