/** The seal: the author's signed statement of what the archive holds (docs/format.md, "Seal"). */
import { z } from 'zod';
import { base64, equal, fromHex, hex } from '../bytes.ts';
import { floeHeaderBytes, segmentCount } from '../crypto/floe.ts';
import { maxSegments } from '../crypto/segment.ts';
import { type SuiteName, suites } from '../crypto/suites.ts';
import { StrongroomError } from '../errors.ts';
import { encodeJson, isPlainJson } from '../json.ts';
import { type Card, isValidAt } from '../keys/card.ts';
import { assertSignedWhileActive } from '../keys/enforce.ts';
import {
  decodeStatement,
  type Envelope,
  signStatement,
  statementType,
  statementVerifies,
  treeDigest,
} from '../keys/envelope.ts';
import type { Identity } from '../keys/identity.ts';
import { type Trust, trustedCard } from '../keys/policy.ts';
import { schemas } from '../keys/signed.ts';
import { timeOf } from '../time.ts';
import type { Core } from './core.ts';
import { commitBytes } from './filekey.ts';
import { untrustedAuthor } from './untrusted.ts';

export const maxSealBytes = 2 ** 20;
export const maxClaimsBytes = 65536;

/** JSON as docs/format.md allows it: no null, no numbers but integers from 0. */
export const claimsSchema = z.record(
  z.string(),
  z.json().refine(isPlain, 'null, or a number that is not an integer from 0 to 2^53 - 1'),
);

function isPlain(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0;
  if (typeof value !== 'object') return true;
  return value !== null && Object.values(value).every(isPlain);
}

/** Whether `claims` can be sealed; their length is another matter. */
export const areClaims = (claims: unknown): boolean =>
  isPlainJson(claims) && claimsSchema.safeParse(claims).success;

const authorSchema = z.strictObject({ keys: z.array(schemas.keyId).max(8), name: schemas.name() });

/** An archive whose content was sealed anew, under another key. */
const predecessor = z.strictObject({
  archive: schemas.keyId,
  author: authorSchema,
  contentRoot: treeDigest,
  time: schemas.time,
});
export type Predecessor = z.infer<typeof predecessor>;

/** How often content can be sealed anew. */
export const maxPredecessors = 256;

const statement = z.strictObject({
  _type: z.literal(statementType),
  predicate: z.strictObject({
    archive: schemas.keyId,
    author: authorSchema,
    claims: claimsSchema.exactOptional(),
    commit: schemas.base64(commitBytes),
    core: schemas.base64(48),
    floe: schemas.base64(floeHeaderBytes),
    manifest: z.strictObject({ digest: treeDigest, length: z.int().min(0) }),
    payload: z.strictObject({ length: z.int().min(0), segments: z.int().min(1).max(maxSegments) }),
    rekeyed: z.array(predecessor).min(1).max(maxPredecessors).exactOptional(),
    suite: z.enum(Object.keys(suites) as SuiteName[]),
    time: schemas.time,
  }),
  predicateType: z.literal('urn:strongroom:seal:v1'),
  subject: z.tuple([z.strictObject({ digest: z.record(z.string(), treeDigest) })]),
});

type Statement = z.infer<typeof statement>;

/** What the author says of an archive. */
export interface Seal {
  readonly predicate: Statement['predicate'];
  readonly contentRoot: Uint8Array;
  /** The DSSE envelope as it stands in the archive. */
  readonly bytes: Uint8Array;
  readonly envelope: Envelope;
}

/** The author's own statements: any JSON of objects, arrays, strings, booleans and integers. */
export type Claims = NonNullable<Statement['predicate']['claims']>;

export interface NewSeal {
  readonly core: Core;
  readonly signer: Identity;
  readonly claims: Claims | undefined;
  /** The archives that this one's content comes from, the oldest first. */
  readonly rekeyed?: readonly Predecessor[] | undefined;
  readonly commit: Uint8Array;
  readonly floeHeader: Uint8Array;
  /** The manifest as encrypted. */
  readonly manifest: Uint8Array;
  readonly payload: { readonly length: number; readonly segments: number };
  readonly contentRoot: Uint8Array;
}

/** How a subject names its digest, which is a content root. */
export const subjectName = (core: Core): string => `strongroom-tree-${core.suite.hash.name}`;

