/**
 * The header of a GGUF file, version 2 or 3, little-endian:
 * `GGUF ‖ u32 version ‖ u64 tensors ‖ u64 pairs ‖ metadata ‖ descriptions ‖ padding ‖ data`.
 * Specification: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
 */
import { text, viewOf } from '../../bytes.ts';
import { printable } from '../../text.ts';
import { ggmlTypes } from './ggml.ts';
import {
  assertTensorName,
  elements,
  maxHeaderBytes,
  modelInvalid,
  type TensorInfo,
} from './tensor.ts';

/** Bounds of what a header may hold; real models stay far below them. */
const most = {
  tensors: 2 ** 20,
  pairs: 2 ** 16,
  /** Of a key, and of a tensor's name. */
  nameBytes: 65535,
  dimensions: 8,
  /** How deep arrays of arrays go. */
  depth: 4,
  alignment: 2 ** 20,
};

/** Bytes of a value of each fixed type, by number: u8, i8, u16, i16, u32, i32, f32, bool, … */
const fixedBytes: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  10: 8,
  11: 8,
  12: 8,
};
const types = { u32: 4, string: 8, array: 9 } as const;

const defaultAlignment = 32;

/** What is said of a tensor, before the alignment of the data is known. */
interface Description extends Omit<TensorInfo, 'offset'> {
  /** From the beginning of the data. */
  readonly dataOffset: number;
}

/**
 * The tensors of a GGUF file, in the order of their bytes.
 * @param head the file's first bytes.
 * @returns `undefined` if the header goes on behind `head`.
 * @throws StrongroomError MODEL_INVALID.
 */
export function parseGguf(
  head: Uint8Array,
  file: string,
  fileBytes: number,
): readonly TensorInfo[] | undefined {
  const reader = new Reader(head, file, fileBytes);
  try {
    return readHeader(reader, file, fileBytes);
  } catch (error) {
    if (error !== reader.goesOn) throw error;
    return undefined;
  }
}

function readHeader(reader: Reader, file: string, fileBytes: number): readonly TensorInfo[] {
  const refuse = (what: string) => modelInvalid(file, what);
  if (!reader.take(4).every((byte, i) => byte === 'GGUF'.charCodeAt(i))) {
    throw refuse('does not begin as GGUF does');
  }
  const version = reader.u32();
  if (version !== 2 && version !== 3) {
    throw refuse(`is of GGUF version ${version}, which is not supported`);
  }
  const tensorCount = reader.count(most.tensors, 'tensors');
  const pairCount = reader.count(most.pairs, 'pairs of metadata');
  let alignment = defaultAlignment;
  const keys = new Set<string>();
  for (let i = 0; i < pairCount; i++) {
    const key = reader.name();
    if (keys.has(key)) throw refuse(`has the key ${printable(key)} twice`);
    keys.add(key);
    const type = reader.u32();
    if (key !== 'general.alignment') {
      skipValue(reader, type, refuse);
      continue;
    }
    alignment = type === types.u32 ? reader.u32() : 0;
    const isPower = alignment > 0 && (alignment & (alignment - 1)) === 0;
    if (!isPower || alignment % 8 !== 0 || alignment > most.alignment) {
      throw refuse('states an impossible alignment');
    }
  }
  const described: Description[] = [];
  const names = new Set<string>();
  for (let i = 0; i < tensorCount; i++) {
    const description = describe(reader, file, refuse);
    const { name, dataOffset } = description;
    if (names.has(name)) throw refuse(`has the tensor ${printable(name)} twice`);
    if (dataOffset % alignment !== 0) throw refuse(`the tensor ${printable(name)} is not aligned`);
    names.add(name);
    described.push(description);
  }
  const dataAt = Math.ceil(reader.at / alignment) * alignment;
  return place(described, dataAt, fileBytes, refuse);
}

type Refuse = (what: string) => Error;

