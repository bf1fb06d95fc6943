/** The bytes of a file on their way to a socket, straight from the cache. */
import type { ServerResponse } from 'node:http';

interface Part {
  readonly bytes: Uint8Array;
  release(): void;
}

/** Parts that a response may have handed to its socket and not yet got rid of. */
const mostPending = 2;

/**
 * Writes parts to a response and releases each when the socket has taken it, or is gone. Waits
 * where the client is slower than the archive.
 * @throws what `parts` throws; the response is then not ended.
 */
export async function sendParts(
  response: ServerResponse,
  parts: AsyncIterable<Part>,
  onSent: (bytes: number) => void,
): Promise<void> {
  const pending = new Set<Part>();
  let wake = () => {};
  const done = (part: Part) => {
    if (!pending.delete(part)) return;
    part.release();
    wake();
  };
  const onClose = () => {
    for (const part of pending) done(part);
    wake();
  };
  response.once('close', onClose);
  const untilFewer = async (most: number) => {
    while (pending.size > most && !response.destroyed) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  try {
    for await (const part of parts) {
      if (response.destroyed) {
        part.release();
        break;
      }
      pending.add(part);
      response.write(part.bytes, (error) => {
        if (!error) onSent(part.bytes.length);
        done(part);
      });
      await untilFewer(mostPending - 1);
    }
    await untilFewer(0);
  } finally {
    if (response.destroyed) onClose();
  }
}
