/** Reads every vector of our own, on the Node that runs this, and says how many it read rightly. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isStrongroomError } from '#strongroom/errors.js';
import { decodeCard, decodeIdentity, open, type Trust } from '#strongroom/index.js';
import { archiveOf, ownFile, ownFolder, ownVectors, sha256, type Vector } from '../vectors/own.ts';

const scratch = mkdtempSync(join(tmpdir(), 'strongroom-vectors-'));

const entriesOf = (paths: readonly string[], role: 'author' | 'custodian') =>
  paths.map((path) => ({ card: decodeCard(ownFile(path)), roles: [role] }));

/** What is wrong with how it is read; which layer refuses what, `test/vectors` looks at. */
async function wrongWith(vector: Vector, at: string): Promise<string | undefined> {
  const path = `${at}.srm`;
  writeFileSync(path, archiveOf(vector));
  const trust: Trust = {
    entries: [...entriesOf(vector.authors, 'author'), ...entriesOf(vector.custodians, 'custodian')],
  };
  const identity = await decodeIdentity(ownFile(vector.identity));
  const keyring = vector.keyring && join(ownFolder, vector.keyring);
  const options = { identity, trust, output: at, threads: 1, ...(keyring ? { keyring } : {}) };
  try {
    await open(path, options);
  } catch (error) {
    if (!isStrongroomError(error) || error.code === 'INTERNAL') throw error;
    return vector.opened === undefined ? undefined : error.message;
  }
  if (vector.opened === undefined) return 'is opened';
  for (const [file, digest] of Object.entries(vector.opened.files)) {
    if (sha256(readFileSync(join(at, file))) !== digest) return `${file} holds other bytes`;
  }
  return undefined;
}

try {
  let wrong = 0;
  for (const [i, vector] of ownVectors.entries()) {
    const why = await wrongWith(vector, join(scratch, `${i}`));
    if (why === undefined) continue;
    wrong += 1;
    console.error(`${vector.name}: ${why}`);
  }
  console.log(`${ownVectors.length - wrong} of ${ownVectors.length} vectors`);
  if (wrong > 0) process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true });
}
