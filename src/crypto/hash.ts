/**
 * Hashes. The tree hashes take whole segments, about 1 MiB, so they are one-shot:
 *
 * - BLAKE3 (its specification, section 2) by a native module; by WebAssembly on machines
 *   that the module does not load on.
 * - SHA-384 (FIPS 180-4) by `node:crypto`.
 */
import { hash } from 'node:crypto';
import { createRequire } from 'node:module';

export interface TreeHash {
  readonly name: 'blake3' | 'sha384';
  /** Of a digest. */
  readonly bytes: number;
  digest(data: Uint8Array): Uint8Array;
}

type Digest = (data: Uint8Array) => Uint8Array;

/** SHA-256, 32 bytes: what transparency logs hash with. */
export const sha256: Digest = (data) => new Uint8Array(hash('sha256', data, 'buffer'));

/** SHA-384, 48 bytes. */
export const sha384: Digest = (data) => new Uint8Array(hash('sha384', data, 'buffer'));

/** The native BLAKE3; throws where there is none for the machine. */
export function nativeBlake3(): Digest {
  const require = createRequire(import.meta.url);
  const module = require('@napi-rs/blake-hash') as typeof import('@napi-rs/blake-hash');
  // As text: the module's buffers are freed when the event loop turns, which a busy thread's
  // does not, and take 300 bytes each until then
  return (data) => new Uint8Array(Buffer.from(module.blake3UrlSafeBase64(data), 'base64url'));
}

/** BLAKE3 on every machine, several times slower. */
export async function wasmBlake3(): Promise<Digest> {
  const { createBLAKE3 } = await import('hash-wasm');
  const hasher = await createBLAKE3();
  return (data) => hasher.init().update(data).digest('binary');
}

async function loadBlake3(): Promise<Digest> {
  try {
    return nativeBlake3();
  } catch {
    return wasmBlake3();
  }
}

export const blake3: TreeHash = { name: 'blake3', bytes: 32, digest: await loadBlake3() };

export const sha384Tree: TreeHash = { name: 'sha384', bytes: 48, digest: sha384 };

/** By name, for threads: they need no more of a suite. */
export const treeHashes: Readonly<Record<TreeHash['name'], TreeHash>> = {
  blake3,
  sha384: sha384Tree,
};
