import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Card, seal, traceKey } from '#strongroom/index.js';
import { refusal } from '../keys/helpers.ts';
import { frontOf, makeArchive, people, sharedWorkspace, workspace } from '../support/archive.ts';
import { slotOf } from '../support/forge.ts';

const who = people();
const root = sharedWorkspace();
const files = { a: 'hello' };
let open = '';
let hidden = '';
beforeAll(async () => {
  open = await makeArchive(root, { who, files });
  hidden = await makeArchive(root, { who, files, name: 'hidden', hideRecipients: true });
});

const ids = ({ kem, signing }: Card) => [kem.id, ...signing.map(({ id }) => id)];

describe('an archive', () => {
  test('tells whom it names', async () => {
    const trace = await traceKey(open, ids(who.reader.card));
    expect(trace).toMatchObject({
      file: open,
      kind: 'archive',
      sealed: { byKey: false },
      rings: [{ slot: 'A', inForce: true, epoch: 1, opens: 'yes', granted: false }],
    });
    expect(await traceKey(open, [who.reader.card.kem.id])).toEqual(trace);
  });

  test('tells who sealed it and granted access', async () => {
    expect(await traceKey(open, ids(who.author.card))).toMatchObject({
      sealed: { byKey: true },
      rings: [{ opens: 'no', granted: true }],
    });
    const [last] = who.author.card.signing.slice(-1);
    expect(await traceKey(open, [last?.id ?? ''])).toMatchObject({
      sealed: { byKey: true },
      rings: [{ granted: true }],
    });
  });

  test('tells that a stranger has no part in it', async () => {
    expect(await traceKey(open, ids(who.stranger.card))).toMatchObject({
      sealed: { byKey: false },
      rings: [{ opens: 'no', granted: false, hiddenRecipients: 0 }],
    });
  });

  test('cannot tell hidden recipients', async () => {
    for (const { card } of [who.reader, who.stranger]) {
      expect(await traceKey(hidden, ids(card))).toMatchObject({
        rings: [{ opens: 'unknown', hiddenRecipients: 2 }],
      });
    }
  });

  test('tells what an older ring in the other slot still holds', async () => {
    const copy = join(workspace(), 'copy.srm');
    copyFileSync(open, copy);
    const bytes = readFileSync(copy);
    const { core, ring } = await frontOf(bytes);
    const { signatures, signed } = ring.document;
    const previous = Buffer.alloc(48).toString('base64');
    const recipients = signed.recipients.filter(({ key }) => key !== who.reader.card.kem.id);
    const next = { signatures, signed: { ...signed, epoch: 2, previous, recipients } };
    bytes.set(slotOf(core, next), 4096 + core.slotBytes);
    writeFileSync(copy, bytes);
    expect((await traceKey(copy, ids(who.reader.card))).rings).toMatchObject([
      { slot: 'A', inForce: false, epoch: 1, opens: 'yes' },
      { slot: 'B', inForce: true, epoch: 2, opens: 'no' },
    ]);
  });

  test('with a quorum tells who holds a share', async () => {
    const output = join(workspace(), 'quorum.srm');
    const { insider, stranger, author } = who;
    await seal(join(root, 'archive-source'), {
      output,
      recipients: [],
      quorums: [
        {
          groups: [
            { name: 'legal', threshold: 1, custodians: [author.card] },
            { name: 'security', threshold: 1, custodians: [insider.card, stranger.card] },
          ],
        },
      ],
      signer: author,
    });
    const trace = await traceKey(output, ids(who.insider.card));
    expect(trace.rings).toMatchObject([{ opens: 'share' }]);
    expect((await traceKey(output, ids(who.reader.card))).rings).toMatchObject([{ opens: 'no' }]);
  });
});

test('a detached key ring tells the same without its archive', async () => {
  const path = join(workspace(), 'ring.json');
  const { ring } = await frontOf(readFileSync(open));
  writeFileSync(path, ring.bytes);
  expect(await traceKey(path, ids(who.reader.card))).toMatchObject({
    kind: 'keyring',
    archive: ring.document.signed.archive,
    rings: [{ inForce: true, epoch: 1, opens: 'yes', granted: false }],
  });
});

test.each([
  ['neither', 'hello', 'NOT_AN_ARCHIVE'],
  ['a broken key ring', '{}', 'KEYRING_INVALID'],
  ['nothing', '', 'NOT_AN_ARCHIVE'],
])('a file that is %s is refused', async (_, content, code) => {
  const path = join(workspace(), 'file');
  writeFileSync(path, content);
  const error = await refusal(() => traceKey(path, ids(who.reader.card)));
  expect(error.code).toBe(code);
  expect(error.message).toContain(path);
});
