// A process of its own for `open` and `seal` with `-`: they use the descriptors 0 and 1 of the
// process. For every job it puts files there, so that one process serves a whole table.
import { closeSync, openSync } from 'node:fs';
import { decodeIdentity, isStrongroomError, open, seal, trustCards } from '#strongroom/index.js';
import { decodeCard } from '#strongroom/keys/card.js';

/** The lowest free descriptor is the one that was just closed. */
function place(descriptor, path, flags) {
  closeSync(descriptor);
  if (openSync(path, flags) !== descriptor) throw new Error('got another descriptor');
}

async function run({ operation, path, options, input, output, identity, trust, recipients }) {
  if (input !== undefined) place(0, input, 'r');
  if (output !== undefined) place(1, output, 'w');
  const who = await decodeIdentity(Buffer.from(identity, 'base64'));
  const cards = (list) => list.map((card) => decodeCard(Buffer.from(card, 'base64')));
  return operation === 'open'
    ? open(path, { ...options, identity: who, trust: trustCards(cards(trust)) })
    : seal(path, { ...options, signer: who, recipients: cards(recipients) });
}

process.on('message', async (job) => {
  try {
    await run(job);
    process.send({ outcome: 'accepted' });
  } catch (error) {
    const outcome = isStrongroomError(error) ? error.code : `thrown: ${error}`;
    process.send({ outcome, message: error.message });
  }
});
