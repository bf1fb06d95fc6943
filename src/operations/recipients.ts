/** Who can open an archive, who let them, when and why. */
import { isGrantedBy, type Keyring, trustKeyring, unlockKeyring } from '../archive/keyring.ts';
import { readFront } from '../archive/reader.ts';
import { hex, wipe } from '../bytes.ts';
import { type Freshness, holdEpoch } from '../custody/epochs/freshness.ts';
import { using } from '../engine/files.ts';
import { locationOf, openSource } from '../engine/locate.ts';
import type { Card } from '../keys/card.ts';
import type { Identity } from '../keys/identity.ts';
import type { Trust } from '../keys/policy.ts';
import { type Who, whoOf } from './access.ts';

export interface RecipientsOptions extends Freshness {
  /** Cards that give keys their names, beside those that are trusted. */
  readonly cards?: readonly Card[] | undefined;
  /** With it, whoever wrote the key ring is held to be trusted. */
  readonly trust?: Trust | undefined;
  /** With it, the key ring is held to be of someone who has the key. */
  readonly identity?: Identity | undefined;
  /** Path of a detached key ring. */
  readonly keyring?: string | undefined;
}

export interface RecipientsReport {
  readonly archive: string;
  readonly epoch: number;
  readonly createdAt: string;
  readonly reason?: string;
  readonly grantedBy: {
    /** Ids of the signing keys, as the ring states them. */
    readonly keys: readonly string[];
    /** Of the card whose signature verifies. */
    readonly name?: string;
    readonly fingerprint?: string;
  };
  /** Whether the signature of someone trusted was there; without `trust` nobody looked. */
  readonly verified: boolean;
  /** Whether a key was there to check that the ring is of someone who has the file key. */
  readonly unlocked: boolean;
  readonly recipients: readonly Who[];
  /** How many more there are whose keys the ring does not tell. */
  readonly hidden: number;
  /** How many quorums can open it, each on its own. */
  readonly quorums: number;
}

/**
 * Reads who can open the archive at `path`.
 * @throws StrongroomError of steps 1 to 6 of docs/format.md, "How to read"; EPOCH_ROLLBACK.
 */
export function recipients(
  path: string,
  options: RecipientsOptions = {},
): Promise<RecipientsReport> {
  const { cards = [], trust, identity, keyring } = options;
  return using(openSource(locationOf(path)), async (source) => {
    const front = await readFront(source, keyring);
    const { core, ring } = front;
    if (identity !== undefined) {
      const { fileKey, keys } = await unlockKeyring(ring, core, identity, source.name);
      keys.wipe();
      wipe(fileKey);
    }
    const granter = trust === undefined ? undefined : trustKeyring(ring, core, trust, source.name);
    if (granter !== undefined) holdEpoch(front, options, source.name);
    const known = [...cards, ...(trust?.entries ?? []).map(({ card }) => card)];
    return {
      archive: hex(core.archiveId),
      ...describe(ring, known),
      verified: granter !== undefined,
      unlocked: identity !== undefined,
    };
  });
}

function describe(ring: Keyring, known: readonly Card[]) {
  const { signatures, signed } = ring.document;
  const { epoch, created, reason, recipients: stanzas, quorums = [] } = signed;
  const names = new Map(known.map((card) => [card.kem.id, whoOf(card)]));
  const signers = signatures.map(({ keyid }) => keyid);
  const signer = known.find((card) => isGrantedBy(ring, card));
  const named = stanzas.flatMap(({ key }) => (key === undefined ? [] : [key]));
  return {
    epoch,
    createdAt: created,
    ...(reason === undefined ? {} : { reason }),
    grantedBy: {
      keys: signers,
      ...(signer === undefined ? {} : { name: signer.name, fingerprint: signer.fingerprint }),
    },
    recipients: named.map((key) => names.get(key) ?? { key }),
    hidden: stanzas.length - named.length,
    quorums: quorums.length,
  };
}
