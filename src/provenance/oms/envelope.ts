/**
 * The statement of a bundle, byte for byte, signed by a Strongroom identity: a DSSE envelope
 * on one line. A Sigstore bundle holds one signature only, and none of ML-DSA.
 *
 * DSSE v1 (github.com/secure-systems-lab/dsse)
 */
import { concat, fromBase64, utf8 } from '../../bytes.ts';
import { StrongroomError } from '../../errors.ts';
import { type Card, isValidAt } from '../../keys/card.ts';
import { assertSignedWhileActive } from '../../keys/enforce.ts';
import { decodeEnvelope, signEncoded, statementVerifies } from '../../keys/envelope.ts';
import { type Trust, trustedCard } from '../../keys/policy.ts';
import type { Signer } from '../../keys/signed.ts';
import { timeOf } from '../../time.ts';
import { maxBundleBytes } from './bundle.ts';

/** Signs a statement with all of the signer's algorithms. */
export const encodeEnvelope = (statement: Uint8Array, signer: Signer): Uint8Array =>
  concat(signEncoded(statement, signer), utf8('\n'));

/**
 * The statement in an envelope that a trusted author has signed. It bears no time, so their
 * card has to be valid now.
 * @param where names it in errors.
 * @throws StrongroomError OMS_INVALID, OMS_UNTRUSTED, KEY_COMPROMISED.
 */
export function openEnvelope(
  bytes: Uint8Array,
  trust: Trust,
  where: string,
): { readonly statement: Uint8Array; readonly signer: Card } {
  const kind = { what: where, code: 'OMS_INVALID', maxBytes: maxBundleBytes } as const;
  const line = bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes;
  const envelope = decodeEnvelope(line, kind);
  const untrusted = (why: string) =>
    new StrongroomError('OMS_UNTRUSTED', `${where}: ${why}`, { file: where });
  const ids = envelope.signatures.map(({ keyid }) => keyid);
  const card = trustedCard(trust, 'author', ids);
  if (card === undefined) throw untrusted('was signed by someone who is not trusted as an author');
  if (!statementVerifies(envelope, card)) {
    throw untrusted(`the signature of ${card.name} is wrong`);
  }
  const time = timeOf();
  if (!isValidAt(card, time)) throw untrusted(`the card of ${card.name} is not valid now`);
  assertSignedWhileActive(trust, {
    by: card,
    time,
    name: where,
    verb: 'signed',
    code: 'OMS_UNTRUSTED',
  });
  return { statement: fromBase64(envelope.payload), signer: card };
}
