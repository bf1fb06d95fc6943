/** A virtual stream against the same bytes laid out flat. */
import { appendFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fingerprintFrom } from '#strongroom/engine/files.js';
import {
  type FilePiece,
  type Pieces,
  PiecesReader,
  shareFiles,
} from '#strongroom/engine/pieces.js';
import { sharedNumbers } from '#strongroom/engine/shared.js';
import { noise, outcome, sharedWorkspace } from '../support/archive.ts';

const root = sharedWorkspace();

/** In seconds, so that it can be set again to the nanosecond. */
const wholeTime = 1_600_000_000;

/** Literals and files in turn; each as long as told, and files never empty. */
function pieces(lengths: readonly { literal: number; file: number }[]) {
  const parts: Uint8Array[] = [];
  const literals: { at: number; bytes: Uint8Array }[] = [];
  const files: FilePiece[] = [];
  let at = 0;
  lengths.forEach(({ literal, file }, i) => {
    const bytes = noise(literal, 2 * i);
    literals.push({ at, bytes });
    at += literal;
    const path = join(root, `piece-${i}`);
    const content = noise(file, 2 * i + 1);
    writeFileSync(path, content);
    utimesSync(path, wholeTime, wholeTime);
    files.push({ path, at, fingerprint: fingerprintFrom(statSync(path, { bigint: true })) });
    at += file;
    parts.push(bytes, content);
  });
  const bytes = new Uint8Array(
    new SharedArrayBuffer(literals.reduce((sum, l) => sum + l.bytes.length, 0)),
  );
  const from: number[] = [];
  let filled = 0;
  for (const literal of literals) {
    from.push(filled);
    bytes.set(literal.bytes, filled);
    filled += literal.bytes.length;
  }
  const stream: Pieces = {
    length: at,
    literals: {
      bytes,
      at: sharedNumbers(literals.map((literal) => literal.at)),
      from: sharedNumbers(from),
      lengths: sharedNumbers(literals.map((literal) => literal.bytes.length)),
    },
    files: shareFiles(files),
  };
  return { stream, flat: Buffer.concat(parts), first: files[0]?.path as string };
}

const lengths = fc.array(
  fc.record({ literal: fc.nat(1500), file: fc.integer({ min: 1, max: 5000 }) }),
  { minLength: 1, maxLength: 12 },
);

describe('reading a virtual stream', () => {
  it('gives any range as the flat bytes have it', () => {
    const property = fc.property(
      lengths,
      fc.array(fc.tuple(fc.nat(), fc.nat())),
      (layout, ranges) => {
        const { stream, flat } = pieces(layout);
        const reader = new PiecesReader(stream);
        for (const [a, b] of [[0, flat.length] as const, ...ranges]) {
          const at = a % flat.length;
          const into = new Uint8Array(b % (flat.length - at + 1));
          reader.read(into, at);
          expect(flat.subarray(at, at + into.length).equals(into)).toBe(true);
        }
        reader.close();
      },
    );
    fc.assert(property, { numRuns: 40 });
  });

  it('reads more files than it keeps open', () => {
    const { stream, flat } = pieces(Array(150).fill({ literal: 10, file: 20 }));
    const reader = new PiecesReader(stream);
    for (const at of [0, 30 * 149, 60]) {
      const into = new Uint8Array(30);
      reader.read(into, at);
      expect(flat.subarray(at, at + 30).equals(into)).toBe(true);
    }
    const all = new Uint8Array(flat.length);
    reader.read(all, 0);
    reader.close();
    expect(flat.equals(all)).toBe(true);
  });
});

describe('a file that changes', () => {
  const changes: [string, (path: string) => void][] = [
    ['grows', (path) => appendFileSync(path, 'x')],
    ['shrinks', (path) => writeFileSync(path, 'x')],
    ['vanishes', (path) => rmSync(path)],
    ['is replaced by one that looks alike', replace],
    ['is written and given its old time', rewrite],
  ];

  it.each(changes)('%s before it is opened', async (_, change) => {
    const { stream, first } = pieces([{ literal: 5, file: 100 }]);
    change(first);
    const reader = new PiecesReader(stream);
    expect(await outcome(() => reader.read(new Uint8Array(105), 0))).toBe('SOURCE_CHANGED');
  });

  // A file that is gone or replaced stays what it was for whoever has it open.
  it.each(changes.filter(([name]) => !/vanishes|replaced/.test(name)))(
    '%s while it is read',
    async (_, change) => {
      const { stream, first } = pieces([{ literal: 5, file: 100 }]);
      const reader = new PiecesReader(stream);
      reader.read(new Uint8Array(50), 0);
      change(first);
      expect(await outcome(() => reader.close())).toBe('SOURCE_CHANGED');
    },
  );

  function replace(path: string) {
    const { atime, mtime } = statSync(path);
    writeFileSync(`${path}.new`, noise(100, 77));
    utimesSync(`${path}.new`, atime, mtime);
    renameSync(`${path}.new`, path);
  }

  function rewrite(path: string) {
    writeFileSync(path, noise(100, 78));
    utimesSync(path, wholeTime, wholeTime);
  }
});
