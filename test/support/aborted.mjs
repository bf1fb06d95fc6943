// Opens the archive on standard input until it is told to stop, and lives on until it is told to
// end: what a thread that could not be stopped still does, it does here.
import { readFileSync } from 'node:fs';
import { decodeCard, decodeIdentity, open, trustCards } from '#strongroom/index.js';

const [output, identity, card] = process.argv.slice(2);
const controller = new AbortController();
process.on('message', (word) => {
  if (word === 'abort') controller.abort();
  else process.exit();
});
const onProgress = ({ done }) => done > 0 && process.send('running');
try {
  await open('-', {
    output,
    signal: controller.signal,
    onProgress,
    identity: await decodeIdentity(readFileSync(identity)),
    trust: trustCards([decodeCard(readFileSync(card))]),
  });
  process.send('accepted');
} catch (error) {
  process.send(error.code);
}
