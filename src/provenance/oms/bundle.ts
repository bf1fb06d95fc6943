/**
 * Bundles of Open Model Signing by the key method: a Sigstore bundle v0.3 around a DSSE
 * envelope with exactly one signature.
 *
 * github.com/ossf/model-signing-spec, spec/v1.0.md; sigstore_bundle.proto; DSSE v1
 */
import { z } from 'zod';
import { base64, fromBase64, isBase64, utf8 } from '../../bytes.ts';
import { pae } from '../../crypto/dsse.ts';
import { StrongroomError } from '../../errors.ts';
import { decodeAnyLayout } from '../../json.ts';
import { payloadType } from '../../keys/envelope.ts';
import type { OmsPrivateKey, OmsPublicKey } from './key.ts';

/** Enough for some million files; more would not fit into one string. */
export const maxBundleBytes = 2 ** 28;

const mediaType = 'application/vnd.dev.sigstore.bundle.v0.3+json';

const base64Text = z.string().min(1).refine(isBase64, 'not base64');

const schema = z.strictObject({
  mediaType: z.literal(mediaType),
  verificationMaterial: z.strictObject({
    // Before version 1.1 bundles held the key, which proves nothing, instead of the hint
    publicKey: z.strictObject({
      hint: z.string().optional(),
      rawBytes: z.string().optional(),
      keyDetails: z.string().optional(),
    }),
    tlogEntries: z.array(z.never()).optional(),
  }),
  dsseEnvelope: z.strictObject({
    payload: base64Text,
    payloadType: z.literal(payloadType),
    signatures: z.tuple([
      z.strictObject({ sig: base64Text, keyid: z.string().nullable().optional() }),
    ]),
  }),
});

/** Signs a statement. Indented, as people look into bundles. */
export function encodeBundle(statement: Uint8Array, key: OmsPrivateKey): Uint8Array {
  const sig = base64(key.sign(pae(payloadType, statement)));
  const bundle: z.infer<typeof schema> = {
    mediaType,
    verificationMaterial: { publicKey: { hint: key.public.hint }, tlogEntries: [] },
    dsseEnvelope: {
      payload: base64(statement),
      payloadType,
      signatures: [{ sig, keyid: '' }],
    },
  };
  return utf8(`${JSON.stringify(bundle, null, 2)}\n`);
}

/**
 * The statement in a bundle that `key` has signed.
 * @param where names it in errors.
 * @throws StrongroomError OMS_INVALID, also for the methods `certificate` and `sigstore`, and
 *   OMS_UNTRUSTED.
 */
export function openBundle(bytes: Uint8Array, key: OmsPublicKey, where: string): Uint8Array {
  const { verificationMaterial, dsseEnvelope } = decodeBundle(bytes, where);
  const untrusted = (why: string) =>
    new StrongroomError('OMS_UNTRUSTED', `${where}: ${why}`, { file: where });
  const { hint } = verificationMaterial.publicKey;
  if (hint !== undefined && hint !== key.hint) throw untrusted('was signed with another key');
  const statement = fromBase64(dsseEnvelope.payload);
  const [{ sig }] = dsseEnvelope.signatures;
  if (key.verify(pae(payloadType, statement), fromBase64(sig))) return statement;
  throw untrusted('the signature is wrong');
}

const otherMethods = ['certificate', 'x509CertificateChain'];

function decodeBundle(bytes: Uint8Array, where: string): z.infer<typeof schema> {
  const refuse = (why: string) =>
    new StrongroomError('OMS_INVALID', `${where}: ${why}`, { file: where });
  // Of any shape at first, so that other methods are named for what they are
  const value = decodeAnyLayout(bytes, z.unknown(), {
    what: `${where}: not a bundle`,
    file: where,
    code: 'OMS_INVALID',
    maxBytes: maxBundleBytes,
  });
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const material = (value as { verificationMaterial?: object } | null)?.verificationMaterial ?? {};
  if (otherMethods.some((method) => method in Object(material))) {
    throw refuse('signed with a certificate; only bundles of the key method are supported');
  }
  const [issue] = parsed.error.issues;
  throw refuse(`not a bundle of the key method: ${issue?.path.join('.')}: ${issue?.message}`);
}
