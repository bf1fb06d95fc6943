/**
 * What of a plan only the planner and the workers can read: which files there are, where each of
 * their bytes goes, and what they were when the plan was made (docs/plans.md, "The private part").
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { z } from 'zod';
import { assertEntries, entriesSchema } from '../archive/manifest.ts';
import { claimsSchema } from '../archive/seal.ts';
import { base64, concat, fromBase64, fromHex } from '../bytes.ts';
import { decryptAll, encryptAll } from '../crypto/floe.ts';
import { isStrongroomError, StrongroomError } from '../errors.ts';
import { decodeJson, encodeJson } from '../json.ts';
import { schemas } from '../keys/signed.ts';
import type { PlanContext } from './keys.ts';

export const maxPrivateBytes = 2 ** 28;
/** Of the plaintext, and of the headers of a tar once they are inflated. */
const maxPlaintextBytes = 2 ** 28 - 2 ** 16;
const maxHeaderBytes = 2 ** 30;
const segmentBytes = 2 ** 20;

const whole = z.int().min(0);
const path = z.string().min(1).max(4096);
/** Nanoseconds since 1970, which are too many for a number. */
const nanoseconds = z.string().regex(/^-?(0|[1-9]\d{0,18})$/);

const sealing = z.strictObject({
  /** Absolute; what paths are relative to. */
  base: path,
  claims: claimsSchema.exactOptional(),
  entries: entriesSchema,
  /** What the stream is made of beside its headers, none of it empty: a column each. */
  files: z.strictObject({
    at: z.array(whole),
    mtimes: z.array(nanoseconds),
    paths: z.array(path),
    sizes: z.array(whole),
  }),
  /** Headers of the tar, and its padding: where each run is, how long, and all of them deflated. */
  headers: z.strictObject({ at: z.array(whole), bytes: schemas.base64(), lengths: z.array(whole) }),
  type: z.literal('strongroom/plan-sealing'),
  /** Directories, and files without bytes. */
  unread: z.array(z.strictObject({ mtime: nanoseconds, path, size: whole.exactOptional() })),
  version: z.literal(1),
});

const opening = z.strictObject({
  entries: entriesSchema,
  /** By files: how many of the files each range has. */
  files: z.array(whole).exactOptional(),
  type: z.literal('strongroom/plan-opening'),
  version: z.literal(1),
});

export type Sealing = z.infer<typeof sealing>;
export type Opening = z.infer<typeof opening>;

const aadOf = ({ id, core }: PlanContext) => concat(fromHex(id), core.hash);

/** @throws StrongroomError SOURCE_UNSUPPORTED for more than a plan can hold. */
export function sealPrivate(
  content: Sealing | Opening,
  context: PlanContext,
  planKey: Uint8Array,
): Uint8Array {
  const plaintext = encodeJson(content);
  if (plaintext.length > maxPlaintextBytes) {
    throw new StrongroomError('SOURCE_UNSUPPORTED', 'too many files for one plan');
  }
  return encryptAll(planKey, aadOf(context), segmentBytes, plaintext);
}

/** An encrypted private part. */
export interface Hidden {
  readonly bytes: Uint8Array;
  readonly context: PlanContext;
  readonly planKey: Uint8Array;
  /** For messages. */
  readonly name: string;
}

/** @throws StrongroomError PLAN_INVALID. */
export function openSealing(hidden: Hidden): Sealing {
  const content = openPrivate(hidden, sealing);
  const { at, ...columns } = content.files;
  if (Object.values(columns).every(({ length }) => length === at.length)) return content;
  const message = `${whatOf(hidden)}: does not say of all files the same`;
  throw new StrongroomError('PLAN_INVALID', message, { file: hidden.name });
}

/** What a plan to open says of its ranges, for everybody. */
interface Division {
  readonly by: 'segments' | 'files';
  readonly payload: { readonly length: number };
  readonly ranges: number;
}

/**
 * Whoever made the plan may be trusted with what the files hold, and is not with where they go:
 * entries keep the rules that a manifest's do.
 * @throws StrongroomError PLAN_INVALID, ENTRY_UNSAFE.
 */
export function openOpening(hidden: Hidden, { by, payload, ranges }: Division): Opening {
  const content = openPrivate(hidden, opening);
  const { entries, files } = content;
  const invalid = (fault: string) =>
    new StrongroomError('PLAN_INVALID', `${whatOf(hidden)}: ${fault}`, { file: hidden.name });
  assertEntries(entries, payload.length, invalid);
  if ((by === 'files') !== (files !== undefined)) throw invalid('is divided in another way');
  if (files === undefined) return content;
  const all = entries.filter(({ type }) => type === 'file').length;
  if (files.length === ranges && files.reduce((sum, count) => sum + count, 0) === all) {
    return content;
  }
  throw invalid('does not divide all files among the ranges');
}

const whatOf = ({ name }: Hidden): string => `${name}: private part`;

function openPrivate<T>(hidden: Hidden, schema: z.ZodType<T>): T {
  const { bytes, context, planKey, name } = hidden;
  const what = whatOf(hidden);
  let plaintext: Uint8Array;
  try {
    plaintext = decryptAll(planKey, aadOf(context), segmentBytes, bytes);
  } catch (cause) {
    if (!isStrongroomError(cause)) throw cause;
    throw new StrongroomError('PLAN_INVALID', `${what}: does not decrypt`, { file: name, cause });
  }
  return decodeJson(plaintext, schema, {
    what,
    code: 'PLAN_INVALID',
    maxBytes: maxPlaintextBytes,
  });
}

/** The headers of a tar as a plan holds them: mostly zeros, which a kilobyte of them hardly shows. */
export const deflateHeaders = (bytes: Uint8Array): string => base64(deflateRawSync(bytes));

export const inflateHeaders = (deflated: string): Uint8Array =>
  inflateRawSync(fromBase64(deflated), { maxOutputLength: maxHeaderBytes });
