/** Small models, written by hand: the formats are simple, and hostile ones no library writes. */

/** A safetensors file of F32 vectors. */
export function safetensors(tensors: Readonly<Record<string, readonly number[]>>): Buffer {
  let end = 0;
  const header: Record<string, unknown> = {};
  for (const [name, values] of Object.entries(tensors)) {
    const from = end;
    end += values.length * 4;
    header[name] = { dtype: 'F32', shape: [values.length], data_offsets: [from, end] };
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const data = Object.values(tensors).map((values) =>
    Buffer.from(Float32Array.from(values).buffer),
  );
  return Buffer.concat([length, json, ...data]);
}

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
export const u64le = (value: bigint | number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const string = (text: string) => Buffer.concat([u64le(Buffer.byteLength(text)), Buffer.from(text)]);

interface GgufTensor {
  readonly name: string;
  /** Innermost first, as GGUF has it. */
  readonly dimensions: readonly (number | bigint)[];
  readonly type: number;
  readonly offset: number | bigint;
}

export interface GgufParts {
  readonly magic?: string;
  readonly version?: number;
  readonly tensorCount?: bigint;
  readonly pairCount?: bigint;
  /** Key, type and value, as they stand in the file. */
  readonly pairs?: readonly (readonly [key: string, type: number, value: Buffer])[];
  readonly tensors?: readonly GgufTensor[];
  readonly alignment?: number;
  readonly data?: Buffer;
}

export const ggufValue = { u32, u64: u64le, string };

/** A GGUF file, sound or not. */
export function gguf(parts: GgufParts): Buffer {
  const { tensors = [], pairs = [], alignment = 32, data = Buffer.alloc(0) } = parts;
  const head = Buffer.concat([
    Buffer.from(parts.magic ?? 'GGUF'),
    u32(parts.version ?? 3),
    u64le(parts.tensorCount ?? tensors.length),
    u64le(parts.pairCount ?? pairs.length),
    ...pairs.flatMap(([key, type, value]) => [string(key), u32(type), value]),
    ...tensors.flatMap(({ name, dimensions, type, offset }) => [
      string(name),
      u32(dimensions.length),
      ...dimensions.map(u64le),
      u32(type),
      u64le(offset),
    ]),
  ]);
  const padding = Buffer.alloc((alignment - (head.length % alignment)) % alignment);
  return Buffer.concat([head, padding, data]);
}
