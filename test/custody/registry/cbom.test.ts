/** The parts of CycloneDX 1.6 that are used, written down by hand from ECMA-424; and its schema. */
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { cbomOf, createIdentity } from '#strongroom/index.js';
import { keyStates } from '#strongroom/keys/states.js';
import { ada, bob, born, on, registry } from './helpers.ts';

const reference = z.string().min(1);
const dateTime = z.iso.datetime();

const algorithm = z.strictObject({
  assetType: z.literal('algorithm'),
  algorithmProperties: z.strictObject({
    primitive: z.enum(['kem', 'key-agree', 'signature']),
    parameterSetIdentifier: z.string().optional(),
    curve: z.string().optional(),
    cryptoFunctions: z.array(
      z.enum(['keygen', 'encapsulate', 'decapsulate', 'sign', 'verify', 'keyderive']),
    ),
    classicalSecurityLevel: z.int().min(0),
    nistQuantumSecurityLevel: z.int().min(0).max(6),
  }),
  oid: z.string().regex(/^[\d.]+$/),
});

const material = z.strictObject({
  assetType: z.literal('related-crypto-material'),
  relatedCryptoMaterialProperties: z.strictObject({
    type: z.literal('public-key'),
    id: z.string(),
    state: z.enum(keyStates),
    algorithmRef: reference,
    creationDate: dateTime,
    activationDate: dateTime.optional(),
    updateDate: dateTime,
    expirationDate: dateTime.optional(),
    size: z.int().min(1),
    format: z.literal('raw'),
  }),
});

const bom = z.strictObject({
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.literal('1.6'),
  serialNumber: z
    .string()
    .regex(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/),
  version: z.int().min(1),
  metadata: z.strictObject({
    timestamp: dateTime,
    component: z.strictObject({ type: z.literal('data'), 'bom-ref': reference, name: z.string() }),
  }),
  components: z.array(
    z.strictObject({
      type: z.literal('cryptographic-asset'),
      'bom-ref': reference,
      name: z.string().min(1),
      cryptoProperties: z.discriminatedUnion('assetType', [algorithm, material]),
      properties: z.array(z.strictObject({ name: z.string(), value: z.string() })).optional(),
    }),
  ),
  dependencies: z.array(z.strictObject({ ref: reference, dependsOn: z.array(reference) })),
});

const navy = createIdentity({ name: 'Navy', suite: 'cnsa2', now: born, expires: on(9) });

async function written(): Promise<string> {
  const made = registry();
  await made.add(ada.card, { roles: ['author'] });
  await made.add(bob.card, { expires: on(6) });
  await made.add(navy.card);
  await made.change(ada.card, { state: 'compromised', compromised: on(2) }, on(3));
  return JSON.stringify(cbomOf(await made.read(), on(7)));
}

/** What is said of the key that is called `name`. */
function keyIn(components: z.infer<typeof bom>['components'], name: string) {
  const crypto = components.find((each) => each.name === name)?.cryptoProperties;
  if (crypto?.assetType !== 'related-crypto-material') throw new Error('no key');
  return crypto.relatedCryptoMaterialProperties;
}

const exported = async () => bom.parse(JSON.parse(await written()));

