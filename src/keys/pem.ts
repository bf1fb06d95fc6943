/**
 * Keys to and from other tools, as PEM.
 *
 * ML-KEM: RFC 9935, ML-DSA: RFC 9881, both in seed form; Ed25519: RFC 8410; X-Wing:
 * draft-connolly-cfrg-xwing-kem. Every encoding used here is a fixed DER prefix and the
 * raw key, so that nothing parses DER: what does not match is refused, by name if known.
 */
import { concat, equal, secretCopy, text, wipe } from '../bytes.ts';
import { type Suite, type SuiteName, suites } from '../crypto/suites.ts';
import { StrongroomError } from '../errors.ts';
import { armor, dearmor, type PemBlock } from './armor.ts';
import { type Card, type CardDetails, importedCard } from './card.ts';
import { type Identity, identityOf } from './identity.ts';

/** What a row of the suite table says about the encodings of its keys. */
type Algorithm = Suite['kem'] | Suite['signatures'][number];

const algorithmsOf = (suite: Suite): Algorithm[] => [suite.kem, ...suite.signatures];

/** How a key is written in either kind of block. */
const forms = {
  'PUBLIC KEY': {
    prefix: (algorithm: Algorithm) => algorithm.spkiPrefix,
    keyBytes: (algorithm: Algorithm) => algorithm.publicKeyBytes,
  },
  'PRIVATE KEY': {
    prefix: (algorithm: Algorithm) => algorithm.pkcs8Prefix,
    keyBytes: (algorithm: Algorithm) => algorithm.seedBytes,
  },
} as const;
type Label = keyof typeof forms;

/** One PUBLIC KEY block for every key of the card, each after a line that says which. */
export function exportPublicPem(card: Card): string {
  const keys = [card.kem, ...card.signing];
  return algorithmsOf(card.suite)
    .slice(0, keys.length)
    .map((algorithm, i) => {
      const der = concat(algorithm.spkiPrefix, keys[i]?.publicKey as Uint8Array);
      return text(armor('PUBLIC KEY', explain('card', card, algorithm), der));
    })
    .join('');
}

/** One PRIVATE KEY block for every seed: unprotected, and the caller wipes it. */
export function exportPrivatePem({ card, kemSeed, signingSeeds }: Identity): Uint8Array {
  const seeds = [kemSeed, ...signingSeeds];
  const blocks = algorithmsOf(card.suite).map((algorithm, i) => {
    const der = concat(algorithm.pkcs8Prefix, seeds[i] as Uint8Array);
    const block = armor('PRIVATE KEY', explain('identity', card, algorithm), der);
    wipe(der);
    return block;
  });
  const pem = concat(...blocks);
  wipe(...blocks);
  return pem;
}

interface PemImport {
  readonly card: Card;
  /** Only of private keys. */
  readonly identity?: Identity;
}

/**
 * Private keys of every algorithm of a suite make an identity with a new, self-signed
 * card; public keys make an imported card, of a recipient if there is only a KEM key.
 * @throws StrongroomError `PEM_INVALID`, `KEY_INVALID`, `SUITE_MISMATCH`, or `USAGE` for
 *   details that are not fit for a card.
 */
export function importPem(
  bytes: Uint8Array,
  { suite: wanted, ...details }: CardDetails & { readonly suite?: SuiteName | undefined },
): PemImport {
  const blocks = dearmor(bytes);
  try {
    const label = commonLabel(blocks);
    const found = blocks.map(({ der }) => keyIn(der, label));
    const suite = commonSuite(found, wanted);
    const keys = inOrder(found, suite);
    const [kem, ...signing] = keys;
    if (kem === undefined) throw refuse(`no ${suite.kem.name} key, which every card has`);
    if (label === 'PUBLIC KEY' && signing.every((key) => key === undefined)) {
      return { card: importedCard(suite, [kem], details) };
    }
    const missing = algorithmsOf(suite).find((_, i) => keys[i] === undefined);
    if (missing !== undefined) {
      throw refuse(`no ${missing.name} key, which suite ${suite.name} needs`, allOrNothing);
    }
    const rest = signing as Uint8Array[];
    if (label === 'PUBLIC KEY') return { card: importedCard(suite, [kem, ...rest], details) };
    const identity = identityOf(suite, secretCopy(kem), rest.map(secretCopy), details);
    return { card: identity.card, identity };
  } finally {
    for (const { der } of blocks) wipe(der);
  }
}

const allOrNothing =
  'give all keys of the suite together; of public keys, the KEM key alone makes a recipient';

interface FoundKey {
  readonly suite: Suite;
  readonly slot: number;
  /** A view into the block. */
  readonly key: Uint8Array;
}

