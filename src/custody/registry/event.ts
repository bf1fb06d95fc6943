/**
 * The signed files of a registry: its head, and one event of one key.
 *
 * docs/registry.md#files
 */
import { z } from 'zod';
import { concat, utf8 } from '../../bytes.ts';
import { sha384 } from '../../crypto/hash.ts';
import { StrongroomError } from '../../errors.ts';
import { decodeJson, encodeJson } from '../../json.ts';
import { type Card, isValidAt } from '../../keys/card.ts';
import { rolesSchema } from '../../keys/roles.ts';
import {
  type Signer,
  schemas,
  signaturesVerify,
  signDocument,
  signsWith,
} from '../../keys/signed.ts';
import { keyStates } from '../../keys/states.ts';

export const registryLimits = { keys: 10_000, events: 9999, fileBytes: 65536 } as const;

const head = {
  payloadType: 'application/vnd.strongroom.registry.v1+json',
  schema: z.strictObject({
    signatures: schemas.signatures,
    signed: z.strictObject({
      created: schemas.time,
      id: schemas.keyId,
      name: schemas.name(),
      type: z.literal('strongroom/registry'),
      version: z.literal(1),
    }),
  }),
};

const event = {
  payloadType: 'application/vnd.strongroom.registry-event.v1+json',
  schema: z.strictObject({
    signatures: schemas.signatures,
    signed: z.strictObject({
      activates: schemas.time.exactOptional(),
      card: schemas.base64(48),
      compromised: schemas.time.exactOptional(),
      expires: schemas.time.exactOptional(),
      key: schemas.keyId,
      number: z.int().min(1).max(registryLimits.events),
      previous: schemas.base64(48).exactOptional(),
      reason: schemas.text(1, 1024).exactOptional(),
      registry: schemas.keyId,
      roles: rolesSchema,
      state: z.enum(keyStates),
      successor: schemas.keyId.exactOptional(),
      time: schemas.time,
      type: z.literal('strongroom/registry-event'),
      version: z.literal(1),
    }),
  }),
};

export type RegistryHead = z.infer<typeof head.schema>['signed'];
export type EventBody = z.infer<typeof event.schema>['signed'];

/** SHA-384 over a whole file: what events name cards and each other by. */
export const fileDigest = sha384;

/** A signed document with the administrator who signed it. */
export interface Attested<T> {
  readonly body: T;
  readonly by: Card;
}

interface Kind<T> {
  readonly payloadType: string;
  readonly schema: z.ZodType<{ signatures: z.infer<typeof schemas.signatures>; signed: T }>;
}

function encodeSigned<T>({ payloadType }: Kind<T>, body: T, signer: Signer): Uint8Array {
  const document = signDocument(payloadType, body, signer);
  // A history cannot be mended: a fault while signing must not get into it
  if (!signaturesVerify(payloadType, encodeJson(body), document.signatures, signer.card)) {
    throw new StrongroomError('INTERNAL', 'a signature that was just made does not verify');
  }
  return concat(encodeJson(document), utf8('\n'));
}

/** @throws StrongroomError REGISTRY_INVALID, REGISTRY_UNTRUSTED; `time` is when it was signed. */
function decodeSigned<T>(
  kind: Kind<T>,
  bytes: Uint8Array,
  file: string,
  administrators: readonly Card[],
  time: (body: T) => string,
): Attested<T> {
  const what = {
    what: file,
    code: 'REGISTRY_INVALID',
    maxBytes: registryLimits.fileBytes,
  } as const;
  if (bytes.at(-1) !== 0x0a) {
    throw new StrongroomError('REGISTRY_INVALID', `${file}: does not end with a newline`, { file });
  }
  const { signatures, signed } = decodeJson(bytes.subarray(0, -1), kind.schema, what);
  const untrusted = (why: string, more: { readonly hint?: string } = {}) =>
    new StrongroomError('REGISTRY_UNTRUSTED', `${file}: ${why}`, { file, ...more });
  const ids = signatures.map(({ keyid }) => keyid);
  const by = administrators.find((card) => signsWith(card, ids));
  if (by === undefined) throw untrusted('signed by someone who is no trusted administrator');
  if (!signaturesVerify(kind.payloadType, encodeJson(signed), signatures, by)) {
    const hint = 'restore the registry from its history';
    throw untrusted(`the signature of ${by.name} is wrong`, { hint });
  }
  if (isValidAt(by, time(signed))) return { body: signed, by };
  throw untrusted(`signed at ${time(signed)}, when the card of ${by.name} was not valid`);
}

export const encodeHead = (body: RegistryHead, signer: Signer) => encodeSigned(head, body, signer);

export const decodeHead = (bytes: Uint8Array, file: string, administrators: readonly Card[]) =>
  decodeSigned(head, bytes, file, administrators, ({ created }) => created);

export const encodeEvent = (body: EventBody, signer: Signer) => encodeSigned(event, body, signer);

export const decodeEvent = (bytes: Uint8Array, file: string, administrators: readonly Card[]) =>
  decodeSigned(event, bytes, file, administrators, ({ time }) => time);

/** What is wrong with the values of a new event, before it is signed; `undefined` if nothing is. */
export function faultInBody(body: EventBody): string | undefined {
  const issue = event.schema.shape.signed.safeParse(body).error?.issues[0];
  return issue && `${issue.path.join('.')}: ${issue.message}`;
}
