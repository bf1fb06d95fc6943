/** What whoever can write an archive can put into it before a signature is looked at. */
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createCore, decodeCore } from '#strongroom/archive/core.js';
import { deriveArchiveKeys } from '#strongroom/archive/filekey.js';
import { decodeFooter, encodeFooter, layFooter } from '#strongroom/archive/footer.js';
import {
  chooseKeyring,
  createKeyring,
  decodeKeyring,
  type Keyring,
  trustKeyring,
  unlockKeyring,
} from '#strongroom/archive/keyring.js';
import { encodeSlot } from '#strongroom/archive/slots.js';
import { sha384 } from '#strongroom/crypto/hash.js';
import { createIdentity, type Identity } from '#strongroom/index.js';
import { encodeJson } from '#strongroom/json.js';
import { signDocument } from '#strongroom/keys/signed.js';
import { noise, outcome, people } from '../support/archive.ts';

const { author, reader, stranger } = people();
const core = createCore({
  suite: author.card.suite,
  segmentBytes: 4096,
  slotBytes: 32768,
  authors: author.card.signing.map(({ id }) => id),
});
const fileKey = noise(32);
const keys = deriveArchiveKeys(fileKey, core);
const ringOf = (signer: Identity, hideRecipients = false): Keyring =>
  createKeyring({ core, keys, fileKey, recipients: [reader.card], hideRecipients, signer });

describe('junk in a slot', () => {
  const size = 2 ** 23;
  const head = '{"signatures":[],"signed":{"recipients":[';
  const fill = (part: string) => head + part.repeat(Math.floor(size / part.length));
  it.each([
    ['brackets', fill('[')],
    ['objects', fill('{"a":{},')],
    ['numbers', fill('0,')],
    ['empty strings', fill('"",')],
    ['stanzas', fill('{"enc":"","key":"","sealed":""},')],
  ])('%s: refused before they are parsed', (_, text) => {
    const bytes = Buffer.from(text);
    expect(() => decodeKeyring(bytes, core, 'junk')).toThrow(/more than 1048576 values/);
  });

  it('counts no commas within strings, escaped quotes or not', async () => {
    const ring = ringOf(author);
    const reason = '",{[:\\'.repeat(170);
    const { mac: _, ...body } = ring.document.signed;
    const type = 'application/vnd.strongroom.keyring.v1+json';
    const document = signDocument(type, { ...body, mac: ring.document.signed.mac, reason }, author);
    expect(decodeKeyring(encodeJson(document), core, 'ring').document.signed.reason).toBe(reason);
  });
});

describe('signatures of a slot', () => {
  const ring = ringOf(author);
  const slot = (document: unknown) => encodeSlot(encodeJson(document), core.slotBytes);
  const previous = Buffer.from(sha384(ring.bytes)).toString('base64');
  const later = slot({
    ...ring.document,
    signed: { ...ring.document.signed, epoch: 2, previous },
  });
  const [first, second] = ring.document.signatures;

  it.each([
    ['none', []],
    ['one of two', [first]],
    ['three', [first, second, second]],
    ['in another order', [second, first]],
    ['too short', [first, { ...second, sig: 'AAAA' }]],
    ['not base64', [first, { ...second, sig: `${second?.sig.slice(0, -4)}____` }]],
  ])('%s: refused also in the slot that loses', async (_, signatures) => {
    const loser = slot({ ...ring.document, signatures });
    expect(await outcome(() => chooseKeyring([loser, later], core, 'a'))).toBe('KEYRING_UNTRUSTED');
  });

  it('of strangers and wrong: not looked at in the slot that loses', () => {
    const swapped = signDocument('another type', ring.document.signed, stranger);
    const loser = slot(swapped);
    expect(chooseKeyring([loser, later], core, 'a').slot).toBe(1);
  });

  it('of a trusted custodian of another suite: as if nobody trusted had signed', async () => {
    const custodian = createIdentity({ name: 'custodian', suite: 'cnsa2' });
    const type = 'application/vnd.strongroom.keyring.v1+json';
    const document = signDocument(type, ring.document.signed, custodian);
    const trust = { entries: [{ card: custodian.card, roles: ['custodian' as const] }] };
    const act = () => trustKeyring({ ...ring, document } as Keyring, core, trust, 'a');
    expect(await outcome(act)).toBe('KEYRING_UNTRUSTED');
    expect(await outcome(() => decodeKeyring(encodeJson(document), core, 'a'))).toBe(
      'KEYRING_UNTRUSTED',
    );
  });
});

describe('many hidden stanzas', () => {
  const one = ringOf(author, true);
  const { recipients } = one.document.signed;
  const signed = { ...one.document.signed, recipients: Array(200).fill(recipients[0]) };
  const ring = { ...one, document: { ...one.document, signed } } as Keyring;

  it('leave turns to other work', async () => {
    let turns = 0;
    let done = false;
    const unlocked = outcome(() => unlockKeyring(ring, core, stranger, 'a')).finally(() => {
      done = true;
    });
    while (!done) {
      await setImmediate();
      turns += 1;
    }
    expect(await unlocked).toBe('NO_KEY_FITS');
    expect(turns).toBeGreaterThan(10);
  });

  it('are left when it is interrupted', async () => {
    const controller = new AbortController();
    const unlocked = outcome(() => unlockKeyring(ring, core, stranger, 'a', controller.signal));
    await setImmediate();
    controller.abort();
    expect(await unlocked).toBe('INTERRUPTED');
  });
});

it('finds the footer although the archive id looks like one', () => {
  const bytes = core.bytes.slice();
  bytes.set(Buffer.from('SRMTAIL\nSRMTAIL\nSRMTAIL\nSRMTAIL\n'), 12);
  const odd = decodeCore(bytes, 'odd');
  const footer = layFooter(100_000, { manifest: 200, tiles: 32, seal: 5000 });
  const tail = Buffer.concat([Buffer.from('SRMTAIL\n'.repeat(10)), encodeFooter(footer, odd)]);
  expect(decodeFooter(tail, odd, footer.archiveBytes, 'odd')).toEqual(footer);
});
