/** Bundles by both curves, and whatever is not exactly one signature by the key that is meant. */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeBundle, openBundle } from '#strongroom/provenance/oms/bundle.js';
import { decodeOmsPrivateKey, decodeOmsPublicKey } from '#strongroom/provenance/oms/key.js';
import { outcome } from '../../support/archive.ts';

function pair(namedCurve: string, passphrase?: string) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve });
  const secret = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
  return {
    publicPem: Buffer.from(publicKey.export({ type: 'spki', format: 'pem' })),
    privatePem: Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem', ...secret })),
  };
}

const keysOf = (namedCurve: string) => {
  const { publicPem, privatePem } = pair(namedCurve);
  return {
    ours: decodeOmsPrivateKey(privatePem, 'key'),
    theirs: decodeOmsPublicKey(publicPem, 'key'),
  };
};

const statement = Buffer.from('{"any":"statement"}');

describe.each(['P-256', 'P-384'])('%s', (curve) => {
  const { ours, theirs } = keysOf(curve);
  const bundle = encodeBundle(statement, ours);

  it('opens what it signed', () => {
    expect(theirs.curve).toBe(curve);
    expect(Buffer.from(openBundle(bundle, theirs, 'b'))).toEqual(statement);
  });

  it('is refused by any other key, of the same curve or not, hint or none', async () => {
    const parsed = JSON.parse(Buffer.from(bundle).toString());
    delete parsed.verificationMaterial.publicKey.hint;
    const bare = Buffer.from(JSON.stringify(parsed));
    expect(Buffer.from(openBundle(bare, theirs, 'b'))).toEqual(statement);
    for (const other of ['P-256', 'P-384']) {
      const { theirs: stranger } = keysOf(other);
      expect(await outcome(() => openBundle(bundle, stranger, 'b'))).toBe('OMS_UNTRUSTED');
      expect(await outcome(() => openBundle(bare, stranger, 'b'))).toBe('OMS_UNTRUSTED');
    }
  });

  // biome-ignore lint/suspicious/noExplicitAny: tests put anything anywhere
  type Loose = any;
  const other = Buffer.from('{"other":"statement"}').toString('base64');
  const wrong: readonly (readonly [string, (bundle: Loose) => void, string])[] = [
    ['nothing', () => {}, 'accepted'],
    ['another payload', (b) => (b.dsseEnvelope.payload = other), 'OMS_UNTRUSTED'],
    ['an empty signature', (b) => (b.dsseEnvelope.signatures[0].sig = ''), 'OMS_INVALID'],
    ['a signature of zeros', (b) => (b.dsseEnvelope.signatures[0].sig = 'AAAA'), 'OMS_UNTRUSTED'],
    ['two signatures', ({ dsseEnvelope: e }) => e.signatures.push(e.signatures[0]), 'OMS_INVALID'],
    ['no signature', (b) => (b.dsseEnvelope.signatures = []), 'OMS_INVALID'],
    ['another payload type', (b) => (b.dsseEnvelope.payloadType = 'text/plain'), 'OMS_INVALID'],
    ['another media type', (b) => (b.mediaType = b.mediaType.replace('0.3', '0.2')), 'OMS_INVALID'],
    ['a field more', (b) => (b.more = true), 'OMS_INVALID'],
    ['a field more in the envelope', (b) => (b.dsseEnvelope.more = true), 'OMS_INVALID'],
    ['a field more in material', (b) => (b.verificationMaterial.more = true), 'OMS_INVALID'],
    ['a log entry', (b) => (b.verificationMaterial.tlogEntries = [{}]), 'OMS_INVALID'],
    ['no envelope', (b) => delete b.dsseEnvelope, 'OMS_INVALID'],
    ['a keyid of null', (b) => (b.dsseEnvelope.signatures[0].keyid = null), 'accepted'],
    ['no keyid', (b) => delete b.dsseEnvelope.signatures[0].keyid, 'accepted'],
  ];
  it.each(wrong)('with %s', async (_, change, code) => {
    const parsed = JSON.parse(Buffer.from(bundle).toString());
    change(parsed);
    const bytes = Buffer.from(JSON.stringify(parsed));
    expect(await outcome(() => openBundle(bytes, theirs, 'b'))).toBe(code);
  });
});

describe('keys in PEM', () => {
  const sealed = pair('P-256', 'secret');

  it('open with their passphrase only', async () => {
    const opening = (passphrase?: string) =>
      outcome(() =>
        decodeOmsPrivateKey(
          sealed.privatePem,
          'key',
          passphrase === undefined ? undefined : Buffer.from(passphrase),
        ),
      );
    expect(await opening('secret')).toBe('accepted');
    expect(await opening('Secret')).toBe('PASSPHRASE_WRONG');
    expect(await opening()).toBe('PEM_INVALID');
  });

  it('are of the two curves, and public where a public one is meant', async () => {
    const { privatePem, publicPem } = pair('P-521');
    expect(await outcome(() => decodeOmsPrivateKey(privatePem, 'key'))).toBe('PEM_INVALID');
    expect(await outcome(() => decodeOmsPublicKey(publicPem, 'key'))).toBe('PEM_INVALID');
    const k1 = pair('secp256k1').publicPem;
    expect(await outcome(() => decodeOmsPublicKey(k1, 'key'))).toBe('PEM_INVALID');
    const own = pair('P-256').privatePem;
    expect(await outcome(() => decodeOmsPublicKey(own, 'key'))).toBe('PEM_INVALID');
    expect(await outcome(() => decodeOmsPublicKey(Buffer.from('?'), 'key'))).toBe('PEM_INVALID');
  });
});
