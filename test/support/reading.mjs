// Prints one file of an archive's length, and how many bytes this process read to get it.
import { readFileSync } from 'node:fs';
import { cat, decodeCard, decodeIdentity, trustCards } from '#strongroom/index.js';

const [archive, file, identity, card] = process.argv.slice(2);
const access = {
  identity: await decodeIdentity(Buffer.from(identity, 'base64')),
  trust: trustCards([decodeCard(Buffer.from(card, 'base64'))]),
};
const bytesRead = () => Number(/^rchar: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))[1]);
const before = bytesRead();
let length = 0;
await cat(archive, file, access, (chunk) => {
  length += chunk.length;
});
process.stdout.write(JSON.stringify({ length, read: bytesRead() - before }));
