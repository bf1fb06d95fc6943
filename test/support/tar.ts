/** Builds tars by hand, so that tests can make those that no tar program writes. */

const block = 512;

interface HeaderFields {
  readonly name?: string | Uint8Array;
  readonly prefix?: string;
  readonly mode?: string | Uint8Array;
  readonly uid?: string | Uint8Array;
  readonly size?: number | string | Uint8Array;
  readonly mtime?: number | string | Uint8Array;
  readonly type?: string;
  readonly linkname?: string;
  readonly magic?: string;
  /** Bytes put anywhere, before the checksum is taken. */
  readonly raw?: readonly (readonly [at: number, bytes: string | Uint8Array])[];
  /** Instead of the right one; `sum` is the right one. */
  readonly checksum?: (sum: number, header: Uint8Array) => string;
}

const bytesOf = (value: string | Uint8Array): Uint8Array =>
  typeof value === 'string' ? Buffer.from(value, 'utf8') : value;

const octal = (value: number | string | Uint8Array, digits: number): Uint8Array =>
  bytesOf(typeof value === 'number' ? `${value.toString(8).padStart(digits, '0')}\0` : value);

export const gnuMagic = 'ustar  \0';

/** One header block, of an empty file `a` unless told otherwise. */
export function header(fields: HeaderFields = {}): Uint8Array {
  const out = new Uint8Array(block);
  out.set(bytesOf(fields.name ?? 'a'), 0);
  out.set(octal(fields.mode ?? '0000644\0', 7), 100);
  out.set(octal(fields.uid ?? '0000000\0', 7), 108);
  out.set(octal('0000000\0', 7), 116);
  out.set(octal(fields.size ?? 0, 11), 124);
  out.set(octal(fields.mtime ?? 1_700_000_000, 11), 136);
  out.set(bytesOf('        '), 148);
  out.set(bytesOf(fields.type ?? '0'), 156);
  out.set(bytesOf(fields.linkname ?? ''), 157);
  out.set(bytesOf(fields.magic ?? 'ustar\x0000'), 257);
  out.set(bytesOf(fields.prefix ?? ''), 345);
  for (const [at, bytes] of fields.raw ?? []) out.set(bytesOf(bytes), at);
  const sum = out.reduce((total, byte) => total + byte, 0);
  const written = fields.checksum?.(sum, out) ?? `${sum.toString(8).padStart(6, '0')}\0 `;
  out.set(bytesOf(written), 148);
  return out;
}

/** `data` filled up to whole blocks. */
export function padded(data: string | Uint8Array, filler = 0): Uint8Array {
  const bytes = bytesOf(data);
  const out = new Uint8Array(Math.ceil(bytes.length / block) * block).fill(filler);
  out.set(bytes);
  return out;
}

/** A header and its data; the size is the data's unless told otherwise. */
export const member = (data: string | Uint8Array, fields: HeaderFields = {}): Uint8Array =>
  Buffer.concat([header({ size: bytesOf(data).length, ...fields }), padded(data)]);

export const file = (name: string, data = ''): Uint8Array => member(data, { name });

export const directory = (name: string): Uint8Array => header({ name, type: '5' });

/** One pax record with its right length. */
export function record(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest;
  while (rest + String(length).length !== length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

/** A pax header for the next member, of records or of a body as it is. */
export const pax = (records: Record<string, string> | string | Uint8Array): Uint8Array =>
  member(
    typeof records === 'string' || records instanceof Uint8Array
      ? records
      : Object.entries(records)
          .map(([key, value]) => record(key, value))
          .join(''),
    { name: 'PaxHeader', type: 'x' },
  );

/** GNU tar's long name for the next member. */
export const longName = (name: string): Uint8Array =>
  member(`${name}\0`, { name: '././@LongLink', type: 'L', magic: gnuMagic });

export const zeros = (blocks = 2): Uint8Array => new Uint8Array(blocks * block);

/** The parts and two zero blocks. */
export const tar = (...parts: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat([...parts, zeros()]);
