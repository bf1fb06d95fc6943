/** Claims with a meaning, lineage, and the bill of materials that they make. */
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { describe, expect, it } from 'vitest';
import { createIdentity, formatParent, parseParent } from '#strongroom/index.js';
import { assertKnownClaims, knownClaims, otherClaims } from '#strongroom/provenance/claims.js';
import { withParents } from '#strongroom/provenance/lineage.js';
import { mlbomOf } from '#strongroom/provenance/mlbom.js';
import { outcome } from '../support/archive.ts';

const root = 'ab'.repeat(32);
const long = 'cd'.repeat(48);

const full = {
  name: 'Ada',
  version: '1.2',
  license: 'Apache-2.0 OR MIT',
  modelCard: { sha256: root, uri: 'https://example.org/card.md' },
  parents: [{ contentRoot: long }, { omsRoot: root }],
  training: {
    datasets: [{ name: 'wiki', sha256: root, uri: 'https://example.org/wiki' }, { name: 'own' }],
    tokens: 15_000_000_000,
  },
};

describe('parents', () => {
  it.each([
    [root, { contentRoot: root }],
    [long, { contentRoot: long }],
    [root.toUpperCase(), { contentRoot: root }],
    [`oms:${root}`, { omsRoot: root }],
  ])('%s', (text, parent) => {
    expect(parseParent(text)).toEqual(parent);
    expect(parseParent(formatParent(parent))).toEqual(parent);
  });

  it.each(['', 'oms:', `oms:${long}`, root.slice(1), `${root}00`, `sha256:${root}`, 'model.srm'])(
    'not %s',
    async (text) => {
      expect(await outcome(() => parseParent(text))).toBe('USAGE');
    },
  );

  it('join the claims, once', async () => {
    const parents = [{ omsRoot: root }];
    expect(withParents(undefined, parents)).toEqual({ parents });
    expect(withParents({ a: 1 }, parents)).toEqual({ a: 1, parents });
    expect(withParents({ a: 1 }, [])).toEqual({ a: 1 });
    expect(await outcome(() => withParents({ parents }, parents))).toBe('USAGE');
    expect(await outcome(() => withParents({}, [...parents, ...parents]))).toBe('USAGE');
  });
});

describe('claims', () => {
  it('are held to what their names mean, others are free', async () => {
    const checking = (claims: Record<string, unknown>) =>
      outcome(() => assertKnownClaims(claims as never));
    expect(await checking(full)).toBe('accepted');
    expect(await checking({ whatever: [1, { a: true }] })).toBe('accepted');
    expect(await checking({ license: 1 })).toBe('USAGE');
    expect(await checking({ license: '' })).toBe('USAGE');
    expect(await checking({ modelCard: 'card.md' })).toBe('USAGE');
    expect(await checking({ modelCard: { sha256: long } })).toBe('USAGE');
    expect(await checking({ parents: [] })).toBe('USAGE');
    expect(await checking({ parents: [{ contentRoot: root, omsRoot: root }] })).toBe('USAGE');
    expect(await checking({ training: { datasets: ['wiki'] } })).toBe('USAGE');
  });

  it('of a stranger are shown as JSON where they do not mean what they are called', () => {
    const claims = { license: 7, name: 'Ada', more: 'x' };
    expect(knownClaims(claims)).toEqual({ name: 'Ada' });
    expect(otherClaims(claims)).toEqual({ license: 7, more: 'x' });
    expect(otherClaims({ name: 'Ada' })).toBeUndefined();
    expect(knownClaims(undefined)).toEqual({});
  });
});

const { card } = createIdentity({ name: 'Lab' });
const sealed = {
  archive: root,
  suite: 'hybrid',
  contentRoot: root,
  author: { name: card.name, fingerprint: card.fingerprint },
  sealedAt: '2026-11-23T18:49:00Z',
} as const;

describe('the bill of materials', () => {
  const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);

  it.each([
    ['all claims', full],
    ['no claims', undefined],
    ['free claims', { license: 5, more: 'x' }],
    ['a card without an address', { modelCard: { sha256: root } }],
    ['data sets without more', { training: { datasets: [{ name: 'a' }] } }],
  ])('of %s fits the schema of CycloneDX 1.6', async (_, claims) => {
    const bom = mlbomOf({ ...sealed, ...(claims === undefined ? {} : { claims }) });
    expect(await validator.validate(JSON.stringify(bom))).toBeNull();
  });

  it('would not pass with a member that the schema does not know', async () => {
    const bom = { ...mlbomOf(sealed), more: 1 };
    expect(await validator.validate(JSON.stringify(bom))).not.toBeNull();
  });

  it('says what the seal says', () => {
    const { component } = mlbomOf({ ...sealed, claims: full }).metadata;
    expect(component).toMatchObject({
      type: 'machine-learning-model',
      name: 'Ada',
      version: '1.2',
      licenses: [{ expression: 'Apache-2.0 OR MIT' }],
      authors: [{ name: 'Lab' }],
      externalReferences: [{ type: 'model-card', hashes: [{ alg: 'SHA-256', content: root }] }],
    });
    expect(component.pedigree?.ancestors.map((each) => each.properties)).toEqual([
      [{ name: 'strongroom:contentRoot', value: long }],
      [{ name: 'strongroom:omsRoot', value: root }],
    ]);
  });
});
