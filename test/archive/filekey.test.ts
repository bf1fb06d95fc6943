/** What is derived from the file key, held against HKDF and HPKE called as docs/format.md says. */
import { createHmac, hkdfSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createCore } from '#strongroom/archive/core.js';
import { deriveArchiveKeys, unwrapFileKey, wrapFileKey } from '#strongroom/archive/filekey.js';
import { hpkeOpen, hpkeSeal } from '#strongroom/crypto/hpke.js';
import { createIdentity } from '#strongroom/index.js';
import { suiteNames } from '../keys/helpers.ts';
import { noise } from '../support/archive.ts';

const fileKey = noise(32, 30);

describe.each(suiteNames)('of %s', (suite) => {
  const who = createIdentity({ name: 'who', suite });
  const authors = who.card.signing.map(({ id }) => id);
  const core = createCore({
    suite: who.card.suite,
    segmentBytes: 4096,
    slotBytes: 65536,
    authors,
  });

  it.each([
    ['payload', 32],
    ['manifest', 32],
    ['keyring', 48],
    ['custody', 48],
    ['commit', 48],
  ] as const)('the key "%s" is HKDF with its own label, %i bytes', (purpose, bytes) => {
    const info = Buffer.concat([Buffer.from(`strongroom/v1/${purpose}`), core.hash]);
    const expected = Buffer.from(hkdfSync('sha384', fileKey, core.archiveId, info, bytes));
    expect(Buffer.from(deriveArchiveKeys(fileKey, core)[purpose])).toEqual(expected);
    // And HKDF is RFC 5869, section 2: one block is enough
    const pseudorandom = createHmac('sha384', core.archiveId).update(fileKey).digest();
    const block = createHmac('sha384', pseudorandom).update(info).update(Uint8Array.of(1)).digest();
    expect(block.subarray(0, bytes)).toEqual(expected);
  });

  it('all but the commitment are wiped', () => {
    const keys = deriveArchiveKeys(fileKey, core);
    const commit = Buffer.from(keys.commit);
    keys.wipe();
    for (const secret of [keys.payload, keys.manifest, keys.keyring, keys.custody]) {
      expect(secret).toEqual(new Uint8Array(secret.length));
    }
    expect(Buffer.from(keys.commit)).toEqual(commit);
  });

  it('the file key is wrapped by HPKE, bound to the archive and to itself', () => {
    const { commit } = deriveArchiveKeys(fileKey, core);
    const info = Buffer.concat([Buffer.from('strongroom/v1/wrap'), core.hash, commit]);
    const { publicKey } = who.card.kem;
    const ours = wrapFileKey(fileKey, core, commit, publicKey);
    expect(hpkeOpen(core.suite, who.kemSeed, ours.enc, ours.sealed, info)).toEqual(fileKey);
    const theirs = hpkeSeal(core.suite, publicKey, info, fileKey);
    expect(unwrapFileKey(theirs, core, commit, who)).toEqual(fileKey);
    expect(unwrapFileKey(theirs, core, noise(48), who)).toBeUndefined();
  });
});
