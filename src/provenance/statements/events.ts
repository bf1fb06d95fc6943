/** Events as statements tell them, from what happened to an archive. */
import { randomBytes } from 'node:crypto';
import type { Core } from '../../archive/core.ts';
import type { Entry } from '../../archive/entry.ts';
import { type Keyring, keyringDigest } from '../../archive/keyring.ts';
import type { Release } from '../../archive/quorum.ts';
import { type Seal, subjectName } from '../../archive/seal.ts';
import { base64, concat, hex } from '../../bytes.ts';
import { sha384 } from '../../crypto/hash.ts';
import { hmacSha384 } from '../../crypto/kdf.ts';
import { encodeJson } from '../../json.ts';
import type { Access } from './chain.ts';
import type { NewEvent, Predicate, Subject } from './statement.ts';

/** The archive that events are about. */
export interface About {
  readonly core: Core;
  readonly contentRoot: Uint8Array;
}

/** What was in an archive, or came out of it, to whoever has its key. */
export interface Contents {
  readonly entries: readonly Entry[];
  /** The archive's custody key. */
  readonly key: Uint8Array;
}

/**
 * A commitment to a list of files: HMAC-SHA-384 under the archive's custody key over the
 * statement's salt and the entries as canonical JSON. Whoever opens the archive can check it;
 * nobody else can, not by guessing either.
 */
export const commitContents = ({ entries, key }: Contents, salt: Uint8Array): string =>
  base64(hmacSha384(key, concat(salt, encodeJson(entries))));

const subjectOf = ({ core, contentRoot }: About) =>
  [{ digest: { [subjectName(core)]: hex(contentRoot) } }] as unknown as Subject;

const commonOf = ({ core }: About) => {
  const salt = new Uint8Array(randomBytes(32));
  return { salt, archive: hex(core.archiveId), core: base64(core.hash) };
};

export const sealDigest = (seal: Seal): string => base64(sha384(seal.bytes));

/** What a key ring says of who can open it, as custody files tell it. */
export function accessOf(ring: Keyring): Access {
  const { epoch, recipients, quorums = [] } = ring.document.signed;
  const named = recipients.flatMap(({ key }) => (key === undefined ? [] : [key]));
  return {
    ring: { digest: base64(keyringDigest(ring)), epoch },
    recipients: new Set(named),
    hidden: recipients.length - named.length,
    quorums: new Set(quorums.map(({ split }) => split)),
  };
}

/** Sorted, so that no order among recipients is told. */
const listOf = (ids: Iterable<string>): string[] => [...ids].sort();

/** @param from the archive that the content was sealed in before. */
export function sealedEvent(
  about: About,
  ring: Keyring,
  seal: Seal,
  more: { readonly contents?: Contents | undefined; readonly from?: Predicate<'sealed'>['from'] },
): NewEvent {
  const { salt, ...common } = commonOf(about);
  const access = accessOf(ring);
  return {
    event: 'sealed',
    subject: subjectOf(about),
    predicate: {
      ...common,
      ...(more.contents === undefined ? {} : { contents: commitContents(more.contents, salt) }),
      ...(more.from === undefined ? {} : { from: more.from }),
      hidden: access.hidden,
      quorums: listOf(access.quorums),
      recipients: listOf(access.recipients),
      ring: access.ring,
      salt: base64(salt),
      seal: sealDigest(seal),
      sealedAt: seal.predicate.time,
    },
  };
}

/** @param before what the file tells so far. */
export function accessEvent(about: About, before: Access, ring: Keyring): NewEvent {
  const { salt, ...common } = commonOf(about);
  const after = accessOf(ring);
  const without = (a: ReadonlySet<string>, b: ReadonlySet<string>) =>
    listOf([...a].filter((id) => !b.has(id)));
  return {
    event: 'access',
    subject: subjectOf(about),
    predicate: {
      ...common,
      added: without(after.recipients, before.recipients),
      hidden: after.hidden,
      quorums: listOf(after.quorums),
      removed: without(before.recipients, after.recipients),
      ring: { ...after.ring, previous: ring.document.signed.previous ?? '' },
      salt: base64(salt),
    },
  };
}

/** Who can open it now, where it is not known what changed since the last that was told. */
export function gapEvent(about: About, ring: Keyring): NewEvent {
  const { salt, ...common } = commonOf(about);
  const access = accessOf(ring);
  return {
    event: 'gap',
    subject: subjectOf(about),
    predicate: {
      ...common,
      hidden: access.hidden,
      quorums: listOf(access.quorums),
      recipients: listOf(access.recipients),
      ring: { ...access.ring, previous: ring.document.signed.previous ?? '' },
      salt: base64(salt),
    },
  };
}

/** The content was sealed anew, in another archive. */
export function rekeyedEvent(about: About, ring: Keyring, to: About, seal: Seal): NewEvent {
  const { salt, ...common } = commonOf(about);
  return {
    event: 'rekeyed',
    subject: subjectOf(about),
    predicate: {
      ...common,
      ring: accessOf(ring).ring,
      salt: base64(salt),
      to: {
        archive: hex(to.core.archiveId),
        contentRoot: hex(to.contentRoot),
        seal: sealDigest(seal),
      },
    },
  };
}

export function releasedEvent(about: About, ring: Keyring, release: Release): NewEvent {
  const { salt, ...common } = commonOf(about);
  const { approvals, request, split } = release;
  return {
    event: 'released',
    subject: subjectOf(about),
    predicate: {
      ...common,
      approvals: approvals.map(({ digest, key }) => ({ digest, key })),
      request,
      ring: accessOf(ring).ring,
      salt: base64(salt),
      split,
    },
  };
}

/**
 * @param whole whether all of the archive came out.
 * @param quorum the split by which it was opened, if not by a key of one's own.
 */
export function openedEvent(
  about: About,
  ring: Keyring,
  contents: Contents,
  { whole, quorum }: { readonly whole: boolean; readonly quorum?: string | undefined },
): NewEvent {
  const { salt, ...common } = commonOf(about);
  return {
    event: 'opened',
    subject: subjectOf(about),
    predicate: {
      ...common,
      contents: commitContents(contents, salt),
      ...(quorum === undefined ? {} : { quorum }),
      ring: accessOf(ring).ring,
      salt: base64(salt),
      whole,
    },
  };
}
