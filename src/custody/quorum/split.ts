/** A split of the file key: groups that must all agree, each k of n (docs/format.md, "Quorums"). */
import { randomBytes } from 'node:crypto';
import type { Core } from '../../archive/core.ts';
import { fileKeyBytes } from '../../archive/filekey.ts';
import { type QuorumGroup, type QuorumStanza, quorumLimits } from '../../archive/quorum.ts';
import { base64, concat, fromBase64, fromHex, hex, randomSecret, utf8, wipe } from '../../bytes.ts';
import { aeadOpen, aeadSeal, nonceBytes } from '../../crypto/aead.ts';
import { hkdfSha384 } from '../../crypto/kdf.ts';
import type { Suite } from '../../crypto/suites.ts';
import { StrongroomError } from '../../errors.ts';
import { assertSealable, type Card } from '../../keys/card.ts';
import { schemas } from '../../keys/signed.ts';
import { combineShares, splitSecret } from './shamir.ts';
import { sealShare } from './share.ts';

export interface GroupPlan {
  /** At most 64 characters; public. */
  readonly name: string;
  /** How many of the group must agree, at least 1. */
  readonly threshold: number;
  /** Cards with signing keys, each once in a quorum. */
  readonly custodians: readonly Card[];
}

/** Groups that must all agree. */
export interface QuorumPlan {
  readonly groups: readonly GroupPlan[];
}

/** The cards of all custodians: one for each share. */
export const custodiansOf = (plans: readonly QuorumPlan[]): Card[] =>
  plans.flatMap(({ groups }) => groups.flatMap(({ custodians }) => custodians));

/**
 * Holds plans fit for an archive of `suite`.
 * @throws StrongroomError `QUORUM_INVALID`, `SUITE_MISMATCH`, `CARD_EXPIRED`.
 */
export function assertPlans(plans: readonly QuorumPlan[], suite: Suite, now: string): void {
  const refuse = (why: string) => new StrongroomError('QUORUM_INVALID', `quorum: ${why}`);
  if (plans.length > quorumLimits.quorums) throw refuse(`more than ${quorumLimits.quorums}`);
  for (const { groups } of plans) {
    if (groups.length === 0 || groups.length > quorumLimits.groups) {
      throw refuse(`it has 1 to ${quorumLimits.groups} groups`);
    }
    const names = new Set<string>();
    const keys = new Set<string>();
    for (const { name, threshold, custodians } of groups) {
      if (names.has(name)) throw refuse(`two groups are named ${name}`);
      names.add(name);
      if (!schemas.name(quorumLimits.groupName).safeParse(name).success) {
        throw refuse('the name of a group has 1 to 64 characters, none of them unseen');
      }
      if (custodians.length > quorumLimits.shares) {
        throw refuse(`${name}: more than ${quorumLimits.shares} custodians`);
      }
      if (!Number.isInteger(threshold) || threshold < 1 || threshold > custodians.length) {
        throw refuse(`${name}: ${threshold} of ${custodians.length} cannot agree`);
      }
      for (const card of custodians) {
        assertSealable(card, suite, now);
        if (card.signing.length === 0) {
          throw refuse(`the card of ${card.name} has no signing keys, so that it cannot approve`);
        }
        for (const { id } of [card.kem, ...card.signing]) {
          if (keys.has(id)) throw refuse(`the card of ${card.name} is named twice`);
          keys.add(id);
        }
      }
    }
  }
}

/** Splits a file key for groups of custodians; the plan is one that `assertPlans` lets pass. */
export async function createQuorum(
  { groups: plans }: QuorumPlan,
  fileKey: Uint8Array,
  core: Core,
  commit: Uint8Array,
): Promise<QuorumStanza> {
  const split = hex(randomBytes(32));
  const secrets = plans.map(() => randomSecret(32));
  try {
    const groups: QuorumGroup[] = [];
    for (const [group, { name, threshold, custodians }] of plans.entries()) {
      const count = custodians.length;
      const shares = await splitSecret(secrets[group] as Uint8Array, threshold, count);
      const stanzas = custodians.map((card, index) => {
        const place = { split, group, index, threshold, count };
        return sealShare(shares[index] as Uint8Array, card, core, commit, place);
      });
      wipe(...shares);
      groups.push({ name, shares: stanzas, threshold });
    }
    const key = quorumKey(secrets, split, core, commit);
    const sealed = aeadSeal(key, zeroNonce, fileKey, bindingOf(split, groups, core, commit));
    wipe(key);
    return { groups, sealed: base64(sealed), split };
  } finally {
    wipe(...secrets);
  }
}

/**
 * The file key of a quorum; the caller wipes it, and still holds it against `commit`.
 * @param shares of each group, in order, at least as many as its threshold.
 * @throws StrongroomError `SHARE_INVALID` if shares that are committed to give no key: whoever
 *   split it made a mistake.
 */
export async function openQuorum(
  { groups, sealed, split }: QuorumStanza,
  shares: readonly (readonly Uint8Array[])[],
  core: Core,
  commit: Uint8Array,
): Promise<Uint8Array> {
  const secrets: Uint8Array[] = [];
  try {
    for (const [i, { threshold }] of groups.entries()) {
      secrets.push(await combineShares(shares[i] ?? [], threshold));
    }
    const key = quorumKey(secrets, split, core, commit);
    const binding = bindingOf(split, groups, core, commit);
    const fileKey = aeadOpen(key, zeroNonce, fromBase64(sealed), binding);
    wipe(key);
    if (fileKey?.length === fileKeyBytes) return fileKey;
    throw new StrongroomError(
      'SHARE_INVALID',
      'the shares are those that were dealt, and do not give the key: they were dealt wrongly',
      { hint: 'ask someone who can open the archive to reshare' },
    );
  } finally {
    wipe(...secrets);
  }
}

// The key is made of fresh secrets for one message, so that no nonce can come twice
const zeroNonce = new Uint8Array(nonceBytes);

const context = utf8('strongroom/v1/quorum');

function quorumKey(
  secrets: readonly Uint8Array[],
  split: string,
  core: Core,
  commit: Uint8Array,
): Uint8Array {
  const ikm = concat(...secrets);
  try {
    return hkdfSha384(ikm, fromHex(split), concat(context, core.hash, commit), 32);
  } finally {
    wipe(ikm);
  }
}

/** What the sealed file key is bound to: archive, split and thresholds. */
const bindingOf = (
  split: string,
  groups: readonly QuorumGroup[],
  core: Core,
  commit: Uint8Array,
): Uint8Array =>
  concat(
    context,
    core.hash,
    commit,
    fromHex(split),
    Uint8Array.of(groups.length),
    ...groups.map(({ threshold, shares }) => Uint8Array.of(threshold, shares.length)),
  );