describe('a bill of materials', () => {
  test('fits the schema of CycloneDX 1.6, which says no to what does not', async () => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
    const json = await written();
    expect(await validator.validate(json)).toBeNull();
    const broken = json.replace('"primitive":"kem"', '"primitive":"quantum"');
    expect(broken).not.toBe(json);
    expect(await validator.validate(broken)).not.toBeNull();
  });

  test('has every key and every algorithm once', async () => {
    const { components } = await exported();
    const refs = components.map((component) => component['bom-ref']);
    expect(new Set(refs).size).toBe(refs.length);
    const names = components.map(({ name }) => name);
    expect(names.slice(0, 7)).toEqual([
      'Ed25519',
      'ML-DSA-65',
      'ML-DSA-87',
      'ML-KEM-1024',
      'ML-KEM-768',
      'X-Wing',
      'X25519',
    ]);
    expect(names.slice(7).sort()).toEqual([
      'Ed25519 key of Ada',
      'Ed25519 key of Bob',
      'ML-DSA-65 key of Ada',
      'ML-DSA-65 key of Bob',
      'ML-DSA-87 key of Navy',
      'ML-KEM-1024 key of Navy',
      'X-Wing key of Ada',
      'X-Wing key of Bob',
    ]);
  });

  test('refers to nothing that is not in it', async () => {
    const { components, dependencies } = await exported();
    const refs = new Set(components.map((component) => component['bom-ref']));
    for (const { ref, dependsOn } of dependencies) {
      for (const target of [ref, ...dependsOn]) expect(refs).toContain(target);
    }
    expect(dependencies.find(({ ref }) => ref === 'algorithm/X-Wing')?.dependsOn).toEqual([
      'algorithm/ML-KEM-768',
      'algorithm/X25519',
    ]);
  });

  // Categories of FIPS 203, section 8, and FIPS 204, section 4; X-Wing's is its draft's
  test.each([
    ['X-Wing', '1.3.6.1.4.1.62253.25722', 'kem', 'X-Wing', 1],
    ['ML-KEM-768', '2.16.840.1.101.3.4.4.2', 'kem', '768', 3],
    ['ML-KEM-1024', '2.16.840.1.101.3.4.4.3', 'kem', '1024', 5],
    ['ML-DSA-65', '2.16.840.1.101.3.4.3.18', 'signature', '65', 3],
    ['ML-DSA-87', '2.16.840.1.101.3.4.3.19', 'signature', '87', 5],
    ['X25519', '1.3.101.110', 'key-agree', undefined, 0],
    ['Ed25519', '1.3.101.112', 'signature', undefined, 0],
  ])('tells what %s is', async (name, oid, primitive, parameterSetIdentifier, level) => {
    const { components } = await exported();
    const found = components.find((component) => component['bom-ref'] === `algorithm/${name}`);
    expect(found?.cryptoProperties).toMatchObject({
      oid,
      algorithmProperties: {
        primitive,
        ...(parameterSetIdentifier === undefined ? {} : { parameterSetIdentifier }),
        cryptoFunctions: expect.arrayContaining(
          { kem: ['encapsulate'], signature: ['sign'], 'key-agree': ['keyderive'] }[
            primitive as 'kem'
          ],
        ),
        nistQuantumSecurityLevel: level,
      },
    });
  });

  test('tells when a key will be active, and the earlier of two ends', async () => {
    const made = registry();
    const long = createIdentity({ name: 'Long', now: born, expires: '2027-06-01T00:00:00Z' });
    await made.add(long.card, { activates: on(9), expires: on(12) });
    const bare = createIdentity({ name: 'Bare', now: born, expires: on(5) });
    await made.add(bare.card, { expires: on(12) });
    await made.add(createIdentity({ name: 'Open', now: born }).card);
    const { components, dependencies } = bom.parse(cbomOf(await made.read(), on(7)));
    const dates = (name: string) => {
      const { activationDate, expirationDate } = keyIn(components, name);
      return [activationDate, expirationDate];
    };
    expect(dates('X-Wing key of Long')).toEqual([on(9), on(12)]);
    expect(dates('X-Wing key of Bare')).toEqual([born, on(5)]);
    expect(dates('X-Wing key of Open')).toEqual([born, undefined]);
    const key = dependencies.find(({ ref }) => ref === `key/${long.card.kem.id}`);
    expect(key?.dependsOn).toEqual(['algorithm/X-Wing']);
  });

  test('tells when a key became active, whatever came before and after', async () => {
    const made = registry();
    await made.add(ada.card, { state: 'pre-activation', activates: undefined });
    await made.change(ada.card, { state: 'active' }, on(3));
    await made.change(ada.card, { state: 'suspended' }, on(4));
    await made.add(bob.card, { state: 'pre-activation', activates: undefined });
    await made.change(bob.card, { state: 'active', activates: on(5) }, on(3));
    await made.change(bob.card, { state: 'suspended' }, on(6));
    const never = createIdentity({ name: 'Never', now: born });
    await made.add(never.card, { state: 'pre-activation', activates: undefined });
    const { components } = bom.parse(cbomOf(await made.read(), on(7)));
    const active = (name: string) => keyIn(components, name).activationDate;
    expect(active('X-Wing key of Ada')).toBe(on(3));
    expect(active('X-Wing key of Bob')).toBe(on(5));
    expect(active('X-Wing key of Never')).toBeUndefined();
  });

  test('tells who followed, whose key it is, and in which roles', async () => {
    const made = registry();
    await made.add(ada.card, { roles: ['author', 'custodian'], expires: on(8) });
    await made.add(bob.card);
    await made.change(ada.card, { state: 'deactivated', successor: bob.card.kem.id }, on(4));
    const { components } = bom.parse(cbomOf(await made.read(), on(7)));
    const found = components.find(({ name }) => name === 'X-Wing key of Ada');
    const id = ada.card.kem.id;
    expect(found?.['bom-ref']).toBe(`key/${id}`);
    expect(found?.properties).toEqual([
      { name: 'strongroom:card', value: `card/${id}` },
      { name: 'strongroom:role', value: 'author' },
      { name: 'strongroom:role', value: 'custodian' },
      { name: 'strongroom:successor', value: `card/${bob.card.kem.id}` },
    ]);
  });

  test('tells states and dates', async () => {
    const { components } = await exported();
    const of = (name: string) => {
      const found = components.find((component) => component.name === name);
      const { cryptoProperties: crypto } = found ?? {};
      if (crypto?.assetType !== 'related-crypto-material') throw new Error('no key');
      return { ...crypto.relatedCryptoMaterialProperties, properties: found?.properties };
    };
    expect(of('X-Wing key of Ada')).toMatchObject({
      id: ada.card.kem.id,
      state: 'compromised',
      algorithmRef: 'algorithm/X-Wing',
      creationDate: born,
      activationDate: born,
      updateDate: on(3),
      size: 8 * 1216,
    });
    expect(of('X-Wing key of Ada').properties).toContainEqual({
      name: 'strongroom:compromised',
      value: on(2),
    });
    expect(of('Ed25519 key of Bob')).toMatchObject({ state: 'deactivated', expirationDate: on(6) });
    expect(of('ML-DSA-87 key of Navy')).toMatchObject({ state: 'active', expirationDate: on(9) });
  });
});
