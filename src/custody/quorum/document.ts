/**
 * Files that a person signs with the card inside: canonical JSON and one newline, as cards are
 * (docs/format.md, "Requests and challenges").
 */
import { z } from 'zod';
import { concat, utf8 } from '../../bytes.ts';
import { type ErrorCode, StrongroomError } from '../../errors.ts';
import { decodeJson, encodeJson } from '../../json.ts';
import { type Card, type CardDocument, cardOf } from '../../keys/card.ts';
import type { Identity } from '../../keys/identity.ts';
import { schemas, signaturesVerify, signDocument } from '../../keys/signed.ts';

/** Of the file, its newline included. */
export const maxSignedBytes = 65536;

/** What documents of this room have in common. */
interface Body {
  readonly card: CardDocument;
  readonly type: `strongroom/quorum-${string}`;
}

interface Kinds<K extends string> {
  /** Where the document comes from. */
  readonly name: string;
  readonly code: ErrorCode;
  /** Those that are welcome. */
  readonly kinds: readonly K[];
}

export const encodeSigned = (body: Body, payloadType: string, signer: Identity): Uint8Array =>
  concat(encodeJson(signDocument(payloadType, body, signer)), utf8('\n'));

/**
 * Reads a document of one of the given kinds and verifies it with the card that it carries.
 * @throws StrongroomError with `code`, or of the card.
 */
export function decodeSigned<T extends Body, K extends string>(
  bytes: Uint8Array,
  schema: z.ZodType<T>,
  payloadType: (kind: K) => string,
  { name, code, kinds }: Kinds<K>,
): { readonly kind: K; readonly card: Card; readonly signed: T } {
  const refuse = (why: string) => new StrongroomError(code, `${name}: ${why}`, { file: name });
  if (bytes.at(-1) !== 0x0a) throw refuse('it does not end with a newline');
  const document = z.strictObject({ signatures: schemas.signatures, signed: schema });
  const { signatures, signed } = decodeJson(bytes.subarray(0, -1), document, {
    what: `${name}: quorum ${kinds.join(' or ')}`,
    code,
    maxBytes: maxSignedBytes - 1,
  });
  const found = signed.type.replace('strongroom/quorum-', '');
  const kind = kinds.find((each) => each === found);
  if (kind === undefined) {
    throw refuse(`it is ${aKind(found)}, not ${kinds.map(aKind).join(' or ')}`);
  }
  const card = cardOf(signed.card);
  if (card.imported) throw refuse('the card in it is imported, and proves nothing');
  if (signaturesVerify(payloadType(kind), encodeJson(signed), signatures, card)) {
    return { kind, card, signed };
  }
  throw refuse(`the signature of ${card.name} is wrong`);
}

const aKind = (kind: string): string => (kind === 'approval' ? `an ${kind}` : `a ${kind}`);
