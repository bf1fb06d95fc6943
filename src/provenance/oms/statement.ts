/**
 * The statement of Open Model Signing: which files a model has, by SHA-256. An in-toto
 * Statement v1 with the predicate of OMS v1.0.
 *
 * github.com/ossf/model-signing-spec, spec/v1.0.md; in-toto Statement v1
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { FileDigests, Sharding } from '../../archive/digests.ts';
import { fromHex } from '../../bytes.ts';
import { StrongroomError } from '../../errors.ts';
import { decodeAnyLayout, encodeJson } from '../../json.ts';
import { statementType } from '../../keys/envelope.ts';
import { maxBundleBytes } from './bundle.ts';

const predicateType = 'https://model_signing/signature/v1.0';

/** Where a bundle lies in a model, and the same statement signed by an identity. */
export const bundleName = 'model.sig';
export const envelopeName = 'model.intoto.jsonl';

/** What never counts as part of a model: at its root, files and directories alike. */
export const neverSigned = [
  '.git',
  '.gitattributes',
  '.github',
  '.gitignore',
  bundleName,
  envelopeName,
];

/** One file or shard of a model. */
export interface Resource {
  /** A path relative to the model, or `path:start:end` for a shard, in bytes. */
  readonly name: string;
  /** Hex, SHA-256. */
  readonly digest: string;
}

/** What a statement says. */
export interface OmsStatement extends Sharding {
  /** Of the model; informative. */
  readonly name: string;
  /** Hex: SHA-256 over the joined digests. It names the model whatever archive holds it. */
  readonly root: string;
  readonly resources: readonly Resource[];
  /** Paths relative to the model that nothing is said of, with all that is below them. */
  readonly ignored: readonly string[];
  /** Whether symbolic links were followed. */
  readonly followSymlinks: boolean;
}

/** A model as it was measured. */
export interface MeasuredModel extends Sharding {
  readonly name: string;
  /** In any order. */
  readonly files: readonly { readonly path: string; readonly size: number }[];
  /** Of `files`, in their order. */
  readonly digests: FileDigests;
  readonly followSymlinks: boolean;
}

/** SHA-256 over the raw digests in the order that they are listed. */
const rootOf = (resources: readonly Resource[]): string => {
  const hash = createHash('sha256');
  for (const { digest } of resources) hash.update(fromHex(digest));
  return hash.digest('hex');
};

/** Tells whether a path is one of `ignored`, or below one. */
export function ignores(ignored: readonly string[]): (path: string) => boolean {
  // As paths are understood: `./a/` is `a`, and `.` is everything
  const normal = ignored.map((path) =>
    path
      .split('/')
      .filter((part) => part !== '' && part !== '.')
      .join('/'),
  );
  return (path) =>
    normal.some((other) => other === '' || path === other || path.startsWith(`${other}/`));
}

/** How a file, or a shard of it, is called. */
export function resourceName(
  { path, size }: { readonly path: string; readonly size: number },
  shard: number,
  { shardSize }: Sharding,
): string {
  if (shardSize === undefined) return path;
  const start = shard * shardSize;
  return `${path}:${start}:${Math.min(start + shardSize, size)}`;
}

/** Files or shards with their digests, by the code points of their paths and then by offset. */
export function resourcesOf(
  { files, digests, shardSize }: Pick<MeasuredModel, 'files' | 'digests' | 'shardSize'>,
  ignored: readonly string[],
): Resource[] {
  const isIgnored = ignores(ignored);
  return files
    .map(({ path, size }, i) => ({ path, size, digests: digests[i] ?? [] }))
    .filter(({ path }) => !isIgnored(path))
    .sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
    .flatMap(({ path, size, digests }) =>
      digests.map((digest, shard) => {
        return { name: resourceName({ path, size }, shard, { shardSize }), digest };
      }),
    );
}

/**
 * The statement about a model, ready to be signed: the same bytes for the same model.
 * @param outputs more paths that nothing is said of, since signatures will lie there.
 */
export function encodeStatement(
  model: MeasuredModel,
  outputs: readonly string[] = [],
): Uint8Array<ArrayBuffer> {
  const { shardSize } = model;
  const ignored = [...new Set([...neverSigned, ...outputs])].sort();
  const resources = resourcesOf(model, ignored);
  const algorithm = shardSize === undefined ? 'sha256' : `sha256-sharded-${shardSize}`;
  return encodeJson({
    _type: statementType,
    subject: [{ name: model.name, digest: { sha256: rootOf(resources) } }],
    predicateType,
    predicate: {
      resources: resources.map((resource) => ({ ...resource, algorithm })),
      serialization: {
        allow_symlinks: model.followSymlinks,
        hash_type: 'sha256',
        ignore_paths: ignored,
        method: shardSize === undefined ? 'files' : 'shards',
        ...(shardSize === undefined ? {} : { shard_size: shardSize }),
      },
    },
  });
}

const digest = z.string().regex(/^[0-9a-f]{64}$/, 'not a SHA-256 digest');
const common = {
  allow_symlinks: z.boolean(),
  hash_type: z.literal('sha256', 'only SHA-256 is supported'),
  ignore_paths: z.array(z.string().min(1)).optional(),
};

const schema = z.object({
  _type: z.literal(statementType),
  subject: z.tuple([z.object({ name: z.string(), digest: z.object({ sha256: digest }) })]),
  predicateType: z.literal(predicateType),
  predicate: z.strictObject({
    resources: z.array(z.object({ name: z.string().min(1), digest, algorithm: z.string() })),
    serialization: z.discriminatedUnion('method', [
      z.strictObject({ ...common, method: z.literal('files') }),
      z.strictObject({ ...common, method: z.literal('shards'), shard_size: z.int().min(1) }),
    ]),
  }),
});

/**
 * Reads a statement in any layout: what others sign need not be canonical.
 * @param where names it in errors.
 * @throws StrongroomError OMS_INVALID, also if its root is not that of its resources.
 */
export function decodeStatement(bytes: Uint8Array, where: string): OmsStatement {
  const refuse = (why: string) =>
    new StrongroomError('OMS_INVALID', `${where}: ${why}`, { file: where });
  const { subject, predicate } = decodeAnyLayout(bytes, schema, {
    what: `${where}: not a statement of model signing v1.0`,
    file: where,
    code: 'OMS_INVALID',
    maxBytes: maxBundleBytes,
  });
  const { resources, serialization } = predicate;
  const shardSize = serialization.method === 'shards' ? serialization.shard_size : undefined;
  const algorithms = [
    'sha256',
    ...(shardSize === undefined ? [] : [`sha256-sharded-${shardSize}`]),
  ];
  for (const { name, algorithm } of resources) {
    if (!algorithms.includes(algorithm)) throw refuse(`${name}: hashed with ${algorithm}`);
  }
  const [{ name, digest }] = subject;
  if (rootOf(resources) !== digest.sha256) throw refuse('its root is not that of its files');
  return {
    name,
    root: digest.sha256,
    resources: resources.map((resource) => ({ name: resource.name, digest: resource.digest })),
    ignored: serialization.ignore_paths ?? [],
    followSymlinks: serialization.allow_symlinks,
    shardSize,
  };
}
