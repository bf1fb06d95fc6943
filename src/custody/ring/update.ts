/**
 * Changing who can open an archive: its key ring in place, or a detached one for stores that
 * cannot be patched. The payload is not touched.
 */
import { closeSync, openSync, writeFileSync } from 'node:fs';
import type { Core } from '../../archive/core.ts';
import type { ArchiveKeys } from '../../archive/filekey.ts';
import {
  type KeyHolder,
  type Keyring,
  maxKeyringBytes,
  trustKeyring,
  unlockKeyring,
} from '../../archive/keyring.ts';
import { type Front, readFront, readSlots } from '../../archive/reader.ts';
import { replaceRing, slotFile } from '../../archive/ringwriter.ts';
import { wipe } from '../../bytes.ts';
import { using } from '../../engine/files.ts';
import { locationOf, openSource } from '../../engine/locate.ts';
import type { LockOptions } from '../../engine/lock.ts';
import { createFile } from '../../engine/output.ts';
import { isRemote, shownName } from '../../engine/remote/location.ts';
import { putNewObject } from '../../engine/remote/multipart.ts';
import { asStrongroomError, StrongroomError } from '../../errors.ts';
import type { Card } from '../../keys/card.ts';
import type { Identity } from '../../keys/identity.ts';
import type { Trust } from '../../keys/policy.ts';
import { type Freshness, holdEpoch } from '../epochs/freshness.ts';

import { guarded } from './guard.ts';
import { lockArchive } from './lock.ts';

import { assertGranter, assertReason, nextKeyring, type RingChange } from './next.ts';

/** What every change of access takes. */
export interface UpdateOptions extends Freshness, LockOptions {
  /** Signs the new key ring. It opens the old one too, unless `holder` does. */
  readonly identity: Identity;
  /** Who has the key, if it is not the identity, such as a quorum. */
  readonly holder?: KeyHolder | undefined;
  /** Whoever signed the old ring and whoever signs the new one must be trusted in it. */
  readonly trust: Trust;
  /** Recorded in the key ring: at most 1024 characters. */
  readonly reason?: string | undefined;
  /** Path of a detached key ring that is in force instead of the archive's own. */
  readonly keyring?: string | undefined;
  /** Path of a detached key ring to be, or `s3://BUCKET/KEY`; without it the archive is changed in place. */
  readonly output?: string | undefined;
}

/** An archive's front once its key ring was opened and found to be of someone trusted. */
export interface OpenFront extends Front {
  readonly keys: ArchiveKeys;
  readonly fileKey: Uint8Array;
  readonly grantedBy: Card;
}

export interface Updated {
  readonly core: Core;
  readonly before: Keyring;
  readonly after: Keyring;
}

/**
 * Replaces the key ring of the archive at `path` by its next epoch, which `change` describes.
 * @throws StrongroomError of steps 1 to 6 of docs/format.md, "How to read"; RING_BUSY, RING_FULL,
 *   GRANTER_UNTRUSTED, EPOCH_ROLLBACK, USAGE, CARD_EXPIRED; what `change` throws; the system's.
 */
export async function updateRing(
  path: string,
  options: UpdateOptions,
  change: (front: OpenFront) => RingChange | Promise<RingChange>,
): Promise<Updated> {
  assertReason(options.reason);
  if (options.output !== undefined) return updateDetached(path, options.output, options, change);
  if (isRemote(path)) {
    throw new StrongroomError('USAGE', `${shownName(path)}: is not changed in place`, {
      hint: 'write a detached key ring: --output FILE',
    });
  }
  if (options.keyring !== undefined) {
    throw new StrongroomError('USAGE', 'a detached key ring is not changed in place', {
      hint: 'name the new one: --output FILE',
    });
  }
  const lock = await lockArchive(path, options);
  try {
    const updated = await nextOf(path, options, change);
    const { core, before, after } = updated;
    await using(openSource({ kind: 'file', path }), async (source) => {
      const { slots, ring, slot } = await readSlots(source, core);
      if (!Buffer.from(ring.bytes).equals(before.bytes)) throw moved(path);
      const fd = openToWrite(path);
      try {
        replaceRing(guarded(slotFile(fd), lock), core, slots, slot, after.bytes, path);
      } catch (error) {
        throw asStrongroomError(error, path);
      } finally {
        closeSync(fd);
      }
    });
    holdEpoch({ core, ring: after }, options, path);
    return updated;
  } finally {
    lock.release();
  }
}

const moved = (path: string) =>
  new StrongroomError('RING_BUSY', `${path}: its key ring was changed meanwhile`, { file: path });

function openToWrite(path: string): number {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    throw asStrongroomError(error, path);
  }
}

async function updateDetached(
  path: string,
  output: string,
  options: UpdateOptions,
  change: (front: OpenFront) => RingChange | Promise<RingChange>,
): Promise<Updated> {
  const to = locationOf(output);
  if (to.kind === 'http') {
    throw new StrongroomError('USAGE', `${shownName(output)}: nothing is written over HTTP`);
  }
  // Begun when all is there: until then a signal ends the process, and would leave it.
  const updated = await nextOf(path, options, change);
  const { bytes } = updated.after;
  if (bytes.length > maxKeyringBytes) {
    throw new StrongroomError('RING_FULL', `${output}: longer than ${maxKeyringBytes} bytes`, {
      hint: 'revoke the access of some, or rekey for fewer',
    });
  }
  if (to.kind === 's3') {
    await putNewObject(to, bytes);
    return updated;
  }
  const file = createFile(output);
  try {
    writeFileSync(file.path, bytes);
    file.commit();
    return updated;
  } catch (error) {
    throw asStrongroomError(error, output);
  } finally {
    file.discard();
  }
}

/** Steps 1 to 6 of "How to read", and the ring that follows. */
function nextOf(
  path: string,
  options: UpdateOptions,
  change: (front: OpenFront) => RingChange | Promise<RingChange>,
): Promise<Updated> {
  const { identity, holder = identity, trust, reason } = options;
  return using(openSource(locationOf(path)), async (source) => {
    const front = await readFront(source, options.keyring);
    const { core, ring } = front;
    assertGranter(identity, core, trust);
    const { fileKey, keys } = await unlockKeyring(ring, core, holder, source.name);
    try {
      const grantedBy = trustKeyring(ring, core, trust, source.name);
      holdEpoch(front, options, source.name);
      const changed = await change({ ...front, fileKey, keys, grantedBy });
      const next = { core, keys, previous: ring, change: changed, reason, signer: identity, trust };
      return { core, before: ring, after: nextKeyring(next) };
    } finally {
      keys.wipe();
      wipe(fileKey);
    }
  });
}
