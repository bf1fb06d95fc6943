/**
 * The lines of the journal of unfinished work (docs/resume.md). The first says what the work is,
 * and is signed by whoever does it, so that nobody else can begin one. The secret in it is sealed
 * to them alone: the key of the MACs that the other lines are, and of a new archive the file key.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { z } from 'zod';
import { limits, payloadOffset } from '../../archive/core.ts';
import { macBytes, type RunReport } from '../../archive/jobs/journal.ts';
import { base64, concat, fromBase64, text, utf8, wipe } from '../../bytes.ts';
import { floeHeaderBytes } from '../../crypto/floe.ts';
import { hpkeOpen, hpkeSeal } from '../../crypto/hpke.ts';
import type { ErrorCode, StrongroomError } from '../../errors.ts';
import { decodeJson, encodeJson } from '../../json.ts';
import type { Identity } from '../../keys/identity.ts';
import { schemas, signaturesVerify, signDocument, signingIds } from '../../keys/signed.ts';

/** What makes work the same, but for what is random: SHA-384 in hex. */
export interface Inputs {
  /** What is read. */
  readonly source: string;
  /** What is asked for. */
  readonly options: string;
}

export interface Work {
  readonly kind: 'seal' | 'open' | 'rekey';
  /** Path of what is to be. */
  readonly output: string;
  readonly isDirectory: boolean;
  readonly identity: Identity;
  readonly inputs: Inputs;
  readonly onNotice: (message: string) => void;
}

/** Of a new archive. */
export interface BegunArchive {
  /** All that comes before its first segment. */
  readonly front: Uint8Array;
  readonly fileKey: Uint8Array;
}

/** The error for a journal that nobody goes on with, and why. */
export type Refuse = (code: ErrorCode, what: string) => StrongroomError;

const digest = z.string().regex(/^[0-9a-f]{96}$/);

const headSchema = z.strictObject({
  signatures: schemas.signatures,
  signed: z.strictObject({
    /** Of the archive to be: all that comes before the first segment, in raw DEFLATE. */
    front: schemas.base64().optional(),
    /** Of what was written. */
    inode: z.string().regex(/^\d{1,20}$/),
    options: digest,
    runSegments: z.int().min(1),
    secret: z.strictObject({ enc: schemas.base64(), sealed: schemas.base64() }),
    source: digest,
    type: z.literal('strongroom/journal'),
    version: z.literal(1),
    work: z.enum(['seal', 'open', 'rekey']),
  }),
});
export type Head = z.infer<typeof headSchema>['signed'];

const runSchema = z.strictObject({ mac: schemas.base64(macBytes), run: z.int().min(0) });
const maxRunBytes = 128;

const payloadType = 'application/vnd.strongroom.journal+json';
const secretInfo = utf8('strongroom/v1/journal');
/** Of the key of MACs, and of a file key. */
export const keyBytes = 32;
/** With the longest key ring there is: the rest of a slot is zeros, which DEFLATE makes little of. */
const maxHeadBytes = 2 ** 27;
const maxFrontBytes = payloadOffset({ slotBytes: limits.slotBytes.most }) + floeHeaderBytes;

/** The first line of new work: `key` is that of its MACs, `inode` that of what is written. */
export function encodeHead(
  { identity, inputs, kind }: Work,
  key: Uint8Array,
  { inode, runSegments }: Pick<Head, 'inode' | 'runSegments'>,
  archive: BegunArchive | undefined,
): string {
  const secret = concat(key, archive?.fileKey ?? new Uint8Array());
  const { card } = identity;
  const { enc, sealed } = hpkeSeal(card.suite, card.kem.publicKey, secretInfo, secret);
  wipe(secret);
  const signed: Head = {
    ...(archive === undefined ? {} : { front: base64(deflateRawSync(archive.front)) }),
    inode,
    options: inputs.options,
    runSegments,
    secret: { enc: base64(enc), sealed: base64(sealed) },
    source: inputs.source,
    type: 'strongroom/journal',
    version: 1,
    work: kind,
  };
  return text(encodeJson(signDocument(payloadType, signed, identity)));
}

/**
 * The first line, if it is of this work and of this identity.
 * @throws StrongroomError JOURNAL_INVALID, JOURNAL_MISMATCH, SOURCE_CHANGED, made by `refuse`.
 */
export function decodeHead(line: string, { identity, inputs, kind }: Work, refuse: Refuse): Head {
  const { signatures, signed } = (() => {
    try {
      const what = { what: 'journal', code: 'JOURNAL_INVALID', maxBytes: maxHeadBytes } as const;
      return decodeJson(utf8(line), headSchema, what);
    } catch {
      throw refuse('JOURNAL_INVALID', 'its journal is altered');
    }
  })();
  const own = signingIds(identity.card);
  if (!signatures.every(({ keyid }) => own.includes(keyid))) {
    throw refuse('JOURNAL_MISMATCH', 'was begun by another identity');
  }
  if (!signaturesVerify(payloadType, encodeJson(signed), signatures, identity.card)) {
    throw refuse('JOURNAL_INVALID', 'its journal is altered');
  }
  if (signed.work !== kind) throw refuse('JOURNAL_MISMATCH', `was begun by ${signed.work}`);
  if (signed.source !== inputs.source) {
    if (kind !== 'seal') throw refuse('JOURNAL_MISMATCH', 'was begun of another archive');
    throw refuse('SOURCE_CHANGED', 'what it is sealed from has changed since');
  }
  if (signed.options !== inputs.options) {
    throw refuse('JOURNAL_MISMATCH', `was begun with other ${choices[kind]}`);
  }
  return signed;
}

const choices = {
  seal: 'recipients or options',
  rekey: 'recipients or options',
  open: 'choices of files',
} as const;

/**
 * The key of the MACs, and after it the file key of a new archive; the caller wipes it.
 * @throws StrongroomError JOURNAL_INVALID, made by `refuse`.
 */
export function openSecret({ secret, front }: Head, identity: Identity, refuse: Refuse) {
  const [enc, sealed] = [fromBase64(secret.enc), fromBase64(secret.sealed)];
  const opened = hpkeOpen(identity.card.suite, identity.kemSeed, enc, sealed, secretInfo);
  const expected = front === undefined ? keyBytes : 2 * keyBytes;
  if (opened?.length === expected) return opened;
  throw refuse('JOURNAL_INVALID', 'its journal does not open');
}

/** @throws StrongroomError JOURNAL_INVALID, made by `refuse`. */
export function inflateFront(front: string, refuse: Refuse): Uint8Array {
  try {
    return inflateRawSync(fromBase64(front), { maxOutputLength: maxFrontBytes });
  } catch {
    throw refuse('JOURNAL_INVALID', 'its journal is altered');
  }
}

/** The line of a run that is durable. */
export const encodeRun = ({ run, mac }: RunReport): string =>
  text(encodeJson({ mac: base64(mac), run }));

/** `undefined` for a line that is no run's, such as the last of a power cut. */
export function decodeRun(line: string): RunReport | undefined {
  try {
    const kind = { what: 'run', code: 'JOURNAL_INVALID', maxBytes: maxRunBytes } as const;
    const { run, mac } = decodeJson(utf8(line), runSchema, kind);
    return { run, mac: fromBase64(mac) };
  } catch {
    return undefined;
  }
}
