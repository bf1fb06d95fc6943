/** Reading one file: what a stream has queued is the stream's. */
import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { cat, trustCards } from '#strongroom/index.js';
import { makeArchive, noise, people, sharedWorkspace } from '../support/archive.ts';

const root = sharedWorkspace();

it('leaves every chunk to a slow reader as it was', async () => {
  const who = people();
  const content = noise(2 ** 20 + 8192);
  const archive = await makeArchive(root, { who, files: { big: content } });
  const received: Buffer[] = [];
  const slow = new Writable({
    highWaterMark: 2 ** 22,
    write(chunk: Buffer, _encoding, done) {
      setTimeout(() => {
        received.push(Buffer.from(chunk));
        done();
      }, 20);
    },
  });
  const access = { identity: who.reader, trust: trustCards([who.author.card]) };
  await cat(archive, 'big', access, (chunk) => void slow.write(chunk));
  await new Promise<void>((resolve) => slow.end(resolve));
  expect(Buffer.concat(received).equals(content)).toBe(true);
});
