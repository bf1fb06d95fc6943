/** The key ring: who can open an archive, one epoch of it (docs/format.md, "Key ring"). */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import { base64, equal, fromBase64, hex, secretCopy } from '../bytes.ts';
import { sha384 } from '../crypto/hash.ts';
import { hmacSha384 } from '../crypto/kdf.ts';
import type { Suite } from '../crypto/suites.ts';
import { StrongroomError } from '../errors.ts';
import { decodeJson, encodeJson } from '../json.ts';
import { type Card, isValidAt } from '../keys/card.ts';
import { assertSignedWhileActive } from '../keys/enforce.ts';
import type { Identity } from '../keys/identity.ts';
import { type Trust, trustedCard } from '../keys/policy.ts';
import { areSignaturesOf, schemas, signaturesVerify, signDocument } from '../keys/signed.ts';
import { shortKeyId } from '../text.ts';
import { timeOf } from '../time.ts';
import type { Core } from './core.ts';
import {
  type ArchiveKeys,
  commitBytes,
  deriveArchiveKeys,
  sealedKeyBytes,
  unwrapFileKey,
  wrapFileKey,
} from './filekey.ts';
import {
  faultInQuorums,
  type QuorumStanza,
  quorumsSchema,
  type Release,
  sealedShareBytes,
} from './quorum.ts';
import { decodeSlot } from './slots.ts';
import { untrustedAuthor } from './untrusted.ts';

const payloadType = 'application/vnd.strongroom.keyring.v1+json';

export const maxKeyringBytes = 2 ** 26;
/** More than any ring of 64 MiB has; JSON of brackets alone would have sixty times as many. */
const maxKeyringValues = 2 ** 20;
export const maxRecipients = 10_000;
/** In characters. */
export const maxReason = 1024;

const stanza = z.strictObject({
  enc: schemas.base64(),
  key: schemas.keyId.exactOptional(),
  sealed: schemas.base64(sealedKeyBytes),
});

const document = z.strictObject({
  signatures: schemas.signatures,
  signed: z.strictObject({
    archive: schemas.keyId,
    commit: schemas.base64(commitBytes),
    core: schemas.base64(48),
    created: schemas.time,
    epoch: z.int().min(1),
    mac: schemas.base64(48),
    previous: schemas.base64(48).exactOptional(),
    quorums: quorumsSchema.exactOptional(),
    reason: schemas.text(0, maxReason).exactOptional(),
    recipients: z.array(stanza).max(maxRecipients),
    type: z.literal('strongroom/keyring'),
    version: z.literal(1),
  }),
});

export type KeyringDocument = z.infer<typeof document>;
/** The file key, sealed to one recipient. */
export type Stanza = z.infer<typeof stanza>;

export interface Keyring {
  readonly document: KeyringDocument;
  /** The document as it stands in its slot or file. */
  readonly bytes: Uint8Array;
}

export interface NewKeyring {
  readonly core: Core;
  readonly keys: ArchiveKeys;
  readonly fileKey: Uint8Array;
  readonly recipients: readonly Card[];
  /** Ready-made; there is at least one if there are no recipients. */
  readonly quorums?: QuorumStanza[];
  /** Leaves out whose stanza is whose. */
  readonly hideRecipients: boolean;
  readonly reason?: string | undefined;
  readonly signer: Identity;
}

/** Bytes that a key ring of so many recipients and shares takes at most, without a reason. */
export function keyringBytes(suite: Suite, recipients: number, shares = 0): number {
  const encoded = (bytes: number) => 4 * Math.ceil(bytes / 3);
  const stanzaBytes = encoded(suite.kem.encBytes) + encoded(sealedKeyBytes) + 128;
  // Names and ids of a custodian, and the custodian's part of what a group and a quorum add
  const quorumShareBytes = encoded(suite.kem.encBytes) + encoded(sealedShareBytes) + 1280;
  const signatures = suite.signatures.reduce(
    (sum, { signatureBytes }) => sum + encoded(signatureBytes) + 128,
    0,
  );
  return 1024 + recipients * stanzaBytes + shares * quorumShareBytes + signatures;
}

