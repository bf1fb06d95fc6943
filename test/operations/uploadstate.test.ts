/** The memory of an upload, in a directory where someone else planted links. */
import { lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createKeyring } from '#strongroom/archive/keyring.js';
import { beginArchive } from '#strongroom/operations/output/beginning.js';
import { type KeptPart, UploadState } from '#strongroom/operations/output/state.js';
import { people, segmentBytes, workspace } from '../support/archive.ts';

const { author } = people();
const authors = author.card.signing.map(({ id }) => id);
const part: KeptPart = {
  run: 0,
  part: { number: 1, bytes: 5, crc32: 'AAAAAA==', etag: 'e' },
  leaves: new Uint8Array(32),
};

async function begun() {
  const directory = workspace();
  const state = new UploadState('s3://models/a.srm', directory);
  const beginning = await beginArchive(
    { suite: author.card.suite, segmentBytes, slotBytes: 65536, authors },
    async (secrets) =>
      createKeyring({
        ...secrets,
        signer: author,
        recipients: [author.card],
        hideRecipients: false,
      }),
  );
  const inputs = 'ab'.repeat(48);
  const upload = { beginning, signer: author, id: 'upload-1', runSegments: 4, inputs };
  const victim = join(workspace(), 'victim');
  writeFileSync(victim, 'as it was');
  return { directory, state, upload, inputs, victim };
}

describe('the memory of an upload', () => {
  it('is found again, with its parts, by who wrote it', async () => {
    const { directory, state, upload, inputs } = await begun();
    state.write(upload);
    state.add(part, upload);
    expect(readdirSync(directory)).toEqual([state.path.slice(directory.length + 1)]);
    expect(lstatSync(state.path).mode & 0o777).toBe(0o600);
    const found = await state.find(inputs, author);
    expect(found).toMatchObject({ kind: 'same', kept: { id: 'upload-1', parts: [part] } });
  });

  it('is not written through a link that has a name which could be foreseen', async () => {
    const { state, upload, inputs, victim } = await begun();
    symlinkSync(victim, `${state.path}.${process.pid}.partial`);
    symlinkSync(victim, `${state.path}.partial`);
    state.write(upload);
    expect(readFileSync(victim, 'utf8')).toBe('as it was');
    expect(await state.find(inputs, author)).toMatchObject({ kind: 'same' });
  });

  it('takes the place of a link, and is not added to through one', async () => {
    const { state, upload, victim } = await begun();
    symlinkSync(victim, state.path);
    expect(() => state.add(part, upload)).toThrow(/ELOOP/);
    state.write(upload);
    state.add(part, upload);
    expect(lstatSync(state.path).isSymbolicLink()).toBe(false);
    expect(readFileSync(victim, 'utf8')).toBe('as it was');
  });
});
