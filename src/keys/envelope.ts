/**
 * In-toto Statements v1 in DSSE v1 envelopes, as canonical JSON: seals, what custody files tell
 * and statements of model signing are all of this shape, and are signed and read here alone.
 * The payload type is the same for all; `predicateType` in the payload tells them apart.
 *
 * docs/format.md#seal; github.com/secure-systems-lab/dsse, github.com/in-toto/attestation
 */
import { z } from 'zod';
import { base64, fromBase64 } from '../bytes.ts';
import { type DocumentKind, decodeJson, encodeJson } from '../json.ts';
import { type Signer, schemas, signaturesVerify, signBytes, type Verifier } from './signed.ts';

export const payloadType = 'application/vnd.in-toto+json';

/** The `_type` of every statement. */
export const statementType = 'https://in-toto.io/Statement/v1';

const schema = z.strictObject({
  payload: schemas.base64(),
  payloadType: z.literal(payloadType),
  signatures: schemas.signatures,
});
export type Envelope = z.infer<typeof schema>;

/** Lower-case hex of 32 or 48 bytes: a tree hash of either suite. */
export const treeDigest = z.string().regex(/^([0-9a-f]{64}|[0-9a-f]{96})$/, 'not a digest');

/** Signs a statement with all of the signer's algorithms; the bytes of the envelope. */
export const signStatement = (statement: unknown, signer: Signer): Uint8Array<ArrayBuffer> =>
  signEncoded(encodeJson(statement), signer);

/** The same for a statement that has its bytes already. */
export function signEncoded(payload: Uint8Array, signer: Signer): Uint8Array<ArrayBuffer> {
  const signatures = signBytes(payloadType, payload, signer);
  return encodeJson({ payload: base64(payload), payloadType, signatures });
}

/**
 * Parses an envelope; what it holds is not looked at, and neither are its signatures.
 * @throws StrongroomError with `kind.code`.
 */
export const decodeEnvelope = (bytes: Uint8Array, kind: DocumentKind): Envelope =>
  decodeJson(bytes, schema, kind);

/**
 * Parses an envelope and the statement in it. Signatures are not looked at yet.
 * @throws StrongroomError with `kind.code`.
 */
export function decodeStatement<T>(
  bytes: Uint8Array,
  statement: z.ZodType<T>,
  kind: DocumentKind,
): { readonly envelope: Envelope; readonly statement: T } {
  const envelope = decodeEnvelope(bytes, kind);
  return { envelope, statement: decodeJson(fromBase64(envelope.payload), statement, kind) };
}

/** Whether the envelope's signatures are exactly those of the card's keys. */
export const statementVerifies = ({ payload, signatures }: Envelope, card: Verifier): boolean =>
  signaturesVerify(payloadType, fromBase64(payload), signatures, card);