function commonLabel(blocks: readonly PemBlock[]): Label {
  const [first] = blocks;
  if (first === undefined) throw refuse('no block found');
  for (const { label } of blocks) {
    if (!(label in forms)) throw refuse(`a block "${label}"`, labelHints[label]);
    if (label !== first.label) {
      throw refuse('both private and public keys', 'give either the private or the public keys');
    }
  }
  return first.label as Label;
}

const labelHints: Readonly<Record<string, string>> = {
  'ENCRYPTED PRIVATE KEY': 'decrypt it first, for example with "openssl pkey -in FILE -out PLAIN"',
  CERTIFICATE: 'extract its public key, for example with "openssl x509 -pubkey -noout -in FILE"',
};

function keyIn(der: Uint8Array, label: Label): FoundKey {
  const { prefix, keyBytes } = forms[label];
  for (const suite of Object.values(suites)) {
    for (const [slot, algorithm] of algorithmsOf(suite).entries()) {
      const start = prefix(algorithm);
      if (der.length !== start.length + keyBytes(algorithm)) continue;
      if (!equal(der.subarray(0, start.length), start)) continue;
      return { suite, slot, key: der.subarray(start.length) };
    }
  }
  throw unknownKey(der, label);
}

function commonSuite(found: readonly FoundKey[], wanted: SuiteName | undefined): Suite {
  const suite = wanted === undefined ? found[0]?.suite : suites[wanted];
  const other = found.find((key) => key.suite.id !== suite?.id);
  if (suite !== undefined && other === undefined) return suite;
  throw new StrongroomError(
    'SUITE_MISMATCH',
    `PEM: a key of suite ${other?.suite.name} where suite ${suite?.name} is expected`,
  );
}

function inOrder(found: readonly FoundKey[], suite: Suite): (Uint8Array | undefined)[] {
  return algorithmsOf(suite).map((algorithm, slot) => {
    const [key, second] = found.filter((candidate) => candidate.slot === slot);
    if (second !== undefined) throw refuse(`two ${algorithm.name} keys`);
    return key?.key;
  });
}

/** The line before a block. In ASCII and short, so that every reader of PEM takes it as text. */
function explain(what: 'card' | 'identity', card: Card, algorithm: Algorithm): string {
  return `Strongroom ${what} ${card.name.replace(/[^ -~]/gu, '?')}: ${algorithm.name}`;
}

/** Why no suite takes the key, by its algorithm if that can be told. */
function unknownKey(der: Uint8Array, label: Label): StrongroomError {
  // Two lengths, a version and the identifier fit into these; no key begins before
  const start = Buffer.from(der.buffer, der.byteOffset, Math.min(der.length, 24));
  const name = algorithmIds.find(([, id]) => start.includes(Buffer.from(id, 'hex')))?.[0];
  const kind = label.toLowerCase();
  if (name === undefined) return refuse(`a ${kind} of an unknown algorithm`, taken);
  if (!ownNames.has(name)) return refuse(`a ${kind} for ${name}, which no suite uses`, taken);
  if (label === 'PUBLIC KEY') return refuse(`a malformed ${kind} for ${name}`);
  return refuse(`a ${kind} for ${name} that is not a bare seed`, seedForm[name]);
}

const ownNames = new Set(
  Object.values(suites)
    .flatMap(algorithmsOf)
    .map(({ name }) => name),
);
const taken = `Strongroom takes keys for ${[...ownNames].join(', ')}`;

const convert = (family: string) =>
  `convert it with "openssl pkey -provparam ${family}.output_formats=seed-only -in FILE", ` +
  'which needs a key that still has its seed';
const seedForm: Readonly<Record<string, string>> = {
  'ML-KEM-1024': convert('ml-kem'),
  'ML-DSA-65': convert('ml-dsa'),
  'ML-DSA-87': convert('ml-dsa'),
};

/**
 * Algorithms by object identifier, as DER: what people may try to import. Those of the
 * suites are among them, since their keys come in other forms too.
 */
const algorithmIds: readonly (readonly [name: string, derHex: string])[] = [
  ['RSA', '06092a864886f70d010101'],
  ['RSA-PSS', '06092a864886f70d01010a'],
  ['an elliptic curve', '06072a8648ce3d0201'],
  ['X25519', '06032b656e'],
  ['X448', '06032b656f'],
  ['Ed25519', '06032b6570'],
  ['Ed448', '06032b6571'],
  ['ML-DSA-44', '0609608648016503040311'],
  ['ML-DSA-65', '0609608648016503040312'],
  ['ML-DSA-87', '0609608648016503040313'],
  ['ML-KEM-512', '0609608648016503040401'],
  ['ML-KEM-768', '0609608648016503040402'],
  ['ML-KEM-1024', '0609608648016503040403'],
  ['X-Wing', '060b2b0601040183e62d81c87a'],
];

const refuse = (why: string, hint?: string) =>
  new StrongroomError('PEM_INVALID', `PEM: ${why}`, hint === undefined ? {} : { hint });
