/** Makes an input into another: bytes anywhere, and members and values of JSON. */
import type { Random } from './random.ts';

/** Boundaries of the formats here: lengths, counts and what parsers treat otherwise. */
const numbers = [
  0,
  1,
  2,
  63,
  64,
  255,
  256,
  4095,
  4096,
  65535,
  65536,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 53 - 1,
  2 ** 53,
];
const words = [
  '',
  '\n',
  '\n\n',
  '\r\n',
  '\0',
  ' ',
  '"',
  '\\u0000',
  '\ufeff',
  '\ud83d\ude00',
  '__proto__',
  'constructor',
  '../',
  '/',
  '=',
  '{}',
  '[]',
  'null',
  '1e3',
  '-0',
  '9007199254740993',
  '2026-02-29T00:00:00Z',
  'SRMRING\n',
  'SRMDRAFT',
  'SRMTAIL\n',
  'ustar\0' + '00',
  '-----BEGIN PRIVATE KEY-----',
  '\u2014 name AAAAAAA=',
  'path=',
  'none',
];

type Step = (bytes: Buffer, random: Random, others: readonly Uint8Array[]) => Buffer;

const splice = (bytes: Buffer, at: number, remove: number, insert: Uint8Array) =>
  Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);

const number = (random: Random): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(random.pick(numbers)));
  return bytes.subarray(8 - random.pick([1, 2, 4, 8]));
};

const steps: readonly Step[] = [
  (bytes, random) => {
    const at = random.below(bytes.length);
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
    return copy;
  },
  (bytes, random) => splice(bytes, random.below(bytes.length), 1, Uint8Array.of(random.below(256))),
  (bytes, random) => splice(bytes, random.below(bytes.length), 1 + random.below(64), Buffer.of()),
  (bytes, random) => bytes.subarray(0, random.below(bytes.length)),
  (bytes, random) =>
    splice(bytes, random.below(bytes.length + 1), 0, Buffer.from(random.pick(words))),
  (bytes, random) => {
    const word = Buffer.from(random.pick(words));
    return splice(bytes, random.below(bytes.length + 1), word.length, word);
  },
  (bytes, random) => {
    const value = number(random);
    return splice(bytes, random.below(bytes.length), value.length, value);
  },
  // A part of itself, or of another input, somewhere else
  (bytes, random, others) => {
    const from = random.oneIn(2) ? bytes : Buffer.from(random.pick(others));
    const start = random.below(from.length);
    const part = from.subarray(start, start + 1 + random.below(256));
    return splice(bytes, random.below(bytes.length + 1), random.pick([0, part.length]), part);
  },
  // One digit for another, as in times, numbers, hex and base64
  (bytes, random) => {
    const digits = [...bytes.keys()].filter((at) =>
      /[0-9A-Za-z]/.test(String.fromCharCode(bytes[at] ?? 0)),
    );
    if (digits.length === 0) return bytes;
    const digit = random.pick([...'0129afzAZ+/=-']);
    return splice(bytes, random.pick(digits), 1, Buffer.from(digit));
  },
];

export function mutateBytes(
  bytes: Uint8Array,
  random: Random,
  others: readonly Uint8Array[],
): Buffer {
  let now: Buffer = Buffer.from(bytes);
  for (let left = 1 + random.below(4); left > 0; left--) {
    now =
      now.length === 0 ? Buffer.from(random.pick(words)) : random.pick(steps)(now, random, others);
  }
  return now;
}

type Json = unknown;

const values: readonly Json[] = [...numbers, ...words, true, false, null, [], {}, 1.5, -1];

/** Every array and object in a value. */
function nodesOf(value: Json): (Record<string, Json> | Json[])[] {
  if (typeof value !== 'object' || value === null) return [];
  const node = value as Record<string, Json> | Json[];
  return [node, ...Object.values(node).flatMap(nodesOf)];
}

const changed = (value: Json, random: Random): Json => {
  if (typeof value === 'string' && value.length > 0 && random.oneIn(2)) {
    return mutateBytes(Buffer.from(value), random, [Buffer.from(value)]).toString();
  }
  if (typeof value === 'number' && random.oneIn(2)) return value + random.pick([-1, 1]);
  return structuredClone(random.pick(values));
};

/** A copy with members taken away, added, altered, or taken from elsewhere in it. */
export function mutateJson(value: Json, random: Random): Json {
  const root = { root: structuredClone(value) };
  for (let left = 1 + random.below(3); left > 0; left--) {
    const nodes = nodesOf(root);
    const node = random.pick(nodes) as Record<string, Json>;
    const keys = Object.keys(node);
    const key = keys.length === 0 ? 'a' : random.pick(keys);
    const choice = random.below(6);
    if (Array.isArray(node) && choice === 0) node.push(structuredClone(node[0] ?? 0));
    else if (Array.isArray(node) && choice === 1) node.splice(random.below(node.length + 1), 1);
    else if (choice === 2 && node !== root) delete node[key];
    // An array with members of its own is no JSON
    else if (choice === 3 && !Array.isArray(node)) {
      node[random.pick(words)] = structuredClone(random.pick(values));
    } else if (choice === 4) node[key] = structuredClone(random.pick(nodesOf(root.root)) ?? 0);
    else node[key] = changed(node[key], random);
  }
  return root.root;
}
