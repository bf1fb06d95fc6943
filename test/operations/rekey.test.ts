/** Rekeying: the same content under another key, told where it comes from. */
import { closeSync, copyFileSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { payloadOffset } from '#strongroom/archive/core.js';
import { slotBytesOf } from '#strongroom/archive/room.js';
import {
  type Card,
  inspect,
  list,
  open,
  type RekeyOptions,
  type Role,
  rekey,
  type Trust,
  verify,
} from '#strongroom/index.js';
import { frontAt, opens, slotBytesAt } from '../custody/helpers.ts';
import {
  leftovers,
  makeArchive,
  noise,
  outcome,
  people,
  readFiles,
  segmentBytes,
  sharedWorkspace,
  workspace,
} from '../support/archive.ts';

const trusting = (...entries: [{ card: Card }, Role[]][]): Trust => ({
  entries: entries.map(([{ card }, roles]) => ({ card, roles })),
});

describe.each(['hybrid', 'cnsa2'] as const)('suite %s', (suite) => {
  const who = people(suite);
  const { author, reader, insider, stranger } = who;
  const heir = insider;
  // The heir of an archive signs it anew, as an author whom readers trust
  const trust = trusting([author, ['author']], [heir, ['author']]);
  const root = sharedWorkspace();
  const files = { 'sub/a': noise(5 * segmentBytes + 17), empty: '', b: 'x' };
  const claims = { model: 'm', layers: 3 };
  let archive: string;

  beforeAll(async () => {
    archive = await makeArchive(root, { who, files, claims });
  });

  const anew = (output: string, options: Partial<RekeyOptions> = {}) =>
    rekey(archive, {
      identity: heir,
      trust,
      recipients: [reader.card, heir.card],
      output,
      ...options,
    });

  it('keeps files, tar and claims, and tells where they come from', async () => {
    const before = readFileSync(archive);
    const directory = workspace();
    const output = join(directory, 'new.srm');
    const report = await anew(output, { reason: 'someone left' });
    expect(readFileSync(archive).equals(before)).toBe(true);
    expect(leftovers(directory, 'new.srm')).toEqual([]);

    const [old, fresh] = [await inspect(archive), await inspect(output)];
    const link = {
      archive: old.archive,
      author: { keys: author.card.signing.map(({ id }) => id), name: 'author' },
      contentRoot: old.contentRoot,
      time: old.sealedAt,
    };
    expect(report.rekeyed).toEqual([link]);
    expect(fresh).toMatchObject({ claims, rekeyed: [link], author: { name: 'insider' } });
    expect(fresh.keyring).toMatchObject({ epoch: 1, reason: 'someone left' });
    expect(fresh.archive).not.toBe(old.archive);
    expect(fresh.contentRoot).not.toBe(old.contentRoot);
    expect(await verify(output, { trust, identity: reader })).toMatchObject({ rekeyed: [link] });

    const access = { identity: reader, trust };
    expect(await list(output, access)).toEqual(await list(archive, access));
    const [a, b] = [join(directory, 'a'), join(directory, 'b')];
    await open(archive, { ...access, output: a });
    await open(output, { ...access, output: b });
    expect(readFiles(b)).toEqual(readFiles(a));
  });

  it('gives another key: the old stanzas and commitment are of no use', async () => {
    const output = join(workspace(), 'new.srm');
    await anew(output, { recipients: [heir.card] });
    expect(await opens(output, reader, trust)).toBe('NO_KEY_FITS');
    expect(await opens(output, heir, trust)).toBe('accepted');
    const signed = async (path: string) => (await frontAt(path)).ring.document.signed;
    expect((await signed(output)).commit).not.toBe((await signed(archive)).commit);
  });

  it('keeps the whole line when it is done again', async () => {
    const directory = workspace();
    const [one, two] = [join(directory, '1.srm'), join(directory, '2.srm')];
    const first = await anew(one);
    const second = await rekey(one, {
      identity: author,
      holder: reader,
      trust,
      recipients: [reader.card],
      hideRecipients: true,
      output: two,
    });
    expect(second.rekeyed.map(({ contentRoot }) => contentRoot)).toEqual([
      (await inspect(archive)).contentRoot,
      first.contentRoot,
    ]);
    expect(second.rekeyed.map(({ author }) => author.name)).toEqual(['author', 'insider']);
    expect(await verify(two, { trust, identity: reader })).toMatchObject({ claims });
    expect((await inspect(two)).keyring.recipients).toEqual([{}]);
  });

  it('makes the slots as large as asked, and no smaller than usual', async () => {
    const usual = slotBytesAt(archive);
    const slots = async (room: number) => {
      const output = join(workspace(), 'new.srm');
      await anew(output, { room });
      return slotBytesAt(output);
    };
    expect(await slots(2)).toBe(usual);
    const roomy = await slots(200);
    expect(roomy).toBeGreaterThan(200 * suiteStanzaBytes(suite));
    expect(roomy % 4096).toBe(0);
    expect(await outcome(() => slotBytesOf(2 ** 26))).toBe('USAGE');
  });

  const expired = { name: 'expired', now: '2020-01-01T00:00:00Z', expires: '2020-02-01T00:00:00Z' };
  const refusals: [string, string, () => Promise<Partial<RekeyOptions>>][] = [
    [
      'a signer who is no author',
      'GRANTER_UNTRUSTED',
      async () => ({ trust: trusting([author, ['author']], [heir, ['custodian']]) }),
    ],
    [
      'a signer who is not trusted',
      'GRANTER_UNTRUSTED',
      async () => ({ trust: trusting([author, ['author']]) }),
    ],
    [
      'an author who is not trusted',
      'KEYRING_UNTRUSTED',
      async () => ({ trust: trusting([heir, ['author']]) }),
    ],
    [
      'no key',
      'NO_KEY_FITS',
      async () => ({
        identity: stranger,
        trust: trusting([author, ['author']], [stranger, ['author']]),
      }),
    ],
    ['nobody', 'NO_RECIPIENTS', async () => ({ recipients: [] })],
    ['somebody twice', 'USAGE', async () => ({ recipients: [reader.card, reader.card] })],
    ['too little room', 'USAGE', async () => ({ room: 1 })],
    ['too much room', 'USAGE', async () => ({ room: 10_001 })],
    ['a reason too long', 'USAGE', async () => ({ reason: 'x'.repeat(1025) })],
    ['an output that is there', 'OUTPUT_EXISTS', async () => ({ output: archive })],
    [
      'an expired recipient',
      'CARD_EXPIRED',
      async () => {
        const { createIdentity } = await import('#strongroom/index.js');
        return { recipients: [createIdentity({ suite, ...expired }).card] };
      },
    ],
  ];
  it.each(refusals)('refuses %s: %s', async (_, code, options) => {
    const directory = workspace();
    const given = await options();
    const run = () => anew(join(directory, 'new.srm'), given);
    expect(await outcome(run)).toBe(code);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('refuses an old archive that was altered, and leaves nothing', async () => {
    const directory = workspace();
    const copy = join(directory, 'old.srm');
    copyFileSync(archive, copy);
    const { core } = await frontAt(copy);
    flip(copy, payloadOffset(core) + 74 + 3 * segmentBytes);
    const run = () =>
      rekey(copy, { identity: heir, trust, recipients: [reader.card], output: `${copy}.new` });
    expect(await outcome(run)).toBe('SEGMENT_INVALID');
    expect(leftovers(directory, 'old.srm')).toEqual([]);
  });

  it('reads the new archive back before it gets its name', async () => {
    const directory = workspace();
    let flipped = false;
    const run = () =>
      anew(join(directory, 'new.srm'), {
        onProgress({ done, total = 0 }) {
          // All segments are written, and none was read back yet
          if (flipped || 2 * done !== total) return;
          const [partial = ''] = readdirSync(directory);
          flip(join(directory, partial), 4096 + 2 * slotBytesAt(archive) + 74 + 3 * segmentBytes);
          flipped = true;
        },
      });
    expect(await outcome(run)).toBe('SEGMENT_INVALID');
    expect(flipped).toBe(true);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('stops when it is told to, and leaves nothing', async () => {
    const directory = workspace();
    const run = () => anew(join(directory, 'new.srm'), { signal: AbortSignal.abort() });
    expect(await outcome(run)).toBe('INTERRUPTED');
    expect(readdirSync(directory)).toEqual([]);
  });
});

const suiteStanzaBytes = (suite: 'hybrid' | 'cnsa2') => (suite === 'hybrid' ? 1496 : 2092);

/** Changes a bit at `offset`. */
function flip(path: string, offset: number): void {
  const byte = readFileSync(path)[offset] as number;
  const fd = openSync(path, 'r+');
  writeSync(fd, Uint8Array.of(byte ^ 1), 0, 1, offset);
  closeSync(fd);
}