/** The first epoch of a new archive's key ring. */
export function createKeyring(ring: NewKeyring): Keyring {
  const { core, keys, fileKey, hideRecipients, quorums = [] } = ring;
  const recipients = ring.recipients.map((card) =>
    stanzaFor(card, fileKey, core, keys, hideRecipients),
  );
  const body = {
    archive: hex(core.archiveId),
    commit: base64(keys.commit),
    core: base64(core.hash),
    created: timeOf(),
    epoch: 1,
    ...(quorums.length === 0 ? {} : { quorums: [...quorums] }),
    ...(ring.reason === undefined ? {} : { reason: ring.reason }),
    recipients,
    type: 'strongroom/keyring' as const,
    version: 1 as const,
  };
  return signKeyring(body, core, keys, ring.signer);
}

/** @param hide leaves out whose stanza it is. */
export function stanzaFor(
  { kem }: Card,
  fileKey: Uint8Array,
  core: Core,
  keys: ArchiveKeys,
  hide: boolean,
): Stanza {
  const { enc, sealed } = wrapFileKey(fileKey, core, keys.commit, kem.publicKey);
  return { enc: base64(enc), ...(hide ? {} : { key: kem.id }), sealed: base64(sealed) };
}

/** A ring of this content, with its MAC and the signatures of `signer`. */
export function signKeyring(
  body: Omit<KeyringDocument['signed'], 'mac'>,
  core: Core,
  keys: ArchiveKeys,
  signer: Identity,
): Keyring {
  const signed = { ...body, mac: base64(hmacSha384(keys.keyring, encodeJson(body))) };
  const bytes = encodeJson(signDocument(payloadType, signed, signer));
  return decodeKeyring(bytes, core, 'new key ring');
}

/**
 * The shape of a key ring alone: for looking at one whose archive is not there.
 * @throws StrongroomError KEYRING_INVALID.
 */
export function parseKeyring(bytes: Uint8Array, name: string): KeyringDocument {
  const what = `${name}: key ring`;
  return decodeJson(bytes, document, {
    what,
    code: 'KEYRING_INVALID',
    maxBytes: maxKeyringBytes,
    maxValues: maxKeyringValues,
  });
}

/**
 * Parses a key ring and holds it against the core.
 * @throws StrongroomError KEYRING_INVALID, KEYRING_MISMATCH, KEYRING_UNTRUSTED for signatures of
 *   another number or length than the suite's.
 */
export function decodeKeyring(bytes: Uint8Array, core: Core, name: string): Keyring {
  const invalid = (what: string) =>
    new StrongroomError('KEYRING_INVALID', `${name}: ${what}`, { file: name });
  const parsed = parseKeyring(bytes, name);
  const { signed } = parsed;
  if (signed.archive !== hex(core.archiveId) || signed.core !== base64(core.hash)) {
    throw new StrongroomError(
      'KEYRING_MISMATCH',
      `${name}: the key ring does not belong to this core`,
      {
        file: name,
      },
    );
  }
  if (!areSignaturesOf(core.suite, parsed.signatures)) {
    const message = `${name}: the key ring does not have the signatures of its suite`;
    throw new StrongroomError('KEYRING_UNTRUSTED', message, { file: name });
  }
  if ((signed.epoch === 1) !== (signed.previous === undefined)) {
    throw invalid('the key ring names a previous one exactly when it is not the first');
  }
  if (signed.recipients.length === 0 && signed.quorums === undefined) {
    throw invalid('the key ring names nobody');
  }
  const fault = faultInQuorums(signed.quorums ?? [], core.suite);
  if (fault !== undefined) throw invalid(fault);
  const named = new Set<string>();
  for (const { enc, key } of signed.recipients) {
    if (fromBase64(enc).length !== core.suite.kem.encBytes) {
      throw invalid('a stanza has an encapsulation of the wrong length');
    }
    if (key === undefined) continue;
    if (named.has(key)) throw invalid(`two stanzas name the key ${key}`);
    named.add(key);
  }
  return { document: parsed, bytes: new Uint8Array(bytes) };
}

