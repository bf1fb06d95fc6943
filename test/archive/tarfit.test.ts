/** Must hold: what is released of an archive is what any tar reader would make of its payload. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Entry } from '#strongroom/archive/entry.js';
import { readTarEntries } from '#strongroom/archive/tar/read.js';
import { assertSameEntries } from '#strongroom/archive/tarfit.js';
import { cat, list, open } from '#strongroom/index.js';
import { refusal } from '../keys/helpers.ts';
import { leftovers, outcome, people, readFiles, regionsOf, workspace } from '../support/archive.ts';
import { forge } from '../support/forge.ts';
import { directory, file, longName, member, pax, record, tar } from '../support/tar.ts';

const who = people();
const mtime = 1_700_000_000;
const read = { identity: who.reader, trust: who.trust };

const entriesOf = (bytes: Uint8Array): Entry[] =>
  readTarEntries((at, length) => bytes.subarray(at, at + length), bytes.length);

/** How `path` comes out of an archive by itself: by `cat`, and by `open --only`. */
async function released(bytes: Uint8Array, entries: readonly Entry[], path: string) {
  const root = workspace();
  const archive = join(root, 'archive');
  writeFileSync(archive, forge({ who, tar: bytes, entries }));
  let written = 0;
  const found = {
    list: await outcome(() => list(archive, read)),
    cat: await outcome(() =>
      cat(archive, path, read, (chunk) => {
        written += chunk.length;
      }),
    ),
    only: await outcome(() => open(archive, { ...read, output: join(root, 'out'), only: [path] })),
  };
  if (found.cat !== 'accepted') expect(written).toBe(0);
  if (found.only !== 'accepted') expect(leftovers(root, 'archive')).toEqual([]);
  return found;
}

const refused = { list: 'accepted', cat: 'TAR_MISMATCH', only: 'TAR_MISMATCH' };
const accepted = { list: 'accepted', cat: 'accepted', only: 'accepted' };

describe('an author whose tar says otherwise of a file that is released alone', () => {
  const two = tar(member('data', { name: 'a' }), member('more', { name: 'b' }));
  const [a, b] = entriesOf(two) as [Entry, Entry];
  const extra: Entry = { type: 'directory', path: 'd', mode: 0o755, mtime };
  const cases: readonly (readonly [name: string, entries: readonly Entry[], path: string])[] = [
    ['name', [a, { ...b, path: 'c' }], 'c'],
    ['size', [a, { ...b, size: 3 } as Entry], 'b'],
    ['mode', [a, { ...b, mode: 0o755 }], 'b'],
    ['mtime', [a, { ...b, mtime: mtime + 1 }], 'b'],
    ['offset', [a, { ...b, offset: 1537 } as Entry], 'b'],
    ['bytes of another file', [{ ...b, offset: 512 } as Entry], 'b'],
    ['a file before it is not listed', [b], 'b'],
    ['a directory before it is not there', [a, extra, b], 'b'],
    ['no header before its bytes', [a, { ...b, offset: 1024, size: 0 } as Entry], 'b'],
    ['its header is behind it', [{ ...a, offset: 0, size: 4 } as Entry], 'a'],
    ['a file before it ends early', [{ ...a, size: 0 } as Entry, b], 'b'],
    ['it is not there', [a, b, { ...b, path: 'c', offset: 2048, size: 0 } as Entry], 'c'],
  ];
  it.each(cases)('%s', async (_, entries, path) => {
    expect(await released(two, entries, path)).toEqual(refused);
  });

  it('has a directory that the tar has not', async () => {
    const { only } = await released(two, [a, b, extra], 'd');
    expect(only).toBe('TAR_MISMATCH');
  });

  it('has a link where the manifest lists a file', async () => {
    const linked = tar(member('data', { name: 'a' }), member('', { name: 'b', type: '2' }));
    expect(await released(linked, [a, { ...b, size: 0 } as Entry], 'b')).toEqual(refused);
  });
});

describe('an honest tar, file by file', () => {
  const long = `${'d'.repeat(120)}/${'f'.repeat(120)}`;
  const bytes = tar(
    directory('./'),
    member(record('comment', 'c'), { type: 'g', name: 'g' }),
    file('first', 'x'.repeat(9000)),
    directory('empty/'),
    directory('d/'),
    longName(long),
    file('x', 'long'),
    pax({ path: 'pax/é' }),
    file('y', ''),
    directory('last/'),
  );
  const entries = entriesOf(bytes);

  it.each(entries.filter(({ type }) => type === 'file').map(({ path }) => path))(
    '%s',
    async (path) => {
      expect(await released(bytes, entries, path)).toEqual(accepted);
    },
  );

  it('and directories', async () => {
    const root = workspace();
    writeFileSync(join(root, 'archive'), forge({ who, tar: bytes, entries }));
    const output = join(root, 'out');
    await open(join(root, 'archive'), { ...read, output, only: ['empty', 'last'] });
    expect(readFiles(output)).toEqual({ 'empty/': '', 'last/': '' });
  });
});

it('a segment that is altered is told as that, and not as another tar', async () => {
  const archive = join(workspace(), 'archive');
  const bytes = tar(file('a', 'x'));
  const sealed = forge({ who, tar: bytes, entries: entriesOf(bytes) });
  const at = regionsOf(sealed).at.segments[0];
  sealed[at + 100] = (sealed[at + 100] ?? 0) ^ 1;
  writeFileSync(archive, sealed);
  expect(await outcome(() => cat(archive, 'a', read, () => {}))).toBe('SEGMENT_INVALID');
});

describe('entries of a tar and of a manifest', () => {
  const entries = entriesOf(tar(directory('d/'), file('d/a', 'x'), file('b')));
  const [d, a, b] = entries as [Entry, Entry, Entry];
  const compared = (left: readonly Entry[], right: readonly Entry[]) =>
    refusal(() => assertSameEntries(left, right, 'archive'));

  it('are the same', () => {
    expect(() => assertSameEntries(entries, structuredClone(entries), 'archive')).not.toThrow();
    expect(() => assertSameEntries([], [], 'archive')).not.toThrow();
  });

  it.each([
    ['the tar has one more', [d, a, b], [d, a], 'b'],
    ['the manifest has one more', [d, a], [d, a, b], 'b'],
    ['one is in another place', [a, d, b], [d, a, b], 'd/a'],
    ['the last is another', [d, a, b], [d, a, { ...b, mode: 0 }], 'b'],
  ])('are not, if %s', async (_, left, right, path) => {
    const { code, message } = await compared(left, right);
    expect(code).toBe('TAR_MISMATCH');
    expect(message).toBe(`archive: tar and manifest differ at ${path}`);
  });
});

it('refuses a glob that can match nothing', async () => {
  const root = workspace();
  const bytes = tar(file('a'));
  writeFileSync(join(root, 'archive'), forge({ who, tar: bytes, entries: entriesOf(bytes) }));
  for (const glob of ['', '/', 'x'.repeat(4097)]) {
    const act = () =>
      open(join(root, 'archive'), { ...read, output: join(root, 'o'), only: [glob] });
    expect(await outcome(act)).toBe('USAGE');
  }
});
