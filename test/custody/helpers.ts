/** Archives whose access changes, and ways to look at it. */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeCore } from '#strongroom/archive/core.js';
import { readFront } from '#strongroom/archive/reader.js';
import { suites } from '#strongroom/crypto/suites.js';
import { openSource } from '#strongroom/engine/locate.js';
import {
  type Card,
  encodeCard,
  encodeIdentity,
  type Identity,
  list,
  type SuiteName,
  type Trust,
} from '#strongroom/index.js';
import { importedCard } from '#strongroom/keys/card.js';
import { outcome } from '../support/archive.ts';

/** The front of an archive, or of it with a detached key ring. */
export async function frontAt(path: string, keyring?: string) {
  const source = await openSource({ kind: 'file', path });
  try {
    return await readFront(source, keyring);
  } finally {
    source.close();
  }
}

/** The part of the key ring that is signed. */
export const ringAt = async (path: string, keyring?: string) =>
  (await frontAt(path, keyring)).ring.document.signed;

/** Core and both slots as they stand, and all behind them. */
export function regionsAt(path: string) {
  const bytes = readFileSync(path);
  const { slotBytes } = decodeCore(bytes, path);
  const [a, b, end] = [4096, 4096 + slotBytes, 4096 + 2 * slotBytes];
  return {
    core: bytes.subarray(0, a),
    slots: [bytes.subarray(a, b), bytes.subarray(b, end)] as const,
    rest: bytes.subarray(end),
  };
}

export const slotBytesAt = (path: string): number => {
  const fd = openSync(path, 'r');
  const head = new Uint8Array(4096);
  readSync(fd, head);
  closeSync(fd);
  return decodeCore(head, path).slotBytes;
};

/** Whether the identity can open the archive: `accepted`, or the code of the refusal. */
export const opens = (path: string, identity: Identity, trust: Trust, keyring?: string) =>
  outcome(() => list(path, { identity, trust, keyring }));

/** Cards of recipients whose secrets nobody has: quick to make in numbers. */
export const manyCards = (count: number, suiteName: SuiteName = 'hybrid'): Card[] => {
  const suite = suites[suiteName];
  return Array.from({ length: count }, (_, i) =>
    importedCard(suite, [suite.kem.publicKey(randomBytes(suite.kem.seedBytes))], {
      name: `recipient ${i}`,
    }),
  );
};

/** Writes an identity without a passphrase and its card; returns their paths. */
export function keyFiles(root: string, name: string, identity: Identity) {
  const key = join(root, `${name}.key`);
  writeFileSync(key, encodeIdentity(identity, 'none'));
  writeFileSync(`${key}.card`, encodeCard(identity.card));
  return { key, card: `${key}.card` };
}
