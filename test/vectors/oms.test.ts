/** The bundles that are published with the specification of Open Model Signing. */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { openBundle } from '#strongroom/provenance/oms/bundle.js';
import { decodeOmsPublicKey } from '#strongroom/provenance/oms/key.js';
import { decodeStatement, encodeStatement } from '#strongroom/provenance/oms/statement.js';
import { outcome } from '../support/archive.ts';
import { vectorJson, vectorText } from './files.ts';

const vectors = ['oms', 'test-vectors', 'v1.0'] as const;
interface Bundle {
  readonly dsseEnvelope: { readonly payload: string };
}
const payload = (...path: string[]) =>
  Buffer.from(vectorJson<Bundle>(...vectors, ...path).dsseEnvelope.payload, 'base64');

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const pem = Buffer.from(publicKey.export({ type: 'spki', format: 'pem' }));
const stranger = decodeOmsPublicKey(pem, 'key');

describe('statements', () => {
  it.each(['key', 'certificate', 'sigstore'])('%s', (method) => {
    const statement = decodeStatement(payload('valid', `${method}.bundle.json`), method);
    expect(statement.resources.map(({ name }) => name)).toEqual(['signme-1', 'signme-2']);
    expect(statement.ignored).toContain('ignore-me');
    expect(statement.shardSize).toBeUndefined();
  });

  it('of another predicate', async () => {
    const bytes = payload('invalid-payload', 'wrong-predicate.bundle.json');
    expect(await outcome(() => decodeStatement(bytes, 'wrong'))).toBe('OMS_INVALID');
  });
});

describe('bundles', () => {
  // The key is not published: what is well-formed comes to the key and no further
  it.each([
    ['valid/key', 'OMS_UNTRUSTED'],
    ['valid/certificate', 'OMS_INVALID'],
    ['valid/sigstore', 'OMS_INVALID'],
    ['invalid/empty', 'OMS_INVALID'],
    ['invalid/missing-envelope', 'OMS_INVALID'],
    ['invalid/missing-tlog-entries', 'OMS_INVALID'],
    ['invalid/missing-verification-material', 'OMS_INVALID'],
  ])('%s', async (name, code) => {
    const bytes = Buffer.from(vectorText(...vectors, ...`${name}.bundle.json`.split('/')));
    expect(await outcome(() => openBundle(bytes, stranger, name))).toBe(code);
  });
});

describe('schemas', () => {
  it('of a statement name what a statement of ours has', () => {
    const required = (name: string) =>
      vectorJson<{ required: string[] }>('oms', 'schemas', 'v1.0', `${name}.schema.json`).required;
    const statement = JSON.parse(
      Buffer.from(
        encodeStatement({ name: 'm', files: [], digests: [], followSymlinks: false }),
      ).toString(),
    );
    expect(Object.keys(statement).sort()).toEqual(required('statement').sort());
    expect(Object.keys(statement.predicate).sort()).toEqual(required('predicate').sort());
  });
});
