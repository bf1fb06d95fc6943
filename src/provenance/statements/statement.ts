/**
 * What a custody file says, one signed line for each event: in-toto Statements with predicates
 * of our own (docs/provenance.md#the-custody-file, docs/schemas/custody.v1.json).
 *
 * They hold ids of keys and digests of what is public or salted, never names or plaintext.
 */
import { z } from 'zod';
import { base64 } from '../../bytes.ts';
import { sha384 } from '../../crypto/hash.ts';
import {
  decodeStatement,
  type Envelope,
  signStatement,
  statementType,
  treeDigest,
} from '../../keys/envelope.ts';
import { type Signer, schemas, signingIds } from '../../keys/signed.ts';

export const maxStatementBytes = 2 ** 22;
const maxKeys = 10_000;

const digest = schemas.base64(48);
const keys = z.array(schemas.keyId).max(maxKeys);
const count = z.int().min(0).max(maxKeys);
const ring = z.strictObject({ digest, epoch: z.int().min(1) });
const otherArchive = z.strictObject({ archive: schemas.keyId, contentRoot: treeDigest });

/** What every event states. */
const common = {
  /** Hex, the archive id, and base64, the hash of its core. */
  archive: schemas.keyId,
  core: digest,
  /** From 1. */
  number: z.int().min(1),
  /** SHA-384 over the line before, without its newline; absent in the first. */
  previous: digest.exactOptional(),
  /** Random: without the line nobody can tell what its digest is of. */
  salt: schemas.base64(32),
  /** Signing key ids, in the suite's order. */
  signer: z.array(schemas.keyId).min(1).max(8),
  /** As the signer states it. */
  time: schemas.time,
};

/** Who can open it: KEM key ids, how many are hidden, and splits of the key. */
const access = { hidden: count, quorums: z.array(schemas.keyId).max(16) };

const predicates = {
  sealed: z.strictObject({
    ...common,
    ...access,
    contents: digest.exactOptional(),
    from: otherArchive.extend({ statement: digest.exactOptional() }).exactOptional(),
    recipients: keys,
    ring,
    seal: digest,
    sealedAt: schemas.time,
  }),
  access: z.strictObject({
    ...common,
    ...access,
    added: keys,
    removed: keys,
    ring: ring.extend({ previous: digest }),
  }),
  gap: z.strictObject({
    ...common,
    ...access,
    recipients: keys,
    ring: ring.extend({ previous: digest }),
  }),
  rekeyed: z.strictObject({ ...common, ring, to: otherArchive.extend({ seal: digest }) }),
  released: z.strictObject({
    ...common,
    approvals: z
      .array(z.strictObject({ digest, key: schemas.keyId }))
      .min(1)
      .max(16 * 255),
    request: digest,
    ring,
    split: schemas.keyId,
  }),
  opened: z.strictObject({
    ...common,
    contents: digest,
    quorum: schemas.keyId.exactOptional(),
    ring,
    whole: z.boolean(),
  }),
} as const;

export type EventName = keyof typeof predicates;
export type Predicate<K extends EventName> = z.infer<(typeof predicates)[K]>;

const typePrefix = 'urn:strongroom:custody-';
const typeOf = <K extends EventName>(event: K) => `${typePrefix}${event}:v1` as const;

const subject = z.tuple([
  z.strictObject({
    digest: z.union([
      z.strictObject({ 'strongroom-tree-blake3': z.string().regex(/^[0-9a-f]{64}$/) }),
      z.strictObject({ 'strongroom-tree-sha384': z.string().regex(/^[0-9a-f]{96}$/) }),
    ]),
  }),
]);

const shapeOf = <K extends EventName>(event: K) =>
  z.strictObject({
    _type: z.literal(statementType),
    predicate: predicates[event],
    predicateType: z.literal(typeOf(event)),
    subject,
  });

const schema = z.discriminatedUnion('predicateType', [
  shapeOf('sealed'),
  shapeOf('access'),
  shapeOf('gap'),
  shapeOf('rekeyed'),
  shapeOf('released'),
  shapeOf('opened'),
]);

export type Subject = z.infer<typeof subject>;

/** What each line adds by where it stands and who signs it. */
type Placed = 'number' | 'previous' | 'signer' | 'time';

/** An event before it has its place. */
export type NewEvent = {
  [K in EventName]: {
    readonly event: K;
    readonly subject: Subject;
    readonly predicate: Omit<Predicate<K>, Placed>;
  };
}[EventName];

/** A line: its signatures are not verified yet. */
export type Statement = {
  [K in EventName]: {
    readonly event: K;
    readonly predicate: Predicate<K>;
  };
}[EventName] & {
  /** Hex. */
  readonly contentRoot: string;
  readonly envelope: Envelope;
  /** The line without its newline, and base64 of SHA-384 over it. */
  readonly bytes: Uint8Array;
  readonly digest: string;
};

/** Where a statement stands in its file. */
export interface Place {
  readonly number: number;
  readonly previous: string | undefined;
  readonly time: string;
}

/** Signs an event in its place. */
export function createStatement(
  { event, subject, predicate }: NewEvent,
  { number, previous, time }: Place,
  signer: Signer,
): Statement {
  const placed = {
    ...predicate,
    number,
    ...(previous === undefined ? {} : { previous }),
    signer: signingIds(signer.card),
    time,
  };
  const body = {
    _type: statementType,
    predicate: placed,
    predicateType: typeOf(event),
    subject,
  };
  return parseStatement(signStatement(body, signer), 'new statement');
}

/**
 * Parses a line.
 * @param what names it in messages.
 * @throws StrongroomError CUSTODY_INVALID.
 */
export function parseStatement(bytes: Uint8Array, what: string): Statement {
  const kind = { what, code: 'CUSTODY_INVALID', maxBytes: maxStatementBytes } as const;
  const { envelope, statement } = decodeStatement(bytes, schema, kind);
  const [root = ''] = Object.values(statement.subject[0].digest);
  return {
    event: statement.predicateType.slice(typePrefix.length, -':v1'.length) as EventName,
    predicate: statement.predicate,
    contentRoot: root,
    envelope,
    bytes,
    digest: base64(sha384(bytes)),
  } as Statement;
}
