/** Whatever is done to the files of a log, an audit or the next witness notices. */
import {
  cpSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { appendEntries, type Ledger } from '#strongroom/provenance/ledger/append.js';
import { auditLedger } from '#strongroom/provenance/ledger/audit.js';
import { commitmentOf } from '#strongroom/provenance/ledger/commitment.js';
import { readLogCheckpoint } from '#strongroom/provenance/ledger/log.js';
import { decodeBundle } from '#strongroom/provenance/ledger/tiles.js';
import { codeOf } from '../../keys/helpers.ts';
import {
  bundleOf,
  copyOf,
  entries,
  entryAt,
  filesOf,
  logKey,
  logOf,
  policy,
  scratch,
} from './helpers.ts';

/** Files that a log of this size is made of: two full tiles, partial ones, and a level above. */
const size = 600;
const made = [
  'checkpoint',
  'tile/0/000',
  'tile/0/001',
  'tile/0/002.p/88',
  'tile/1/000.p/2',
  'tile/entries/000',
  'tile/entries/001',
  'tile/entries/002.p/88',
];
const bundles = made.filter((file) => file.includes('entries'));

let bytesOf: Map<string, Buffer>;

/** The log as it was, with one thing done to it. */
function altered(change: (path: (file: string) => string) => void): string {
  const directory = join(scratch(), 'log');
  for (const [file, bytes] of bytesOf) {
    const path = join(directory, file);
    cpSync(join(template.directory, file), path);
    writeFileSync(path, bytes);
  }
  change((file) => join(directory, file));
  return directory;
}

const caught = ['LEDGER_INVALID', 'LEDGER_UNTRUSTED', 'NOT_FOUND'];
const audit = (directory: string) => codeOf(() => auditLedger(directory, { policy }));

let template: Ledger;
beforeAll(async () => {
  const { mkdtempSync } = await import('node:fs');
  const { tmpdir } = await import('node:os');
  const directory = join(mkdtempSync(join(tmpdir(), 'strongroom-ledger-')), 'log');
  const { createLedger } = await import('#strongroom/provenance/ledger/append.js');
  template = { directory, key: logKey };
  createLedger(template);
  await appendEntries(template, entries(size));
  expect(filesOf(directory)).toEqual(made);
  bytesOf = new Map(made.map((file) => [file, readFileSync(join(directory, file))]));
  return () => rmSync(join(directory, '..'), { recursive: true });
});

const file = fc.constantFrom(...made);
const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const runs = { numRuns: 100 };

describe('an audit notices', () => {
  it('any byte that is changed', async () => {
    await fc.assert(
      fc.asyncProperty(file, place, fc.integer({ min: 1, max: 255 }), async (name, at, mask) => {
        const bytes = Buffer.from(bytesOf.get(name) as Buffer);
        const offset = Math.floor(at * bytes.length);
        bytes[offset] = (bytes[offset] as number) ^ mask;
        const directory = altered((path) => writeFileSync(path(name), bytes));
        // A signature of a key that the policy does not know is nobody's concern
        if (isForeign(name, offset)) return;
        expect(caught).toContain(await audit(directory));
      }),
      runs,
    );
  });

  /** The line of the log's Ed25519 key, or what makes the other one a line of nobody known. */
  function isForeign(name: string, offset: number): boolean {
    if (name !== 'checkpoint') return false;
    const note = (bytesOf.get(name) as Buffer).toString();
    const start = Buffer.byteLength(note.slice(0, note.indexOf('\n\n') + 2));
    const line = Buffer.byteLength(note.slice(note.indexOf('\n\n') + 2).split('\n')[0] ?? '');
    return offset >= start && offset < start + line;
  }

  it('any file that is gone', async () => {
    for (const name of made) {
      expect(caught).toContain(await audit(altered((path) => rmSync(path(name)))));
    }
  });

  it('any file that is cut or longer', async () => {
    await fc.assert(
      fc.asyncProperty(file, place, async (name, at) => {
        const { length } = bytesOf.get(name) as Buffer;
        const cut = altered((path) => truncateSync(path(name), Math.floor(at * length)));
        expect(caught).toContain(await audit(cut));
        const longer = Buffer.concat([bytesOf.get(name) as Buffer, Buffer.from([0])]);
        expect(caught).toContain(await audit(altered((path) => writeFileSync(path(name), longer))));
      }),
      runs,
    );
  });

  it('any two files that change places', async () => {
    await fc.assert(
      fc.asyncProperty(file, file, async (one, other) => {
        if (one === other) return;
        const directory = altered((path) => {
          renameSync(path(one), path('kept'));
          renameSync(path(other), path(one));
          renameSync(path('kept'), path(other));
        });
        expect(caught).toContain(await audit(directory));
      }),
      runs,
    );
  });

  it('entries that are removed, doubled or reordered, in a bundle that is well formed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...bundles), fc.nat(), fc.nat(), async (name, a, b) => {
        const bytes = bytesOf.get(name) as Buffer;
        const width = name.endsWith('88') ? 88 : 256;
        const list = decodeBundle(bytes, width) as Uint8Array[];
        const [i, j] = [a % width, b % width];
        const swapped = [...list];
        swapped[i] = list[j] as Uint8Array;
        swapped[j] = list[i] as Uint8Array;
        const changes = [list.toSpliced(i, 1), list.toSpliced(i, 0, entryAt(9)), swapped];
        for (const change of i === j ? changes.slice(0, 2) : changes) {
          const directory = altered((path) => writeFileSync(path(name), bundleOf(change)));
          expect(caught).toContain(await audit(directory));
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('a log that goes back', () => {
  const shorter = async () => {
    const before = await logOf([300]);
    const after = copyOf(before);
    await appendEntries(after, entries(10, 300));
    return { before, seen: readLogCheckpoint(after.directory) };
  };

  it('is noticed by who remembers its checkpoint', async () => {
    const { before, seen } = await shorter();
    expect(await codeOf(() => auditLedger(before.directory, { policy, seen }))).toBe(
      'LEDGER_ROLLED_BACK',
    );
  });

  it('and continues otherwise is a fork', async () => {
    const { before, seen } = await shorter();
    await appendEntries(before, entries(20, 900));
    expect(await codeOf(() => auditLedger(before.directory, { policy, seen }))).toBe(
      'LEDGER_FORKED',
    );
    // Each of the two is whole in itself
    expect(auditLedger(before.directory, { policy }).size).toBe(320);
  });

  it('is noticed by the custody files whose lines it lost', async () => {
    const { before } = await shorter();
    const lines = entries(3, 5000);
    const whole = copyOf(before);
    await appendEntries(whole, lines.map(commitmentOf));
    const custody = [{ name: 'w', documents: lines }];
    const indexes = [300, 301, 302];
    expect(auditLedger(whole.directory, { policy, custody }).custody).toEqual([
      { name: 'w', indexes, missing: [], disordered: [] },
    ]);
    const none = [undefined, undefined, undefined];
    expect(auditLedger(before.directory, { policy, custody }).custody).toEqual([
      { name: 'w', indexes: none, missing: [0, 1, 2], disordered: [] },
    ]);
  });
});

it('an audit tells which lines are missing, which came out of order, and how many are others’', async () => {
  const ledger = await logOf([2]);
  const [a, b, c, d] = entries(4, 100) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  await appendEntries(ledger, [b, a, d].map(commitmentOf));
  const custody = [
    { name: 'one', documents: [a, b, c, d] },
    { name: 'two', documents: [b] },
  ];
  const { custody: found, others } = auditLedger(ledger.directory, { policy, custody });
  expect(found).toEqual([
    { name: 'one', indexes: [3, 2, undefined, 4], missing: [2], disordered: [1] },
    { name: 'two', indexes: [2], missing: [], disordered: [] },
  ]);
  expect(others).toBe(2);
  expect(existsSync(join(ledger.directory, '.lock'))).toBe(false);
});