function describe(reader: Reader, file: string, refuse: Refuse): Description {
  const name = reader.name();
  assertTensorName(name, file);
  const dimensions = reader.u32();
  if (dimensions > most.dimensions) throw refuse(`${printable(name)} has too many dimensions`);
  // Stored with the innermost first
  const shape = Array.from({ length: dimensions }, () => reader.u64()).reverse();
  const type = reader.u32();
  const row = ggmlTypes[type];
  if (row === undefined) throw refuse(`${printable(name)} is of an unknown type, ${type}`);
  const [dtype, blockElements, blockBytes] = row;
  const count = elements(shape);
  if (count === undefined || (shape.at(-1) ?? 1) % blockElements !== 0) {
    throw refuse(`${printable(name)} has an impossible shape`);
  }
  return {
    name,
    dtype,
    shape,
    bytes: (count / blockElements) * blockBytes,
    dataOffset: reader.u64(),
  };
}

/** Whether they fit into the file, beside each other. */
function place(
  described: Description[],
  dataAt: number,
  fileBytes: number,
  refuse: Refuse,
): TensorInfo[] {
  described.sort((a, b) => a.dataOffset - b.dataOffset || a.bytes - b.bytes);
  let end = 0;
  return described.map(({ dataOffset, ...tensor }) => {
    const name = printable(tensor.name);
    if (dataOffset < end) throw refuse(`the tensor ${name} overlaps what comes before it`);
    end = dataOffset + tensor.bytes;
    if (!(dataAt + end <= fileBytes)) throw refuse(`the tensor ${name} ends behind the file`);
    return { ...tensor, offset: dataAt + dataOffset };
  });
}

function skipValue(reader: Reader, type: number, refuse: Refuse, depth = 0): void {
  const bytes = fixedBytes[type];
  if (bytes !== undefined) {
    reader.skip(bytes);
  } else if (type === types.string) {
    reader.skip(reader.u64());
  } else if (type === types.array && depth < most.depth) {
    const each = reader.u32();
    const count = reader.count(maxHeaderBytes, 'values in an array');
    const eachBytes = fixedBytes[each];
    if (eachBytes !== undefined) reader.skip(count * eachBytes);
    else for (let i = 0; i < count; i++) skipValue(reader, each, refuse, depth + 1);
  } else {
    throw refuse('has metadata of an unknown type');
  }
}

/** Reads forward; what would go beyond the file or the longest header is refused. */
class Reader {
  /** Thrown where the header goes on behind the bytes that are there. */
  readonly goesOn = new Error('the header goes on');
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #file: string;
  readonly #most: number;

  constructor(bytes: Uint8Array, file: string, fileBytes: number) {
    this.#bytes = bytes;
    this.#file = file;
    this.#most = Math.min(fileBytes, maxHeaderBytes);
  }

  skip(bytes: number): void {
    if (this.at + bytes > this.#most) {
      const why = this.#most < maxHeaderBytes ? 'ends before its header does' : 'header too long';
      throw modelInvalid(this.#file, why);
    }
    if (this.at + bytes > this.#bytes.length) throw this.goesOn;
    this.at += bytes;
  }

  take(bytes: number): Uint8Array {
    const from = this.at;
    this.skip(bytes);
    return this.#bytes.subarray(from, this.at);
  }

  u32(): number {
    return viewOf(this.take(4)).getUint32(0, true);
  }

  u64(): number {
    const value = Number(viewOf(this.take(8)).getBigUint64(0, true));
    if (Number.isSafeInteger(value)) return value;
    throw modelInvalid(this.#file, 'states a number that is too large');
  }

  count(limit: number, what: string): number {
    const count = this.u64();
    if (count <= limit) return count;
    throw modelInvalid(this.#file, `states ${count} ${what}, more than are allowed`);
  }

  name(): string {
    const bytes = this.take(this.count(most.nameBytes, 'bytes of a name'));
    try {
      return text(bytes);
    } catch (cause) {
      throw modelInvalid(this.#file, 'has a name that is not UTF-8', { cause });
    }
  }
}
