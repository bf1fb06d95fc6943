/**
 * Randomness and time that are the same in every run of the generator, and of nothing else: this
 * file changes `node:crypto` of the process that imports it. Import it first.
 *
 * ML-KEM and ML-DSA of `node:crypto` take randomness that cannot be given to them, so they are
 * switched off and the library falls back to noble, as on a Node without them.
 */
import crypto, { createCipheriv, createHash } from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';

/** When everything is made, unless a case says otherwise. */
export const now = '2026-06-01T12:00:00Z';

let stream = streamOf('');

function streamOf(seed: string) {
  const key = createHash('sha256').update(`strongroom vectors: ${seed}`).digest();
  const cipher = createCipheriv('aes-256-ctr', key, new Uint8Array(16));
  return (bytes: number) => cipher.update(new Uint8Array(bytes));
}

/** Starts anew, so that one case does not depend on those before it. */
export function reseed(seed: string): void {
  stream = streamOf(seed);
}

function fill<T extends NodeJS.ArrayBufferView>(view: T): T {
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(stream(view.byteLength));
  return view;
}

const { sign } = crypto;
Object.assign(crypto, {
  randomBytes: (bytes: number) => Buffer.from(stream(bytes)),
  randomFillSync: fill,
  encapsulate: undefined,
  sign: (...args: Parameters<typeof sign>) => {
    const [, , key] = args as unknown as [unknown, unknown, { asymmetricKeyType?: string }];
    if (key.asymmetricKeyType?.startsWith('ml-dsa')) throw new Error('not deterministic');
    return sign(...args);
  },
});
// That of `node:crypto` asks this one
Object.defineProperty(globalThis.crypto, 'getRandomValues', { value: fill });
syncBuiltinESMExports();

const SystemDate = Date;
globalThis.Date = class extends SystemDate {
  constructor(...args: [] | [number | string]) {
    super(...((args.length === 0 ? [now] : args) as [string]));
  }
} as DateConstructor;
