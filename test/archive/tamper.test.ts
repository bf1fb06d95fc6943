/** Must hold: nothing unverified is released, whichever bit of an archive is altered or missing. */
import { openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { payloadOffset } from '#strongroom/archive/core.js';
import { readTrailer } from '#strongroom/archive/reader.js';
import { SegmentReader } from '#strongroom/archive/segments.js';
import { cat, list, open, type SuiteName, verify } from '#strongroom/index.js';
import {
  inMemory,
  leftovers,
  makeArchive,
  noise,
  outcome,
  type People,
  people,
  type RegionName,
  regionsOf,
  segmentBytes,
  workspace,
} from '../support/archive.ts';
import { forge } from '../support/forge.ts';
import { pipedProcess } from '../support/piped.ts';

const suites: readonly SuiteName[] = ['hybrid', 'cnsa2'];
const everyone = { hybrid: people('hybrid'), cnsa2: people('cnsa2') };
const run = pipedProcess();

const content = noise(30 * segmentBytes + 100);
const files = { 'a.bin': content, 'b/empty': '', 'b/last.txt': 'the end' };

/** The codes that a flipped bit of a region may lead to; one where nothing else is possible. */
const codes: Readonly<Record<RegionName, RegExp>> = {
  core: /^(NOT_AN_ARCHIVE|VERSION_UNSUPPORTED|SUITE_UNKNOWN|CORE_INVALID|KEYRING_INVALID|KEYRING_MISMATCH)$/,
  slotA: /^KEYRING_INVALID$/,
  slotB: /^KEYRING_INVALID$/,
  header: /^PAYLOAD_INVALID$/,
  segments: /^SEGMENT_INVALID$/,
  manifest: /^MANIFEST_INVALID$/,
  tiles: /^TREE_INVALID$/,
  seal: /^SEAL_(INVALID|MISMATCH|UNTRUSTED)$/,
  footer: /^(TRUNCATED|FOOTER_INVALID|SEAL_MISMATCH)$/,
};

/** Fields of the core: where they are, and what alone may refuse each. */
const coreFields: readonly (readonly [field: string, at: number, to: number, codes: RegExp])[] = [
  ['magic', 0, 8, /^NOT_AN_ARCHIVE$/],
  ['version', 8, 10, /^VERSION_UNSUPPORTED$/],
  ['suite', 10, 11, /^SUITE_UNKNOWN$/],
  ['flags', 11, 12, /^CORE_INVALID$/],
  ['archive id', 12, 44, /^KEYRING_MISMATCH$/],
  ['segmentBytes', 44, 48, /^CORE_INVALID$/],
  ['slotBytes', 48, 52, /^(CORE_INVALID|KEYRING_INVALID|TRUNCATED)$/],
  ['authors', 52, 84, /^KEYRING_MISMATCH$/],
  ['the rest', 116, 4096, /^CORE_INVALID$/],
];

interface Altered {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Flips one bit, runs, flips it back. */
  flip(at: number, use: () => Promise<void>): Promise<void>;
}

async function prepare(root: string, suite: SuiteName): Promise<Altered> {
  const path = await makeArchive(root, { who: everyone[suite], files });
  const bytes = readFileSync(path);
  const fd = openSync(path, 'r+');
  const put = (at: number, byte: number) => writeSync(fd, Uint8Array.of(byte), 0, 1, at);
  return {
    path,
    bytes,
    async flip(at, use) {
      put(at, (bytes[at] as number) ^ (1 << (at % 8)));
      try {
        await use();
      } finally {
        put(at, bytes[at] as number);
      }
    },
  };
}

const access = ({ reader, trust }: People) => ({ identity: reader, trust });

/** What `cat` gives before it refuses, and its code. */
async function catAll(path: string, who: People, file = 'a.bin') {
  const parts: Uint8Array[] = [];
  const code = await outcome(() =>
    cat(path, file, access(who), (chunk) => void parts.push(chunk.slice())),
  );
  return { code, bytes: Buffer.concat(parts) };
}

/** Every `step`th offset of a range, its two ends included. */
function* sampled([from, to]: readonly [number, number], step: number): Generator<number> {
  for (let at = from; at < to - 1; at += step) yield at;
  yield to - 1;
}

describe.each(suites)('%s: a flipped bit', (suite) => {
  const who = everyone[suite];

  it('anywhere in the front or the trailer stops list, cat and verify', async () => {
    const archive = await prepare(workspace(), suite);
    const { at } = regionsOf(archive.bytes);
    const [slotA] = at.slotA;
    const ring = 64 + Number(Buffer.from(archive.bytes).readBigUInt64BE(slotA + 8));
    const steps: [RegionName, number, (readonly [number, number])?][] = [
      ['core', 331],
      // Head and document, and the zeros behind them
      ['slotA', 131, [slotA, slotA + ring]],
      ['slotA', 7919],
      ['slotB', 7919],
      ['header', 5],
      ['manifest', 61],
      ['seal', 487],
      ['footer', 3],
    ];
    for (const [region, step, part = at[region]] of steps) {
      for (const offset of sampled(part, step)) {
        await archive.flip(offset, async () => {
          const listed = await outcome(() => list(archive.path, access(who)));
          expect(listed, `list: ${region} ${offset}`).toMatch(codes[region]);
          const { code, bytes } = await catAll(archive.path, who);
          expect([code, bytes.length], `cat: ${region} ${offset}`).toEqual([listed, 0]);
          const verified = await outcome(() => verify(archive.path, { trust: who.trust }));
          expect(verified, `verify: ${region} ${offset}`).toMatch(codes[region]);
        });
      }
    }
  });

  it.each(coreFields.filter(([field]) => field !== 'the rest' || suite === 'hybrid'))(
    'in the core: %s',
    async (_field, from, to, expected) => {
      const archive = await prepare(workspace(), suite);
      for (const offset of sampled([from, to], to - from > 100 ? 97 : 1)) {
        await archive.flip(offset, async () => {
          expect(await outcome(() => list(archive.path, access(who))), `${offset}`).toMatch(
            expected,
          );
        });
      }
    },
  );

  it('in a segment or its tile never lets an affected byte out of cat', async () => {
    const archive = await prepare(workspace(), suite);
    const { at } = regionsOf(archive.bytes);
    for (const [region, step] of [
      ['segments', 1801],
      ['tiles', 61],
    ] as const) {
      for (const offset of sampled(at[region], step)) {
        await archive.flip(offset, async () => {
          const { code, bytes } = await catAll(archive.path, who);
          // Other segments stay readable: only the file that the altered one holds is lost.
          const affected = offset < at.segments[1] - 4096;
          if (region === 'tiles' || affected) expect(code).toMatch(codes[region]);
          expect(bytes.equals(content.subarray(0, bytes.length))).toBe(true);
          expect(await outcome(() => list(archive.path, access(who)))).toBe('accepted');
        });
      }
    }
  });

  it('anywhere in a segment changes its leaf', async () => {
    const archive = await prepare(workspace(), suite);
    const bytes = Buffer.from(archive.bytes);
    const { core, at } = regionsOf(bytes);
    const source = inMemory(bytes);
    const { payload, tree } = await readTrailer(source, core);
    const reader = await SegmentReader.open(source, payload, tree);
    for (const offset of sampled(at.segments, 41)) {
      const index = Math.floor((offset - at.segments[0]) / (segmentBytes + 32));
      bytes[offset] = (bytes[offset] as number) ^ 0x10;
      expect(await outcome(() => reader.ciphertext(index))).toBe('SEGMENT_INVALID');
      bytes[offset] = (bytes[offset] as number) ^ 0x10;
      if (offset % 10 === 0) expect(await outcome(() => reader.ciphertext(index))).toBe('accepted');
    }
  });

  it('stops open and open -, and leaves nothing', async () => {
    const root = workspace();
    const archive = await prepare(root, suite);
    const { at } = regionsOf(archive.bytes);
    for (const region of Object.keys(at) as RegionName[]) {
      const [from, to] = at[region];
      for (const offset of new Set([from, Math.floor((2 * from + to) / 3), to - 1])) {
        await archive.flip(offset, async () => {
          const output = join(root, 'out');
          const opened = await outcome(() => open(archive.path, { ...access(who), output }));
          expect(opened, `open: ${region} ${offset}`).toMatch(codes[region]);
          const verified = await outcome(() => verify(archive.path, access(who)));
          expect(verified, `verify: ${region} ${offset}`).toMatch(codes[region]);
          const piped = await run({
            operation: 'open',
            path: '-',
            input: archive.path,
            identity: who.reader,
            trust: [who.author.card],
            options: { output },
          });
          expect(piped, `open -: ${region} ${offset}`).toMatch(codes[region]);
          expect(leftovers(root, 'archive.srm', 'archive-source')).toEqual([]);
        });
      }
    }
  });
});

describe('a flipped bit in a tree of two levels', () => {
  const who = everyone.hybrid;

  it('is found in the tiles of either level', async () => {
    const root = workspace();
    const path = await makeArchive(root, { who, files: { a: noise(300 * segmentBytes) } });
    const bytes = readFileSync(path);
    const { core, at } = regionsOf(bytes);
    expect(at.tiles[1] - at.tiles[0]).toBe((301 + 1) * 32);
    const source = inMemory(bytes);
    const { payload, tree } = await readTrailer(source, core);
    const all = async () => {
      const reader = await SegmentReader.open(source, payload, tree);
      for (let i = 0; i < payload.segments; i++) await reader.ciphertext(i);
    };
    expect(await outcome(all)).toBe('accepted');
    for (const offset of sampled(at.tiles, 37)) {
      bytes[offset] = (bytes[offset] as number) ^ 1;
      expect(await outcome(all), `${offset}`).toBe('TREE_INVALID');
      bytes[offset] = (bytes[offset] as number) ^ 1;
    }
  });
});

describe('an archive of another length', () => {
  const who = everyone.hybrid;

  async function refusals(root: string, bytes: Uint8Array) {
    const path = join(root, 'altered.srm');
    writeFileSync(path, bytes);
    const output = join(root, 'out');
    const input = { identity: who.reader, trust: [who.author.card], options: { output } };
    const found = {
      list: await outcome(() => list(path, access(who))),
      cat: (await catAll(path, who)).code,
      verify: await outcome(() => verify(path, { trust: who.trust })),
      open: await outcome(() => open(path, { ...access(who), output })),
      piped: await run({ operation: 'open', path: '-', input: path, ...input }),
    };
    expect(leftovers(root, 'altered.srm', 'archive.srm', 'archive-source')).toEqual([]);
    return found;
  }

  const all = (code: string) => ({ list: code, cat: code, verify: code, open: code, piped: code });

  it('is refused when it ends at any boundary, beside it or within', async () => {
    const root = workspace();
    const { bytes } = await prepare(root, 'hybrid');
    const { core, at } = regionsOf(bytes);
    const segment = (i: number) => payloadOffset(core) + 74 + i * (segmentBytes + 32);
    const ends = Object.values(at).flatMap(([from, to]) => [
      from - 1,
      from,
      from + 1,
      Math.floor((from + to) / 2),
    ]);
    for (const end of [...ends, segment(3), segment(3) + 3, segment(30) + 5, bytes.length - 1]) {
      if (end < 0) continue;
      const code = end < 8 ? 'NOT_AN_ARCHIVE' : 'TRUNCATED';
      expect(await refusals(root, bytes.subarray(0, end)), `${end}`).toEqual(all(code));
    }
  });

  it.each([1, 64, 4096])('is refused with %d bytes behind it', async (length) => {
    const root = workspace();
    const { bytes } = await prepare(root, 'hybrid');
    for (const tail of [new Uint8Array(length), noise(length), bytes.subarray(0, length)]) {
      expect(await refusals(root, Buffer.concat([bytes, tail]))).toEqual(all('TRAILING_BYTES'));
    }
  });

  it.each([70_000, 5_000_000])('is refused with %d bytes behind it', async (length) => {
    const root = workspace();
    const { bytes } = await prepare(root, 'hybrid');
    // With the end of another archive in it, which tells nothing of this one
    const other = await prepare(join(root, 'other'), 'hybrid');
    const tail = Buffer.concat([noise(length), other.bytes.subarray(-64), noise(length)]);
    const path = join(root, 'long.srm');
    writeFileSync(path, Buffer.concat([bytes, tail]));
    await expect(verify(path, { trust: who.trust })).rejects.toMatchObject({
      code: 'TRAILING_BYTES',
      message: `${path}: ${tail.length} bytes follow its end`,
    });
  });

  it('is refused when empty', async () => {
    expect(await refusals(workspace(), new Uint8Array())).toEqual(all('NOT_AN_ARCHIVE'));
  });
});

it('reads the segment of a payload without bytes', async () => {
  const root = workspace();
  const who = everyone.hybrid;
  const bytes = forge({ who, tar: new Uint8Array(0) });
  const path = join(root, 'empty.srm');
  const output = join(root, 'out');
  writeFileSync(path, bytes);
  expect(await outcome(() => open(path, { ...access(who), output: join(root, 'whole') }))).toBe(
    'accepted',
  );
  const [segment] = regionsOf(bytes).at.segments;
  bytes[segment + 8] = (bytes[segment + 8] as number) ^ 1;
  writeFileSync(path, bytes);
  expect(await outcome(() => open(path, { ...access(who), output }))).toBe('SEGMENT_INVALID');
});

it('opens when nothing was altered, from a file and from a pipe', async () => {
  const root = workspace();
  const who = everyone.hybrid;
  const { path } = await prepare(root, 'hybrid');
  expect((await catAll(path, who)).bytes.equals(content)).toBe(true);
  expect(await outcome(() => verify(path, access(who)))).toBe('accepted');
  const output = join(root, 'out');
  const piped = { operation: 'open', path: '-', input: path, identity: who.reader } as const;
  expect(await run({ ...piped, trust: [who.author.card], options: { output } })).toBe('accepted');
  expect(readFileSync(join(output, 'a.bin')).equals(content)).toBe(true);
});
