/** Quorums as a key ring holds them: shapes and rules (docs/format.md, "Quorums"). */
import { z } from 'zod';
import { fromBase64 } from '../bytes.ts';
import type { Suite } from '../crypto/suites.ts';
import { schemas } from '../keys/signed.ts';

/** Ordinates of a group secret of 32 bytes, and the abscissa. */
export const shareBytes = 33;
export const shareSaltBytes = 32;
/** Share and salt with an AES-GCM tag. */
export const sealedShareBytes = shareBytes + shareSaltBytes + 16;

export const quorumLimits = { quorums: 16, groups: 16, shares: 255, groupName: 64 } as const;

const share = z.strictObject({
  commitment: schemas.base64(48),
  enc: schemas.base64(),
  key: schemas.keyId,
  name: schemas.name(),
  sealed: schemas.base64(sealedShareBytes),
  signers: z.array(schemas.keyId).max(8),
});

const group = z.strictObject({
  name: schemas.name(quorumLimits.groupName),
  shares: z.array(share).min(1).max(quorumLimits.shares),
  threshold: z.int().min(1).max(quorumLimits.shares),
});

const quorum = z.strictObject({
  groups: z.array(group).min(1).max(quorumLimits.groups),
  sealed: schemas.base64(48),
  split: schemas.keyId,
});

export const quorumsSchema = z.array(quorum).min(1).max(quorumLimits.quorums);

/** One share of a group, sealed to its custodian. */
export type ShareStanza = z.infer<typeof share>;
export type QuorumGroup = z.infer<typeof group>;
/** One split of the file key: groups that must all agree. */
export type QuorumStanza = z.infer<typeof quorum>;

/** What is wrong with the quorums of a key ring, beyond their shape; `undefined` if nothing is. */
export function faultInQuorums(quorums: readonly QuorumStanza[], suite: Suite): string | undefined {
  if (hasTwice(quorums.map(({ split }) => split))) return 'two quorums are of one split';
  for (const { groups } of quorums) {
    if (hasTwice(groups.map(({ name }) => name))) return 'two groups of a quorum have one name';
    if (groups.some(({ threshold, shares }) => threshold > shares.length)) {
      return 'a group asks for more shares than it has';
    }
    const shares = groups.flatMap((each) => each.shares);
    if (shares.some(({ enc }) => fromBase64(enc).length !== suite.kem.encBytes)) {
      return 'a share has an encapsulation of the wrong length';
    }
    if (shares.some(({ signers }) => signers.length !== suite.signatures.length)) {
      return 'a share names the wrong number of signing keys';
    }
    // One person for two would undo the threshold
    if (hasTwice(shares.map(({ key }) => key)) || hasTwice(shares.flatMap((each) => each.signers)))
      return 'two shares of a quorum name the same key';
  }
  return undefined;
}

const hasTwice = (values: readonly string[]): boolean => new Set(values).size < values.length;

/** What a quorum decided: base64 of SHA-384 over the request and each approval, without newlines. */
export interface Release {
  /** Hex, the split id. */
  readonly split: string;
  readonly request: string;
  /** With the KEM key id of each custodian. */
  readonly approvals: readonly { readonly digest: string; readonly key: string }[];
}
