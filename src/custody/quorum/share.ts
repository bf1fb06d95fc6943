/** One share: sealed to its custodian, committed to in public (docs/format.md, "Quorums"). */
import { randomBytes } from 'node:crypto';
import type { Core } from '../../archive/core.ts';
import {
  type QuorumStanza,
  type ShareStanza,
  shareBytes,
  shareSaltBytes,
} from '../../archive/quorum.ts';
import { base64, concat, equal, fromBase64, fromHex, utf8, wipe } from '../../bytes.ts';
import { sha384 } from '../../crypto/hash.ts';
import { hpkeOpen, hpkeSeal } from '../../crypto/hpke.ts';
import { StrongroomError } from '../../errors.ts';
import type { Card } from '../../keys/card.ts';
import type { Identity } from '../../keys/identity.ts';
import { signingIds, signsWith } from '../../keys/signed.ts';

/** Where a share stands: all counts are from 0, thresholds and totals as they are. */
export interface SharePlace {
  /** Hex, 32 bytes. */
  readonly split: string;
  readonly group: number;
  readonly index: number;
  readonly threshold: number;
  readonly count: number;
}

/** A share and the salt of its commitment, 65 bytes together; the caller wipes it. */
export type OpenedShare = Uint8Array;

const shareInfo = (core: Core, commit: Uint8Array, place: SharePlace): Uint8Array =>
  concat(
    utf8('strongroom/v1/share'),
    core.hash,
    commit,
    fromHex(place.split),
    Uint8Array.of(place.group, place.index, place.threshold, place.count),
  );

/** The public commitment to a share, 48 bytes. */
function commitmentTo(opened: OpenedShare, { split, group, index }: SharePlace): Uint8Array {
  const message = concat(
    utf8('strongroom/v1/share-commitment'),
    fromHex(split),
    Uint8Array.of(group, index),
    opened.subarray(shareBytes),
    opened.subarray(0, shareBytes),
  );
  try {
    return sha384(message);
  } finally {
    wipe(message);
  }
}

/** Whether it is the share that the key ring commits to at this place. */
export const isCommitted = (opened: OpenedShare, stanza: ShareStanza, place: SharePlace): boolean =>
  opened.length === shareBytes + shareSaltBytes &&
  equal(commitmentTo(opened, place), fromBase64(stanza.commitment));

/** The stanza of one custodian. */
export function sealShare(
  share: Uint8Array,
  custodian: Card,
  core: Core,
  commit: Uint8Array,
  place: SharePlace,
): ShareStanza {
  const opened = concat(share, new Uint8Array(randomBytes(shareSaltBytes)));
  try {
    const info = shareInfo(core, commit, place);
    const { enc, sealed } = hpkeSeal(core.suite, custodian.kem.publicKey, info, opened);
    return {
      commitment: base64(commitmentTo(opened, place)),
      enc: base64(enc),
      key: custodian.kem.id,
      name: custodian.name,
      sealed: base64(sealed),
      signers: signingIds(custodian),
    };
  } finally {
    wipe(opened);
  }
}

/**
 * A custodian's own share, held against its commitment.
 * @throws StrongroomError `SHARE_INVALID`.
 */
export function openShare(
  stanza: ShareStanza,
  identity: Identity,
  core: Core,
  commit: Uint8Array,
  place: SharePlace,
): OpenedShare {
  const [enc, sealed] = [fromBase64(stanza.enc), fromBase64(stanza.sealed)];
  const info = shareInfo(core, commit, place);
  const opened = hpkeOpen(core.suite, identity.kemSeed, enc, sealed, info);
  if (opened !== undefined && isCommitted(opened, stanza, place)) return opened;
  if (opened !== undefined) wipe(opened);
  const why = opened === undefined ? 'does not open' : 'is not the one that was committed to';
  throw new StrongroomError('SHARE_INVALID', `the share of ${stanza.name} ${why}`);
}

export interface HeldShare {
  readonly stanza: ShareStanza;
  readonly place: SharePlace;
  /** The name of its group. */
  readonly groupName: string;
}

/** The share of a quorum at `group` and `index`; `undefined` if there is none. */
export function shareAt(
  { split, groups }: QuorumStanza,
  group: number,
  index: number,
): HeldShare | undefined {
  const found = groups[group];
  const stanza = found?.shares[index];
  if (found === undefined || stanza === undefined) return undefined;
  const { name, threshold, shares } = found;
  return {
    stanza,
    groupName: name,
    place: { split, group, index, threshold, count: shares.length },
  };
}

/** The one share that a card's owner holds: both its KEM key and its signing keys are named. */
export function shareOf(quorum: QuorumStanza, card: Card): HeldShare | undefined {
  for (const [group, { shares }] of quorum.groups.entries()) {
    const index = shares.findIndex((stanza) => isHolder(stanza, card));
    if (index >= 0) return shareAt(quorum, group, index);
  }
  return undefined;
}

export const isHolder = ({ key, signers }: ShareStanza, card: Card): boolean =>
  key === card.kem.id && signsWith(card, signers);
