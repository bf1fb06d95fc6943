/**
 * The tensors of an archive, from the headers of its safetensors and GGUF files; nothing else of
 * those files is read, and nothing of others.
 */
import { StrongroomError } from '../../errors.ts';
import { printable } from '../../text.ts';
import type { FileEntry } from '../entry.ts';
import { parseGguf } from './gguf.ts';
import {
  lengthBytes,
  maxIndexBytes,
  parseSafetensors,
  parseShardIndex,
  safetensorsHeaderBytes,
} from './safetensors.ts';
import { maxHeaderBytes, modelInvalid, type TensorInfo } from './tensor.ts';

/** A tensor in an archive. */
export interface FoundTensor extends TensorInfo {
  /** Path of its file, in which `offset` counts. */
  readonly file: string;
}

/** Gives verified bytes of a file; fewer only at its end. */
export type ReadFile = (file: FileEntry, offset: number, length: number) => Promise<Uint8Array>;

type Parser = (file: FileEntry, read: ReadFile) => Promise<readonly TensorInfo[]>;

async function readSafetensors(file: FileEntry, read: ReadFile): Promise<readonly TensorInfo[]> {
  const { path, size } = file;
  const head = await read(file, 0, lengthBytes);
  const length = safetensorsHeaderBytes(head, path, size);
  return parseSafetensors(await read(file, lengthBytes, length), path, size);
}

/** How much of a GGUF file is read at first; most headers, vocabulary included, are longer. */
const firstBytes = 2 ** 20;

async function readGguf(file: FileEntry, read: ReadFile): Promise<readonly TensorInfo[]> {
  const { path, size } = file;
  for (let length = firstBytes; ; length *= 4) {
    const tensors = parseGguf(await read(file, 0, Math.min(length, size)), path, size);
    if (tensors !== undefined) return tensors;
    if (length >= Math.min(size, maxHeaderBytes)) throw modelInvalid(path, 'header too long');
  }
}

const parsers: Readonly<Record<string, Parser>> = {
  safetensors: readSafetensors,
  gguf: readGguf,
};

const endingOf = (path: string) => path.slice(path.lastIndexOf('.') + 1).toLowerCase();

/** Whether tensors are looked for in a file: its name decides. */
export const holdsTensors = ({ path }: FileEntry): boolean =>
  Object.hasOwn(parsers, endingOf(path));

/**
 * The tensors of one file, in the order of their bytes.
 * @throws StrongroomError MODEL_INVALID; those of `read`.
 */
export async function tensorsOf(file: FileEntry, read: ReadFile): Promise<readonly FoundTensor[]> {
  const parser = parsers[endingOf(file.path)] as Parser;
  return (await parser(file, read)).map((tensor) => ({ file: file.path, ...tensor }));
}

const indexEnding = '.safetensors.index.json';

/**
 * All tensors of an archive, in the order of its files. An index of shards must agree with them.
 * @throws StrongroomError MODEL_INVALID; those of `read`.
 */
export async function findTensors(
  files: readonly FileEntry[],
  read: ReadFile,
): Promise<readonly FoundTensor[]> {
  const found: FoundTensor[] = [];
  const places = new Set<string>();
  for (const file of files.filter(holdsTensors)) {
    for (const tensor of await tensorsOf(file, read)) {
      found.push(tensor);
      places.add(placeOf(tensor.file, tensor.name));
    }
  }
  for (const index of files.filter(({ path }) => path.endsWith(indexEnding))) {
    for (const [name, shard] of await shardsOf(index, read)) {
      if (places.has(placeOf(shard, name))) continue;
      const what = `names the tensor ${printable(name)}, which is not in ${printable(shard)}`;
      throw modelInvalid(index.path, what);
    }
  }
  return found;
}

/** No path holds a line feed. */
const placeOf = (file: string, name: string) => `${file}\n${name}`;

/** By tensor, the paths that an index names. */
async function shardsOf(index: FileEntry, read: ReadFile): Promise<ReadonlyMap<string, string>> {
  const { path, size } = index;
  if (size > maxIndexBytes) throw modelInvalid(path, 'longer than an index may be');
  const beside = path.slice(0, path.lastIndexOf('/') + 1);
  const shards = parseShardIndex(await read(index, 0, size), path);
  return new Map([...shards].map(([name, shard]) => [name, beside + shard]));
}

/**
 * The tensor of that name; only in `file`, if it is given. Where an index of shards says which
 * file holds it, only that file's header is read.
 * @throws StrongroomError NO_SUCH_TENSOR if there is none, or more than one; MODEL_INVALID.
 */
export async function findTensor(
  files: readonly FileEntry[],
  read: ReadFile,
  name: string,
  file?: string,
): Promise<FoundTensor> {
  const indexed = file === undefined ? await indexedShards(files, read, name) : [];
  const wanted = file === undefined ? indexed : [file];
  const candidates = files.filter(holdsTensors);
  const chosen =
    wanted.length === 0 ? candidates : candidates.filter(({ path }) => wanted.includes(path));
  const found: FoundTensor[] = [];
  for (const each of chosen) {
    found.push(...(await tensorsOf(each, read)).filter((tensor) => tensor.name === name));
  }
  const [first, second] = found;
  if (first !== undefined && second === undefined) return first;
  const where = file === undefined ? 'the archive' : printable(file);
  const message =
    second === undefined
      ? `there is no tensor ${printable(name)} in ${where}`
      : `${printable(name)} is in ${printable(first?.file ?? '')} and ${printable(second.file)}`;
  throw new StrongroomError('NO_SUCH_TENSOR', message, {
    ...(second === undefined ? {} : { hint: 'name the file as well' }),
  });
}

/** The files in which indexes say that the tensor is. */
async function indexedShards(
  files: readonly FileEntry[],
  read: ReadFile,
  name: string,
): Promise<string[]> {
  const found: string[] = [];
  const indexes = files.filter(({ path }) => path.endsWith(indexEnding));
  for (const index of indexes) {
    const shard = (await shardsOf(index, read)).get(name);
    if (shard !== undefined) found.push(shard);
  }
  // Each of two models may have one of that name
  return indexes.length === 1 ? found : [];
}