export function createSeal(seal: NewSeal): Seal {
  const { core, signer, claims } = seal;
  const body: Statement = {
    _type: statementType,
    predicate: {
      archive: hex(core.archiveId),
      author: { keys: [...core.authors], name: signer.card.name },
      ...(claims === undefined ? {} : { claims }),
      commit: base64(seal.commit),
      core: base64(core.hash),
      floe: base64(seal.floeHeader),
      manifest: {
        digest: hex(core.suite.hash.digest(seal.manifest)),
        length: seal.manifest.length,
      },
      payload: { length: seal.payload.length, segments: seal.payload.segments },
      ...(seal.rekeyed === undefined ? {} : { rekeyed: [...seal.rekeyed] }),
      suite: core.suite.name,
      time: timeOf(),
    },
    predicateType: 'urn:strongroom:seal:v1',
    subject: [{ digest: { [subjectName(core)]: hex(seal.contentRoot) } }],
  };
  return decodeSeal(signStatement(body, signer), core, 'new seal');
}

/**
 * Parses a seal and holds it against the core. It is not trusted yet.
 * @throws StrongroomError SEAL_INVALID, SEAL_MISMATCH.
 */
export function decodeSeal(bytes: Uint8Array, core: Core, name: string): Seal {
  const kind = { what: `${name}: seal`, code: 'SEAL_INVALID', maxBytes: maxSealBytes } as const;
  const decoded = decodeStatement(bytes, statement, kind);
  const { predicate, subject } = decoded.statement;
  const invalid = (what: string) =>
    new StrongroomError('SEAL_INVALID', `${name}: ${what}`, { file: name });
  const mismatch = (what: string) =>
    new StrongroomError('SEAL_MISMATCH', `${name}: the seal ${what}`, { file: name });
  if (
    predicate.archive !== hex(core.archiveId) ||
    predicate.core !== base64(core.hash) ||
    predicate.suite !== core.suite.name ||
    predicate.author.keys.join() !== core.authors.join()
  ) {
    throw mismatch('does not belong to this core');
  }
  if (predicate.claims !== undefined && encodeJson(predicate.claims).length > maxClaimsBytes) {
    throw invalid(`the claims are longer than ${maxClaimsBytes} bytes`);
  }
  const [{ digest }] = subject;
  const root = fromHex(digest[subjectName(core)] ?? '');
  if (Object.keys(digest).length !== 1 || root.length !== core.suite.hash.bytes) {
    throw invalid(`the subject of the seal is not one ${subjectName(core)}`);
  }
  if (fromHex(predicate.manifest.digest).length !== core.suite.hash.bytes) {
    throw invalid('the digest of the manifest is of the wrong length');
  }
  for (const { author, contentRoot } of predicate.rekeyed ?? []) {
    if (fromHex(contentRoot).length !== core.suite.hash.bytes) {
      throw invalid('the content root of a predecessor is of the wrong length');
    }
    if (author.keys.length !== core.authors.length) {
      throw invalid('the author of a predecessor has the wrong number of keys');
    }
  }
  const segments = segmentCount(predicate.payload.length, core.segmentBytes);
  if (predicate.payload.segments !== segments) {
    throw mismatch(
      `states ${predicate.payload.segments} segments where its length makes ${segments}`,
    );
  }
  return { predicate, contentRoot: root, bytes: new Uint8Array(bytes), envelope: decoded.envelope };
}

/** Whether the signatures on a seal are those of a card; when it was valid is another matter. */
export const isSealedBy = ({ envelope }: Seal, card: Card): boolean =>
  statementVerifies(envelope, card);

/**
 * The author of a seal, if the reader trusts them as one.
 * @throws StrongroomError SEAL_UNTRUSTED, KEY_COMPROMISED.
 */
export function trustSeal(seal: Seal, core: Core, trust: Trust, name: string): Card {
  const { predicate } = seal;
  const untrusted = (what: string) =>
    new StrongroomError('SEAL_UNTRUSTED', `${name}: ${what}`, { file: name });
  const card = trustedCard(trust, 'author', core.authors);
  if (card === undefined || card.suite !== core.suite) {
    throw untrustedAuthor(core, trust, name, 'SEAL_UNTRUSTED');
  }
  if (!isSealedBy(seal, card)) {
    throw untrusted(`the signature of ${card.name} on the seal is wrong`);
  }
  if (!isValidAt(card, predicate.time)) {
    throw untrusted(`was sealed at ${predicate.time}, when the card of ${card.name} was not valid`);
  }
  const { time } = predicate;
  assertSignedWhileActive(trust, { by: card, time, name, verb: 'sealed', code: 'SEAL_UNTRUSTED' });
  return card;
}

/** Whether the manifest, as encrypted, is the one that was sealed. */
export const manifestFits = (seal: Seal, core: Core, manifest: Uint8Array): boolean =>
  equal(core.suite.hash.digest(manifest), fromHex(seal.predicate.manifest.digest));
