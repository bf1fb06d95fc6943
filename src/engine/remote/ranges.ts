/**
 * A source made of range requests: small reads come from windows that are kept, long ones are
 * divided among several requests, and what fails in passing is asked for again from where it
 * broke off.
 */
import { setMaxListeners } from 'node:events';
import type { OpenedSource } from '../source.ts';
import type { Part } from './body.ts';
import { nameOf, type RemoteLocation, type RemoteState } from './location.ts';
import { persist } from './transient.ts';

/** What callers can set. */
export interface RemoteOptions {
  readonly signal?: AbortSignal | undefined;
  /** Without a byte for so long, a request is made anew; 20 s by default. */
  readonly stallMs?: number | undefined;
}

/**
 * One request for what `part` still misses of the object, which it has from `offset` on.
 * @throws TransientError; StrongroomError for what will not pass.
 */
export type RangeRequest = (part: Part, offset: number, signal: AbortSignal) => Promise<void>;

/** Small reads lie close together: at the front, in the trailer, in the hash tree. */
const windowBytes = 2 ** 17;
const windowsKept = 8;
const longestRequest = 2 ** 22;
const requestsAtOnce = 6;

/** Wait for latency once for so many bytes, in so many requests. */
const ahead = { bytes: longestRequest, reads: requestsAtOnce };

export const firstRange = { offset: 0, length: windowBytes };

export interface RemoteObject {
  readonly location: RemoteLocation;
  readonly state: RemoteState;
  /** The bytes of `firstRange` or as many as there are, which told the state. */
  readonly front: Uint8Array;
  readonly request: RangeRequest;
}

/** The signal of a source: aborted by the caller's, and when the source is closed. */
export function linkedController(signal: AbortSignal | undefined): AbortController {
  const controller = new AbortController();
  // One for each request under way, which are more than Node takes for a leak
  setMaxListeners(0, controller.signal);
  if (signal?.aborted) controller.abort();
  signal?.addEventListener('abort', () => controller.abort(), { signal: controller.signal });
  return controller;
}

export function rangeSource(object: RemoteObject, controller: AbortController): OpenedSource {
  const { location, state, front, request } = object;
  const { size } = state;
  const windows = new Map<number, Promise<Uint8Array>>();
  if (front.length > 0) windows.set(0, Promise.resolve(front));

  async function fetch(into: Uint8Array, offset: number): Promise<void> {
    const part = { into, filled: 0 };
    const attempt = () => request(part, offset, controller.signal);
    await persist(attempt, controller.signal, () => part.filled);
  }

  async function fetchWindow(index: number): Promise<Uint8Array> {
    const at = index * windowBytes;
    const bytes = new Uint8Array(Math.min(windowBytes, size - at));
    await fetch(bytes, at);
    return bytes;
  }

  function window(index: number): Promise<Uint8Array> {
    const found = windows.get(index);
    const bytes = found ?? fetchWindow(index);
    windows.delete(index);
    windows.set(index, bytes);
    // What failed is not kept: a later read may do better
    if (found === undefined) bytes.catch(() => windows.delete(index));
    for (const oldest of windows.keys()) {
      if (windows.size <= windowsKept) break;
      windows.delete(oldest);
    }
    return bytes;
  }

  async function readSmall(into: Uint8Array, offset: number): Promise<void> {
    const first = Math.floor(offset / windowBytes);
    const last = Math.floor((offset + into.length - 1) / windowBytes);
    const indices = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    for (const [i, bytes] of (await Promise.all(indices.map(window))).entries()) {
      const at = (first + i) * windowBytes;
      const from = Math.max(at, offset);
      into.set(bytes.subarray(from - at, offset + into.length - at), from - offset);
    }
  }

  async function readLong(into: Uint8Array, offset: number): Promise<void> {
    let next = 0;
    const one = async () => {
      while (next < into.length) {
        const at = next;
        next = Math.min(at + longestRequest, into.length);
        await fetch(into.subarray(at, next), offset + at);
      }
    };
    await Promise.all(Array.from({ length: requestsAtOnce }, one));
  }

  return {
    name: nameOf(location),
    size,
    location: { ...location, state },
    ahead,
    async readAt(buffer, offset) {
      const length = Math.max(0, Math.min(buffer.length, size - offset));
      if (length === 0) return 0;
      const into = buffer.subarray(0, length);
      await (length <= windowBytes ? readSmall(into, offset) : readLong(into, offset));
      return length;
    },
    close: () => controller.abort(),
  };
}