/**
 * The key ring in force: of the two slots the one with the higher epoch.
 * @throws StrongroomError KEYRING_INVALID, KEYRING_MISMATCH.
 */
export function chooseKeyring(
  slots: readonly [Uint8Array, Uint8Array],
  core: Core,
  name: string,
): Keyring & { readonly slot: 0 | 1 } {
  const rings = ([0, 1] as const).flatMap((slot) => {
    const bytes = decodeSlot(slots[slot], slot === 0 ? 'A' : 'B', name);
    return bytes === undefined ? [] : [{ ...decodeKeyring(bytes, core, name), slot }];
  });
  const [first, second] = rings;
  if (first === undefined) {
    throw new StrongroomError('KEYRING_INVALID', `${name}: holds no key ring`, { file: name });
  }
  if (second === undefined) return first;
  const [a, b] = [first.document.signed.epoch, second.document.signed.epoch];
  if (a === b) {
    throw new StrongroomError('KEYRING_INVALID', `${name}: both key rings are of epoch ${a}`, {
      file: name,
    });
  }
  return a > b ? first : second;
}

/** A file key that was found otherwise than in a stanza, such as by a quorum. */
export interface FoundKey {
  readonly fileKey: Uint8Array;
  /** The decision that gave it, if a quorum did. */
  readonly release?: Release;
}

/** Whoever can open an archive. */
export type KeyHolder = Identity | FoundKey;

/** How many stanzas are tried before other work gets its turn. */
const turn = 8;

/**
 * The file key from the stanza that names the identity, or from a hidden one.
 * @throws StrongroomError SUITE_MISMATCH, NO_KEY_FITS, INTERRUPTED.
 */
async function fileKeyFrom(
  ring: Keyring,
  core: Core,
  identity: Identity,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  if (identity.card.suite !== core.suite) {
    const message = `${name}: is of suite ${core.suite.name}, the identity of ${identity.card.suite.name}`;
    throw new StrongroomError('SUITE_MISMATCH', message, { file: name });
  }
  const { recipients, commit } = ring.document.signed;
  const committed = fromBase64(commit);
  const own = recipients.filter(({ key }) => key === identity.card.kem.id);
  const candidates = own.length > 0 ? own : recipients.filter(({ key }) => key === undefined);
  let fileKey: Uint8Array | undefined;
  // Every candidate is tried, so that time does not tell which one fitted.
  for (const [i, { enc, sealed }] of candidates.entries()) {
    // Ten thousand of them take seconds to minutes, in which Ctrl-C must be heard
    if (i % turn === turn - 1) await nextTurn();
    if (signal?.aborted) {
      fileKey?.fill(0);
      throw new StrongroomError('INTERRUPTED', 'interrupted');
    }
    const found = unwrapFileKey(
      { enc: fromBase64(enc), sealed: fromBase64(sealed) },
      core,
      committed,
      identity,
    );
    if (fileKey === undefined) fileKey = found;
    else found?.fill(0);
  }
  if (fileKey === undefined) {
    const hint = quorumHint(ring, identity);
    throw new StrongroomError('NO_KEY_FITS', `${name}: was not sealed to this identity`, {
      file: name,
      ...(hint === undefined ? {} : { hint }),
    });
  }
  return fileKey;
}

