/** AWS Encryption SDK for JavaScript, its default suite (signed), as a stream; no service. */
import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import {
  buildClient,
  CommitmentPolicy,
  RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier,
} from '@aws-crypto/client-node';
import { serve } from './files.ts';

const { encryptStream, decryptStream } = buildClient(
  CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT,
);

const keyring = (key: string) =>
  new RawAesKeyringNode({
    keyName: 'bench',
    keyNamespace: 'bench',
    unencryptedMasterKey: new Uint8Array(Buffer.from(key, 'hex')),
    wrappingSuite: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
  });

const chunked = { highWaterMark: 2 ** 20 };
const frameLength = 2 ** 20;

await serve({
  keygen: () => randomBytes(32).toString('hex'),
  encrypt: (key, from, to) =>
    pipeline(
      createReadStream(from, chunked),
      encryptStream(keyring(key), { frameLength }),
      createWriteStream(to, chunked),
    ),
  decrypt: (key, from, to) =>
    pipeline(
      createReadStream(from, chunked),
      decryptStream(keyring(key)),
      createWriteStream(to, chunked),
    ),
});
