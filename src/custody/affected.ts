/**
 * What a key can open and what it signed, as archives and key rings name it. Nothing is
 * verified here: whoever looks for damage wants to see false entries as well.
 */
import { type Core, coreBytes, decodeCore } from '../archive/core.ts';
import { decodeKeyring, type KeyringDocument, parseKeyring } from '../archive/keyring.ts';
import { readKeyringFile, readSlots, readTrailer, type Slots } from '../archive/reader.ts';
import { decodeSlot } from '../archive/slots.ts';
import { hex } from '../bytes.ts';
import { using } from '../engine/files.ts';
import { locationOf, openSource } from '../engine/locate.ts';
import { shownName } from '../engine/remote/location.ts';
import type { Source } from '../engine/source.ts';

export interface RingTrace {
  /** Absent for a detached key ring. */
  readonly slot?: 'A' | 'B';
  /** Whether it counts; an older ring may be left in the other slot. */
  readonly inForce: boolean;
  readonly epoch: number;
  readonly createdAt: string;
  /**
   * Whether the key opens the archive: by a stanza or a share of a quorum that names it;
   * `unknown` where recipients are hidden, since hidden stanzas name nobody.
   */
  readonly opens: 'yes' | 'share' | 'unknown' | 'no';
  readonly hiddenRecipients: number;
  /** Whether the key granted this access. */
  readonly granted: boolean;
}

/** Where a key occurs in one file. */
export interface KeyTrace {
  readonly file: string;
  readonly kind: 'archive' | 'keyring';
  /** Hex, 32 bytes. */
  readonly archive: string;
  /** Of an archive only. */
  readonly sealed?: { readonly contentRoot: string; readonly at: string; readonly byKey: boolean };
  readonly rings: readonly RingTrace[];
}

/**
 * Looks for a key in an archive or a detached key ring.
 * @param ids key ids, such as all of a card.
 * @throws StrongroomError of a file that is neither, or is broken.
 */
export function traceKey(path: string, ids: readonly string[]): Promise<KeyTrace> {
  return using(openSource(locationOf(path)), async (source) => {
    const head = new Uint8Array(coreBytes);
    const bytes = head.subarray(0, await source.readAt(head, 0));
    // Canonical JSON of a key ring begins with a brace, and no archive does
    if (bytes[0] === 0x7b) return traceDetached(path, ids);
    return traceArchive(source, decodeCore(bytes, source.name), ids);
  });
}

async function traceArchive(source: Source, core: Core, ids: readonly string[]): Promise<KeyTrace> {
  const slots = await readSlots(source, core);
  const { seal } = await readTrailer(source, core);
  return {
    file: source.name,
    kind: 'archive',
    archive: hex(core.archiveId),
    sealed: {
      contentRoot: hex(seal.contentRoot),
      at: seal.predicate.time,
      byKey: core.authors.some((id) => ids.includes(id)),
    },
    rings: ([0, 1] as const).flatMap((slot) => {
      const document = documentIn(slots, slot, core, source.name);
      if (document === undefined) return [];
      const inForce = slot === slots.slot;
      return [{ slot: slot === 0 ? 'A' : 'B', ...traceRing(document, ids, inForce) } as const];
    }),
  };
}

function documentIn(
  { slots, slot: counting, ring }: Slots,
  slot: 0 | 1,
  core: Core,
  name: string,
): KeyringDocument | undefined {
  if (slot === counting) return ring.document;
  const bytes = decodeSlot(slots[slot], slot === 0 ? 'A' : 'B', name);
  return bytes && decodeKeyring(bytes, core, name).document;
}

async function traceDetached(path: string, ids: readonly string[]): Promise<KeyTrace> {
  const document = parseKeyring(await readKeyringFile(path), shownName(path));
  return {
    file: shownName(path),
    kind: 'keyring',
    archive: document.signed.archive,
    rings: [traceRing(document, ids, true)],
  };
}

function traceRing(
  { signatures, signed }: KeyringDocument,
  ids: readonly string[],
  inForce: boolean,
): RingTrace {
  const { epoch, created, recipients, quorums = [] } = signed;
  const isNamed = (key: string | undefined) => key !== undefined && ids.includes(key);
  const hiddenRecipients = recipients.filter(({ key }) => key === undefined).length;
  const holdsShare = () =>
    quorums.some(({ groups }) =>
      groups.some(({ shares }) => shares.some(({ key }) => isNamed(key))),
    );
  const opens = () => {
    if (recipients.some(({ key }) => isNamed(key))) return 'yes';
    if (holdsShare()) return 'share';
    return hiddenRecipients > 0 ? 'unknown' : 'no';
  };
  return {
    inForce,
    epoch,
    createdAt: created,
    opens: opens(),
    hiddenRecipients,
    granted: signatures.some(({ keyid }) => isNamed(keyid)),
  };
}
