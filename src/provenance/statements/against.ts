/**
 * A custody file held against its archive: an access change that was not recorded shows, and so
 * does the end of a file that was cut off before it.
 */
import type { Keyring } from '../../archive/keyring.ts';
import type { Seal } from '../../archive/seal.ts';
import { base64, hex } from '../../bytes.ts';
import { type ErrorCode, StrongroomError } from '../../errors.ts';
import type { Access, Step } from './chain.ts';
import { type About, accessOf, sealDigest } from './events.ts';

/**
 * Holds a custody file to be of this archive and to tell of its seal.
 * @throws StrongroomError CUSTODY_MISMATCH.
 */
export function assertAbout(
  steps: readonly Step[],
  { core, contentRoot }: About,
  seal: Seal,
  file: string,
): void {
  const first = steps[0]?.statement;
  if (first?.event !== 'sealed') return;
  const { predicate } = first;
  if (
    predicate.archive === hex(core.archiveId) &&
    predicate.core === base64(core.hash) &&
    first.contentRoot === hex(contentRoot) &&
    predicate.signer.join() === core.authors.join() &&
    predicate.seal === sealDigest(seal) &&
    predicate.sealedAt === seal.predicate.time
  ) {
    return;
  }
  const message = `${file}: is not the custody file of this archive`;
  throw new StrongroomError('CUSTODY_MISMATCH', message, { file });
}

/**
 * Holds the last key ring that a custody file tells of to be the one in force.
 * @throws StrongroomError CUSTODY_INCOMPLETE; EPOCH_ROLLBACK where the file knows a newer one.
 */
export function assertInForce(told: Access, ring: Keyring, file: string): void {
  const found = accessOf(ring);
  const refuse = (code: ErrorCode, why: string) =>
    new StrongroomError(code, `${file}: ${why}`, { file });
  const [recorded, epoch] = [told.ring.epoch, found.ring.epoch];
  if (epoch < recorded) {
    const why = `tells of epoch ${recorded}, and the key ring in force is of epoch ${epoch}`;
    throw refuse('EPOCH_ROLLBACK', why);
  }
  if (epoch > recorded) {
    const why = `ends at epoch ${recorded}, and the key ring in force is of epoch ${epoch}`;
    throw refuse('CUSTODY_INCOMPLETE', why);
  }
  if (told.ring.digest !== found.ring.digest) {
    throw refuse('CUSTODY_INCOMPLETE', `tells of another key ring of epoch ${epoch}`);
  }
  const same = (a: ReadonlySet<string>, b: ReadonlySet<string>) =>
    a.size === b.size && [...a].every((id) => b.has(id));
  if (
    !same(told.recipients, found.recipients) ||
    !same(told.quorums, found.quorums) ||
    told.hidden !== found.hidden
  ) {
    throw refuse('CUSTODY_INCOMPLETE', 'tells of other recipients than the key ring in force has');
  }
}
