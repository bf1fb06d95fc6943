/**
 * A registry as a cryptography bill of materials: CycloneDX 1.6 (ECMA-424), JSON. Its key
 * states are the same six.
 */
import { randomUUID } from 'node:crypto';
import type { Card } from '../../keys/card.ts';
import { stateOf } from '../../keys/enforce.ts';
import { latest } from '../../keys/states.ts';
import { timeOf } from '../../time.ts';
import type { RegisteredKey, Registry } from './read.ts';

interface AlgorithmProperties {
  readonly primitive: 'kem' | 'key-agree' | 'signature';
  readonly parameterSetIdentifier?: string;
  readonly curve?: string;
  readonly cryptoFunctions: readonly string[];
  readonly classicalSecurityLevel: number;
  /** NIST's categories of FIPS 203 and 204; 0 is none. */
  readonly nistQuantumSecurityLevel: number;
}

interface Algorithm {
  readonly oid?: string;
  readonly properties: AlgorithmProperties;
  /** What it is made of. */
  readonly parts?: readonly string[];
}

const kem = ['keygen', 'encapsulate', 'decapsulate'] as const;
const signature = ['keygen', 'sign', 'verify'] as const;

const lattice = (
  primitive: 'kem' | 'signature',
  parameterSetIdentifier: string,
  level: number,
  classical: number,
): AlgorithmProperties => ({
  primitive,
  parameterSetIdentifier,
  cryptoFunctions: primitive === 'kem' ? kem : signature,
  classicalSecurityLevel: classical,
  nistQuantumSecurityLevel: level,
});

/** By the name in the table of suites; object identifiers as in docs/format.md#key-ids. */
const algorithms: Readonly<Record<string, Algorithm>> = {
  'X-Wing': {
    oid: '1.3.6.1.4.1.62253.25722',
    // Its draft claims category 1, whatever ML-KEM-768 alone may reach
    properties: lattice('kem', 'X-Wing', 1, 128),
    parts: ['ML-KEM-768', 'X25519'],
  },
  'ML-KEM-768': { oid: '2.16.840.1.101.3.4.4.2', properties: lattice('kem', '768', 3, 192) },
  'ML-KEM-1024': { oid: '2.16.840.1.101.3.4.4.3', properties: lattice('kem', '1024', 5, 256) },
  'ML-DSA-65': { oid: '2.16.840.1.101.3.4.3.18', properties: lattice('signature', '65', 3, 192) },
  'ML-DSA-87': { oid: '2.16.840.1.101.3.4.3.19', properties: lattice('signature', '87', 5, 256) },
  X25519: {
    oid: '1.3.101.110',
    properties: {
      primitive: 'key-agree',
      curve: 'Curve25519',
      cryptoFunctions: ['keygen', 'keyderive'],
      classicalSecurityLevel: 128,
      nistQuantumSecurityLevel: 0,
    },
  },
  Ed25519: {
    oid: '1.3.101.112',
    properties: {
      primitive: 'signature',
      curve: 'Ed25519',
      cryptoFunctions: signature,
      classicalSecurityLevel: 128,
      nistQuantumSecurityLevel: 0,
    },
  },
};

const algorithmRef = (name: string) => `algorithm/${name}`;
const keyRef = (id: string) => `key/${id}`;
const cardRef = (id: string) => `card/${id}`;

/**
 * Every public key of a registry with its algorithm, state and dates.
 * @param now the time that states are given for, the clock's by default.
 */
export function cbomOf(registry: Registry, now: string = timeOf()) {
  const names = new Set<string>();
  const assets = registry.entries.flatMap((entry) =>
    publicKeys(entry.card).map(({ algorithm, id, publicKey }) => {
      const name = algorithm.name;
      for (const used of [name, ...(algorithms[name]?.parts ?? [])]) names.add(used);
      return keyAsset(entry, { name, id, bytes: publicKey.length }, now);
    }),
  );
  const used = [...names].sort();
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${randomUUID()}`,
    version: 1,
    metadata: {
      timestamp: now,
      component: { type: 'data', 'bom-ref': `registry/${registry.id}`, name: registry.name },
    },
    components: [...used.map(algorithmAsset), ...assets],
    dependencies: [
      ...used.map((name) => ({
        ref: algorithmRef(name),
        dependsOn: (algorithms[name]?.parts ?? []).map(algorithmRef),
      })),
      ...assets.map((asset) => ({
        ref: asset['bom-ref'],
        dependsOn: [asset.cryptoProperties.relatedCryptoMaterialProperties.algorithmRef],
      })),
    ],
  };
}

const publicKeys = ({ suite, kem, signing }: Card) => [
  { algorithm: suite.kem, ...kem },
  ...suite.signatures.flatMap((algorithm, i) => {
    const key = signing[i];
    return key === undefined ? [] : [{ algorithm, ...key }];
  }),
];

function algorithmAsset(name: string) {
  const algorithm = algorithms[name];
  return {
    type: 'cryptographic-asset',
    'bom-ref': algorithmRef(name),
    name,
    cryptoProperties: {
      assetType: 'algorithm',
      ...(algorithm === undefined ? {} : { algorithmProperties: algorithm.properties }),
      ...(algorithm?.oid === undefined ? {} : { oid: algorithm.oid }),
    },
  };
}

function keyAsset(
  entry: RegisteredKey,
  key: { readonly name: string; readonly id: string; readonly bytes: number },
  now: string,
) {
  const { id: card, life, roles } = entry;
  const { name: owner, created, expires } = entry.card;
  const { time, activates, expires: ends, compromised, successor } = latest(life);
  const began = life.find(({ state }) => state === 'active');
  const active = activates ?? began?.activates ?? began?.time;
  const end = [expires, ends].filter((date) => date !== undefined).sort()[0];
  const facts = [
    ['card', cardRef(card)],
    ...roles.map((role) => ['role', role] as const),
    ...(compromised === undefined ? [] : [['compromised', compromised] as const]),
    ...(successor === undefined ? [] : [['successor', cardRef(successor)] as const]),
  ] as const;
  return {
    type: 'cryptographic-asset',
    'bom-ref': keyRef(key.id),
    name: `${key.name} key of ${owner}`,
    cryptoProperties: {
      assetType: 'related-crypto-material',
      relatedCryptoMaterialProperties: {
        type: 'public-key',
        id: key.id,
        state: stateOf(entry, now),
        algorithmRef: algorithmRef(key.name),
        creationDate: created,
        ...(active === undefined ? {} : { activationDate: active }),
        updateDate: time,
        ...(end === undefined ? {} : { expirationDate: end }),
        size: 8 * key.bytes,
        format: 'raw',
      },
    },
    properties: facts.map(([name, value]) => ({ name: `strongroom:${name}`, value })),
  };
}
