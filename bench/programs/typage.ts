/** age's JavaScript implementation (npm age-encryption), to a post-quantum hybrid recipient. */
import { createReadStream, createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { Decrypter, Encrypter, generateHybridIdentity, identityToRecipient } from 'age-encryption';
import { serve } from './files.ts';

type Streamed = Parameters<Encrypter['encrypt']>[0] & ReadableStream;

const chunked = { highWaterMark: 2 ** 20 };
const readable = (path: string) => Readable.toWeb(createReadStream(path, chunked)) as Streamed;
const writable = (path: string) => createWriteStream(path, chunked);

await serve({
  keygen: generateHybridIdentity,
  async encrypt(key, from, to) {
    const encrypter = new Encrypter();
    encrypter.addRecipient(await identityToRecipient(key));
    await pipeline(await encrypter.encrypt(readable(from)), writable(to));
  },
  async decrypt(key, from, to) {
    const decrypter = new Decrypter();
    decrypter.addIdentity(key);
    await pipeline(await decrypter.decrypt(readable(from)), writable(to));
  },
});