/** Whom to ask where people open it together. */
function quorumHint({ document }: Keyring, identity: Identity): string | undefined {
  const { quorums = [], recipients } = document.signed;
  const holds = quorums.some(({ groups }) =>
    groups.some(({ shares }) => shares.some(({ key }) => key === identity.card.kem.id)),
  );
  if (holds) {
    return 'it holds a share of a quorum: ask the others with "strongroom quorum request"';
  }
  if (quorums.length === 0 || recipients.length > 0) return undefined;
  return 'a quorum alone can open it: ask its custodians with "strongroom quorum request"';
}

/**
 * Steps 3 to 5 of "How to read": the file key, its commitment, the ring's MAC. The
 * caller wipes what it gets.
 * @throws StrongroomError NO_KEY_FITS, SUITE_MISMATCH, COMMIT_MISMATCH, KEYRING_MAC, INTERRUPTED.
 */
export async function unlockKeyring(
  ring: Keyring,
  core: Core,
  holder: KeyHolder,
  name: string,
  signal?: AbortSignal,
): Promise<{ readonly fileKey: Uint8Array; readonly keys: ArchiveKeys }> {
  const fileKey =
    'fileKey' in holder
      ? secretCopy(holder.fileKey)
      : await fileKeyFrom(ring, core, holder, name, signal);
  const keys = deriveArchiveKeys(fileKey, core);
  const { mac, ...body } = ring.document.signed;
  const refuse = (code: 'COMMIT_MISMATCH' | 'KEYRING_MAC', what: string) => {
    keys.wipe();
    fileKey.fill(0);
    return new StrongroomError(code, `${name}: ${what}`, { file: name });
  };
  if (!equal(keys.commit, fromBase64(body.commit))) {
    throw refuse('COMMIT_MISMATCH', 'the key that was found is not the key of this archive');
  }
  if (!equal(hmacSha384(keys.keyring, encodeJson(body)), fromBase64(mac))) {
    throw refuse('KEYRING_MAC', 'the key ring was not written by someone who has the key');
  }
  return { fileKey, keys };
}

/** Whether the signatures on a ring are those of a card; when it was valid is another matter. */
export const isGrantedBy = ({ document: { signatures, signed } }: Keyring, card: Card): boolean =>
  signaturesVerify(payloadType, encodeJson(signed), signatures, card);

/**
 * Step 6: whoever wrote the ring: the archive's author if trusted as one, or a trusted custodian.
 * @throws StrongroomError KEYRING_UNTRUSTED, KEY_COMPROMISED.
 */
export function trustKeyring(ring: Keyring, core: Core, trust: Trust, name: string): Card {
  const { signatures, signed } = ring.document;
  const ids = signatures.map(({ keyid }) => keyid);
  const byAuthor = ids.join() === core.authors.join();
  const card =
    (byAuthor ? trustedCard(trust, 'author', ids) : undefined) ??
    trustedCard(trust, 'custodian', ids);
  const untrusted = (what: string) =>
    new StrongroomError('KEYRING_UNTRUSTED', `${name}: ${what}`, { file: name });
  if (card === undefined || card.suite !== core.suite) {
    // Whoever trusts another author altogether is helped by no custodian
    if (trustedCard(trust, 'author', core.authors) === undefined) {
      throw untrustedAuthor(core, trust, name, 'KEYRING_UNTRUSTED');
    }
    throw untrusted(`access was granted by ${shortKeyId(ids[0])}, whom you do not trust for that`);
  }
  if (!isGrantedBy(ring, card)) {
    throw untrusted(`the signature of ${card.name} on the key ring is wrong`);
  }
  if (!isValidAt(card, signed.created)) {
    throw untrusted(
      `access was granted at ${signed.created}, when the card of ${card.name} was not valid`,
    );
  }
  assertSignedWhileActive(trust, {
    by: card,
    time: signed.created,
    name,
    verb: 'granted access',
    code: 'KEYRING_UNTRUSTED',
  });
  return card;
}

/** SHA-384 over a ring's document: what the next epoch names as `previous`. */
export const keyringDigest = (ring: Keyring): Uint8Array => sha384(ring.bytes);
