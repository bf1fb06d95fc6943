/**
 * The header of a safetensors file: `u64 little-endian N ‖ N bytes of JSON ‖ tensors`.
 * Specification: https://github.com/huggingface/safetensors#format. As there, the header has at
 * most 100 MB and begins with `{`, no name comes twice, and the tensors cover the rest of the
 * file without holes or overlaps.
 */
import { z } from 'zod';
import { text, viewOf } from '../../bytes.ts';
import { faultInLayout, holdsMore } from '../../json.ts';
import { printable } from '../../text.ts';
import {
  assertTensorName,
  elements,
  maxHeaderBytes,
  maxHeaderValues,
  modelInvalid,
  type TensorInfo,
} from './tensor.ts';

/** Bits of one element. */
const bits: Readonly<Record<string, number>> = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
};

/** Of the length that comes first. */
export const lengthBytes = 8;

const integer = z.int().min(0);

const tensorSchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(integer).max(64),
  data_offsets: z.tuple([integer, integer]),
});

const metadataSchema = z.record(z.string(), z.string());

/**
 * The length of the header, from the first eight bytes.
 * @throws StrongroomError MODEL_INVALID.
 */
export function safetensorsHeaderBytes(head: Uint8Array, file: string, fileBytes: number): number {
  if (head.length < lengthBytes) throw modelInvalid(file, 'too short for safetensors');
  const length = viewOf(head).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) {
    throw modelInvalid(file, `states a header of ${length} bytes, more than are allowed`);
  }
  if (lengthBytes + Number(length) > fileBytes) {
    throw modelInvalid(file, 'ends before its header does');
  }
  return Number(length);
}

/**
 * The tensors that a header names, in the order of their bytes.
 * @param header the JSON.
 * @throws StrongroomError MODEL_INVALID.
 */
export function parseSafetensors(
  header: Uint8Array,
  file: string,
  fileBytes: number,
): readonly TensorInfo[] {
  const members = parseHeader(header, file);
  const dataAt = lengthBytes + header.length;
  const tensors: TensorInfo[] = [];
  for (const [name, value] of Object.entries(members)) {
    if (name === '__metadata__') {
      if (!metadataSchema.safeParse(value).success) {
        throw modelInvalid(file, '__metadata__ is not a map of strings');
      }
      continue;
    }
    tensors.push(tensorOf(name, value, dataAt, file));
  }
  tensors.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  let end = dataAt;
  for (const { name, offset, bytes } of tensors) {
    if (offset !== end) {
      const what = offset < end ? 'overlaps what comes before it' : 'leaves a hole before it';
      throw modelInvalid(file, `the tensor ${printable(name)} ${what}`);
    }
    end += bytes;
  }
  if (end !== fileBytes) throw modelInvalid(file, 'its tensors do not end where the file does');
  return tensors;
}

function parseHeader(header: Uint8Array, file: string): Record<string, unknown> {
  if (header[0] !== 0x7b) throw modelInvalid(file, 'its header does not begin with a brace');
  if (holdsMore(header, maxHeaderValues)) {
    throw modelInvalid(file, `its header has more than ${maxHeaderValues} values`);
  }
  let source: string;
  let value: unknown;
  try {
    source = text(header);
    value = JSON.parse(source);
  } catch (cause) {
    throw modelInvalid(file, 'its header is not JSON', { cause });
  }
  const fault = faultInLayout(source);
  if (fault !== undefined) throw modelInvalid(file, `its header: ${fault}`);
  return value as Record<string, unknown>;
}

function tensorOf(name: string, value: unknown, dataAt: number, file: string): TensorInfo {
  assertTensorName(name, file);
  const refuse = (what: string) => modelInvalid(file, `the tensor ${printable(name)} ${what}`);
  const parsed = tensorSchema.safeParse(value);
  if (!parsed.success) throw refuse('is not described as the format wants it');
  const { dtype, shape, data_offsets: offsets } = parsed.data;
  const [from, to] = offsets;
  const each = Object.hasOwn(bits, dtype) ? bits[dtype] : undefined;
  if (each === undefined) throw refuse(`is of an unknown dtype, ${printable(dtype)}`);
  const count = elements(shape);
  if (count === undefined || !Number.isSafeInteger(count * each) || (count * each) % 8 !== 0) {
    throw refuse('has an impossible shape');
  }
  if (to - from !== (count * each) / 8) throw refuse('is not as long as its shape says');
  return { name, dtype, shape, offset: dataAt + from, bytes: to - from };
}

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/** The longest index of shards that is read. */
export const maxIndexBytes = maxHeaderBytes;

/**
 * `model.safetensors.index.json`: which shard holds which tensor.
 * @returns file names, relative to the index, by tensor.
 * @throws StrongroomError MODEL_INVALID.
 */
export function parseShardIndex(bytes: Uint8Array, file: string): ReadonlyMap<string, string> {
  if (holdsMore(bytes, maxHeaderValues)) {
    throw modelInvalid(file, `has more than ${maxHeaderValues} values`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text(bytes));
  } catch (cause) {
    throw modelInvalid(file, 'not JSON', { cause });
  }
  const parsed = indexSchema.safeParse(value);
  if (!parsed.success) throw modelInvalid(file, 'has no weight_map of tensors to files');
  return new Map(Object.entries(parsed.data.weight_map));
}
