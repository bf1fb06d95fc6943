/** Programs for `exec:` anchors: the sample that docs/anchors.md describes, and bad ones. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A script that `body` makes of the parsed header and the payload's bytes. */
export function program(directory: string, name: string, body: string): string {
  const path = join(directory, name);
  const source = `#!${process.execPath}
const { createCipheriv, createDecipheriv, randomBytes } = require('node:crypto');
const { appendFileSync, readFileSync, writeSync } = require('node:fs');
const [first, second] = readFileSync(0, 'utf8').split('\\n');
const header = JSON.parse(first);
const payload = Buffer.from(second, 'base64');
const answer = (bytes) => writeSync(1, bytes.toString('base64') + '\\n');
${body}
`;
  // CommonJS, whatever the directory around says
  writeFileSync(`${path}.cjs`, source, { mode: 0o755 });
  return `${path}.cjs`;
}

/** Keeps a key of its own, as a key service does, and binds what it wraps to the fingerprint. */
export const sample = (key = '11'.repeat(32)): string => `
const key = Buffer.from('${key}', 'hex');
const aad = Buffer.from(header.fingerprint);
if (header.operation === 'wrap') {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aad);
  answer(Buffer.concat([nonce, cipher.update(payload), cipher.final(), cipher.getAuthTag()]));
} else {
  const cipher = createDecipheriv('aes-256-gcm', key, payload.subarray(0, 12));
  cipher.setAAD(aad).setAuthTag(payload.subarray(-16));
  const out = cipher.update(payload.subarray(12, -16));
  try { cipher.final(); } catch { process.exit(3); }
  answer(out);
}`;
