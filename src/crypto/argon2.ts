/** Argon2id (RFC 9106, version 0x13): by `node:crypto` where it has it, else by @noble/hashes. */
import * as crypto from 'node:crypto';
import { createRequire } from 'node:module';
import type * as NobleArgon2 from '@noble/hashes/argon2.js';
import { equal, fromHex, taken } from '../bytes.ts';
import { choose } from './provider.ts';

/** The cost. Whoever reads it from a file holds it to the limits of docs/format.md first. */
export interface Argon2Cost {
  /** In KiB. */
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

export type Argon2 = (
  passphrase: Uint8Array,
  salt: Uint8Array,
  cost: Argon2Cost,
  bytes: number,
) => Uint8Array;

/** What newer Nodes add, which the types of the oldest supported one lack. */
interface NativeArgon2 {
  argon2Sync(
    algorithm: 'argon2id',
    parameters: Argon2Cost & { message: Uint8Array; nonce: Uint8Array; tagLength: number },
  ): Uint8Array;
}

/** Throws on a Node without it. */
export const nativeArgon2: Argon2 = (message, nonce, { memory, passes, parallelism }, tagLength) =>
  taken(
    (crypto as unknown as NativeArgon2).argon2Sync('argon2id', {
      message,
      nonce,
      memory,
      passes,
      parallelism,
      tagLength,
    }),
  );

export const nobleArgon2: Argon2 = (passphrase, salt, { memory, passes, parallelism }, bytes) => {
  const require = createRequire(import.meta.url);
  const { argon2id } = require('@noble/hashes/argon2.js') as typeof NobleArgon2;
  return argon2id(passphrase, salt, { m: memory, t: passes, p: parallelism, dkLen: bytes });
};

const sample = Uint8Array.from({ length: 16 }, (_, i) => i);
const lowestCost: Argon2Cost = { memory: 32, passes: 2, parallelism: 4 };

/** What the sample gives at the lowest cost; the tests hold it against noble. */
const knownAnswer = 'e17a367e246a87a21dec8d165b15d8b54664732e3375a8a4ea44c9b6baea0995';

export const isSoundArgon2 = (argon2: Argon2): boolean =>
  equal(argon2(sample, sample, lowestCost, 32), fromHex(knownAnswer));

const implementation = choose(nativeArgon2, () => nobleArgon2, isSoundArgon2);

/** A key of `bytes` bytes out of a passphrase. Takes as long as the cost says. */
export const argon2id: Argon2 = (passphrase, salt, cost, bytes) =>
  implementation()(passphrase, salt, cost, bytes);
