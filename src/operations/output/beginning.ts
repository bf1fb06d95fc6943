/** What a new archive begins with: its core, its first key ring, and the key of its payload. */
import {
  type Core,
  type CoreFields,
  createCore,
  payloadOffset,
  slotOffsets,
} from '../../archive/core.ts';
import { type ArchiveKeys, deriveArchiveKeys, fileKeyBytes } from '../../archive/filekey.ts';
import { chooseKeyring, type Keyring } from '../../archive/keyring.ts';
import { encodeSlot } from '../../archive/slots.ts';
import { concat, randomSecret, wipe } from '../../bytes.ts';
import { type FloeState, startDecryption, startEncryption } from '../../crypto/floe.ts';

export interface Beginning {
  readonly core: Core;
  readonly fileKey: Uint8Array;
  readonly keys: ArchiveKeys;
  /** The first of the archive. */
  readonly ring: Keyring;
  /** FLOE's, of the payload. */
  readonly header: Uint8Array;
  readonly floe: FloeState;
  /** All that comes before the first segment. */
  readonly front: Uint8Array;
  /** Wipes what is secret. */
  wipe(): void;
}

type Secrets = Pick<Beginning, 'core' | 'fileKey' | 'keys'>;

/** Core, slots and FLOE header of an archive with its first key ring. */
export function frontOf(core: Core, ring: Keyring, header: Uint8Array): Uint8Array<ArrayBuffer> {
  const slots = [encodeSlot(ring.bytes, core.slotBytes), new Uint8Array(core.slotBytes)];
  return concat(core.bytes, ...slots, header);
}

/** A new core, file key and FLOE header, and the front that they make with a key ring. */
export async function beginArchive(
  fields: CoreFields,
  ringOf: (secrets: Secrets) => Promise<Keyring>,
): Promise<Beginning> {
  const core = createCore(fields);
  const fileKey = randomSecret(fileKeyBytes);
  const keys = deriveArchiveKeys(fileKey, core);
  const { header, state } = startEncryption(keys.payload, core.hash, core.segmentBytes);
  const wipeAll = () => {
    keys.wipe();
    wipe(fileKey, state.messageKey);
  };
  try {
    const ring = await ringOf({ core, fileKey, keys });
    const front = frontOf(core, ring, header);
    return { core, fileKey, keys, ring, header, floe: state, front, wipe: wipeAll };
  } catch (error) {
    wipeAll();
    throw error;
  }
}

/** The beginning of an archive whose front is there already. */
export function continueArchive(secrets: Secrets, front: Uint8Array, name: string): Beginning {
  const { core, fileKey, keys } = secrets;
  const [a, b] = slotOffsets(core);
  const slots = [front.subarray(a, b), front.subarray(b, payloadOffset(core))] as const;
  const ring = chooseKeyring(slots, core, name);
  const header = front.slice(payloadOffset(core));
  const floe = startDecryption(keys.payload, core.hash, header, core.segmentBytes);
  return {
    ...secrets,
    ring,
    header,
    floe,
    front,
    wipe() {
      keys.wipe();
      wipe(fileKey, floe.messageKey);
    },
  };
}
