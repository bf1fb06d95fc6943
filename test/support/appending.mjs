/** Appends to the log named in its arguments until it is killed, and tells of each append. */
import { readFileSync } from 'node:fs';
import { appendEntries, decodeLedgerKey } from '#strongroom/index.js';

const [directory, keyFile, most] = process.argv.slice(2);
const key = await decodeLedgerKey(readFileSync(keyFile));
const tell = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
tell({ ready: true });
for (let count = 1; ; count = 1 + ((count * 7) % Number(most))) {
  const entries = Array.from({ length: count }, (_, i) => Buffer.from(`${process.pid} ${i}`));
  const { first, size } = await appendEntries({ directory, key }, entries);
  tell({ first, size });
}
