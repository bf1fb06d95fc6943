/**
 * The keys of a log or a witness, in a file of their own that is protected like an identity:
 * docs/ledger.md#keys
 */
import { z } from 'zod';
import { concat, equal, randomSecret, secretCopy, utf8, wipe } from '../../bytes.ts';
import { StrongroomError } from '../../errors.ts';
import { decodeJson, encodeJson } from '../../json.ts';
import {
  type AskPassphrase,
  passphraseWrapping,
  plainWrapping,
} from '../../keys/anchor/builtin.ts';
import type { Protection } from '../../keys/identity.ts';
import { lockBytes, protectionSchema, unlock } from '../../keys/protection.ts';
import { hexDecode, hexEncode } from '../../keys/secret-text.ts';
import {
  decodeVkey,
  encodeVkey,
  type LedgerRole,
  typesOfRole,
  type Verifier,
  verifierOfSeed,
} from './signatures.ts';

const seedBytes = 32;
export const maxLedgerKeyBytes = 65_536;

/** Whoever signs checkpoints: a log or a witness, with one key for each type of signature. */
export interface LedgerKey {
  /** Of a log it is the origin of its checkpoints. */
  readonly name: string;
  readonly verifiers: readonly Verifier[];
  /** In the order of `verifiers`; 32 bytes each. */
  readonly seeds: readonly Uint8Array[];
  /** Overwrites the seeds. */
  wipe(): void;
}

const schema = z.strictObject({
  keys: z.array(z.string()).min(1).max(8),
  protection: protectionSchema,
  type: z.literal('strongroom/ledger-key'),
  version: z.literal(1),
});

/**
 * New keys, of every type that the role signs with.
 * @throws StrongroomError LEDGER_KEY_INVALID for a name that no note may have.
 */
export function createLedgerKey(name: string, role: LedgerRole): LedgerKey {
  const seeds = typesOfRole[role].map(() => randomSecret(seedBytes));
  return keyOf(
    typesOfRole[role].map((byte, i) => verifierOfSeed(name, byte, seeds[i] as Uint8Array)),
    seeds,
  );
}

const keyOf = (verifiers: readonly Verifier[], seeds: readonly Uint8Array[]): LedgerKey => ({
  name: verifiers[0]?.name ?? '',
  verifiers,
  seeds,
  wipe: () => wipe(...seeds),
});

/**
 * The bytes of the key's file, two lines; the caller wipes them. Takes as long as Argon2id does.
 * @throws StrongroomError USAGE for a passphrase that is empty or not UTF-8.
 */
export function encodeLedgerKey(key: LedgerKey, protection: Protection): Uint8Array {
  const wrapping =
    protection === 'none'
      ? plainWrapping
      : passphraseWrapping(protection.passphrase, protection.cost);
  const header = encodeJson({
    keys: key.verifiers.map(encodeVkey),
    protection: wrapping.protection,
    type: 'strongroom/ledger-key',
    version: 1,
  });
  const secret = concat(...key.seeds);
  const line = wrapping.wrap(secret, header);
  const digits = hexEncode(line);
  try {
    return concat(header, newline, digits, newline);
  } finally {
    wipe(secret, line, digits);
  }
}

const newline = utf8('\n');

/**
 * The lines of a policy that make a log or a witness known, by its quantum-safe key. A log's
 * Ed25519 key stands in a comment, for clients that know no other.
 */
export function policyLines({ name, verifiers }: Pick<LedgerKey, 'name' | 'verifiers'>): string {
  const isLog = verifiers.some(({ type }) => !type.roles.includes('witness'));
  const start = isLog ? 'log' : `witness ${name}`;
  return verifiers
    .map((key) => `${key.type.isQuantumSafe ? '' : '# '}${start} ${encodeVkey(key)}\n`)
    .join('');
}

/**
 * Reads a key's file; asks for the passphrase, whose bytes are wiped, only where there is one.
 * @throws StrongroomError LEDGER_KEY_INVALID, PASSPHRASE_NEEDED, PASSPHRASE_WRONG.
 */
export async function decodeLedgerKey(bytes: Uint8Array, ask?: AskPassphrase): Promise<LedgerKey> {
  const { header, digits, protection, verifiers } = parse(bytes);
  const secretBytes = seedBytes * verifiers.length;
  const lineBytes = secretBytes + (protection.kdf === 'none' ? 0 : lockBytes);
  const line = digits.length === 2 * lineBytes ? hexDecode(digits) : undefined;
  if (line === undefined) throw invalid(`its second line is not ${2 * lineBytes} hex digits`);
  const secret = await secretOf(line, protection, header, ask);
  const seeds = verifiers.map((_, i) =>
    secretCopy(secret.subarray(i * seedBytes, (i + 1) * seedBytes)),
  );
  wipe(secret, line);
  const key = keyOf(verifiers, seeds);
  const fits = verifiers.every(({ name, type, publicKey }, i) =>
    equal(verifierOfSeed(name, type.byte, seeds[i] as Uint8Array).publicKey, publicKey),
  );
  if (fits) return key;
  key.wipe();
  throw invalid('its secrets are not those of its public keys');
}

async function secretOf(
  line: Uint8Array,
  protection: z.infer<typeof protectionSchema>,
  header: Uint8Array,
  ask?: AskPassphrase,
): Promise<Uint8Array> {
  if (protection.kdf === 'none') return secretCopy(line);
  if (ask === undefined) {
    throw new StrongroomError('PASSPHRASE_NEEDED', 'the ledger key is under a passphrase');
  }
  const passphrase = await ask();
  try {
    return unlock(line, passphrase, protection, header);
  } finally {
    wipe(passphrase);
  }
}

/** The two lines, the second as hex digits: views into `bytes`. */
function parse(bytes: Uint8Array) {
  if (bytes.length > maxLedgerKeyBytes) throw invalid(`longer than ${maxLedgerKeyBytes} bytes`);
  const end = bytes.indexOf(0x0a);
  if (end < 0 || bytes.indexOf(0x0a, end + 1) !== bytes.length - 1) {
    throw invalid('it is not two lines');
  }
  const header = bytes.subarray(0, end);
  const { keys, protection } = decodeJson(header, schema, {
    what: 'ledger key',
    code: 'LEDGER_KEY_INVALID',
    maxBytes: maxLedgerKeyBytes,
  });
  const verifiers = keys.map(decodeVkey);
  if (new Set(verifiers.map(({ name }) => name)).size > 1) throw invalid('it has several names');
  return { header, digits: bytes.subarray(end + 1, -1), protection, verifiers };
}

const invalid = (why: string) => new StrongroomError('LEDGER_KEY_INVALID', `ledger key: ${why}`);
