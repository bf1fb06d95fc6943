/** The next epoch of a key ring: what stays, what changes, and who may write it. */
import type { Core } from '../../archive/core.ts';
import type { ArchiveKeys } from '../../archive/filekey.ts';
import {
  type Keyring,
  type KeyringDocument,
  keyringDigest,
  maxReason,
  maxRecipients,
  type Stanza,
  signKeyring,
  trustKeyring,
} from '../../archive/keyring.ts';
import { base64 } from '../../bytes.ts';
import { StrongroomError } from '../../errors.ts';
import { assertSealable, type Card } from '../../keys/card.ts';
import { assertMayProtect } from '../../keys/enforce.ts';
import type { Identity } from '../../keys/identity.ts';
import { type Trust, trustedCard } from '../../keys/policy.ts';
import { signingIds, signsWith } from '../../keys/signed.ts';
import { hasLength } from '../../text.ts';
import { timeOf } from '../../time.ts';

/** What a change makes of a ring; what it does not name stays as it is. */
export interface RingChange {
  readonly recipients?: readonly Stanza[];
  /** None at all: an empty array. */
  readonly quorums?: NonNullable<KeyringDocument['signed']['quorums']>;
}

export interface NextRing {
  readonly core: Core;
  readonly keys: ArchiveKeys;
  readonly previous: Keyring;
  readonly change: RingChange;
  readonly reason: string | undefined;
  readonly signer: Identity;
  readonly trust: Trust;
}

/**
 * The epoch after `previous`, which names it by its digest.
 * @throws StrongroomError NO_RECIPIENTS, USAGE; KEYRING_UNTRUSTED if readers would refuse it.
 */
export function nextKeyring(next: NextRing): Keyring {
  const { core, keys, previous, change, reason, signer } = next;
  const { mac: _, reason: _past, quorums: before, ...kept } = previous.document.signed;
  const quorums = change.quorums ?? before ?? [];
  const recipients = [...(change.recipients ?? kept.recipients)];
  if (recipients.length === 0 && quorums.length === 0) {
    throw new StrongroomError('NO_RECIPIENTS', 'nobody could open it any more', {
      hint: 'grant it to someone else first',
    });
  }
  if (recipients.length > maxRecipients) {
    throw new StrongroomError('USAGE', `more than ${maxRecipients} recipients`);
  }
  if (kept.epoch >= Number.MAX_SAFE_INTEGER) {
    throw new StrongroomError('RING_FULL', 'there is no epoch after this one', {
      hint: 'make a new archive with "strongroom rekey", and ask who wrote this key ring',
    });
  }
  const body = {
    ...kept,
    created: timeOf(),
    epoch: kept.epoch + 1,
    previous: base64(keyringDigest(previous)),
    ...(quorums.length === 0 ? {} : { quorums }),
    ...(reason === undefined ? {} : { reason }),
    recipients,
  };
  const ring = signKeyring(body, core, keys, signer);
  // What readers will do, so that nothing is written which they would refuse
  trustKeyring(ring, core, next.trust, 'new key ring');
  return ring;
}

/** @throws StrongroomError USAGE unless a key ring can state `reason`. */
export function assertReason(reason: string | undefined): void {
  if (reason === undefined) return;
  if (!hasLength(reason, 0, maxReason)) {
    throw new StrongroomError('USAGE', `the reason is longer than ${maxReason} characters`);
  }
  if (/\p{Surrogate}/u.test(reason)) {
    throw new StrongroomError('USAGE', 'the reason is not well-formed Unicode');
  }
}

/**
 * Holds recipients fit to get the key of an archive.
 * @throws StrongroomError SUITE_MISMATCH, CARD_EXPIRED; KEY_STATE, KEY_UNLISTED by a registry.
 */
export function assertRecipients(cards: readonly Card[], core: Core, trust: Trust): void {
  for (const card of cards) assertSealable(card, core.suite, timeOf());
  assertMayProtect(trust, cards);
}

/**
 * Holds a signer fit to write the key ring of an archive in the eyes of `trust`.
 * @throws StrongroomError GRANTER_UNTRUSTED, and as `assertRecipients`.
 */
export function assertGranter({ card }: Identity, core: Core, trust: Trust): void {
  assertRecipients([card], core, trust);
  const ids = signingIds(card);
  const isAuthor = signsWith(card, core.authors);
  const trusted =
    (isAuthor ? trustedCard(trust, 'author', ids) : undefined) ??
    trustedCard(trust, 'custodian', ids);
  if (trusted === undefined) {
    throw new StrongroomError(
      'GRANTER_UNTRUSTED',
      `${card.name} is neither the trusted author of this archive nor a trusted custodian`,
    );
  }
  assertSealable(trusted, core.suite, timeOf());
}
