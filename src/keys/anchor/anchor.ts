/**
 * Anchors: where the secret of an identity lives, or the key that wraps it.
 *
 * docs/format.md#identities, docs/anchors.md
 */
import { z } from 'zod';
import { fromBase64 } from '../../bytes.ts';
import type { Card } from '../card.ts';
import { protectionSchema } from '../protection.ts';
import { schemas } from '../signed.ts';

/** A key of a token wraps the secret. Which module speaks to the token, the file never says. */
const pkcs11Schema = z.strictObject({
  anchor: z.literal('pkcs11'),
  /** Hex: CKA_ID of the key. */
  key: z.string().regex(/^([0-9a-f]{2}){1,64}$/, 'not a key id of 1 to 64 bytes'),
  /** The token's label. */
  token: schemas.line(1, 32),
});

export const maxWrappedBytes = 4096;

/** A program wraps the key of the secret. Which one is run, the file never says. */
const execSchema = z.strictObject({
  anchor: z.literal('exec'),
  /** For people: the name of the program that wrapped it. */
  program: schemas.line(1, 255),
  wrapped: schemas
    .base64()
    .refine((digits) => digits !== '' && fromBase64(digits).length <= maxWrappedBytes, 'too long'),
});

/** How an identity's file says that its secret is kept. */
export const identityProtectionSchema = z.union([
  protectionSchema,
  z.discriminatedUnion('anchor', [pkcs11Schema, execSchema]),
]);

export type IdentityProtection = z.infer<typeof identityProtectionSchema>;
export type Pkcs11Protection = z.infer<typeof pkcs11Schema>;
export type ExecProtection = z.infer<typeof execSchema>;

export type AnchorKind = 'none' | 'argon2id' | 'pkcs11' | 'exec';

export const kindOf = (protection: IdentityProtection): AnchorKind =>
  'anchor' in protection ? protection.anchor : protection.kdf;

/** What a file holds: how its secret is kept, the secret as kept, and its first line. */
export interface Kept<P extends IdentityProtection = IdentityProtection> {
  readonly protection: P;
  /** The bytes that the second line spells. */
  readonly line: Uint8Array;
  /** Without its newline; the secret is bound to it. */
  readonly header: Uint8Array;
}

/** A secret about to be kept, once: what the first line says, then the second line. */
export interface Wrapping {
  readonly protection: IdentityProtection;
  wrap(secret: Uint8Array, header: Uint8Array): Uint8Array;
}

/** A place where secrets live. */
export interface Anchor<P extends IdentityProtection = IdentityProtection> {
  readonly kind: AnchorKind;
  /**
   * Makes ready to keep the secret of `card`: may ask a person, and reach a device.
   * @throws StrongroomError `ANCHOR_UNAVAILABLE`, `PASSPHRASE_WRONG`.
   */
  prepare(card: Card): Promise<Wrapping>;
  /**
   * The secret; the caller wipes it.
   * @throws StrongroomError `ANCHOR_UNAVAILABLE`, `ANCHOR_REFUSED`, `PASSPHRASE_WRONG`, or
   *   `PASSPHRASE_NEEDED`.
   */
  unwrap(kept: Kept<P>, card: Card): Promise<Uint8Array>;
}
