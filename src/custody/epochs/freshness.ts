/**
 * Whether a key ring is the newest: an attacker who can write an archive can put back an older
 * ring with its valid signature, and only a reader that remembers can tell (docs/format.md,
 * "Key ring").
 */
import type { Front } from '../../archive/reader.ts';
import { hex } from '../../bytes.ts';
import { StrongroomError } from '../../errors.ts';

/** The highest epoch that was seen of each archive. */
export interface EpochMemory {
  /** @param core hex, `coreHash`: what names an archive for good. */
  highest(core: string): number | undefined;
  /** Keeps `epoch` unless a higher one is known. */
  remember(core: string, epoch: number): void;
}

export interface Freshness {
  /** Refuse key rings of a lower epoch. */
  readonly minEpoch?: number | undefined;
  /** Refuse what is older than what was seen before; `off` by default. */
  readonly epochMemory?: EpochMemory | 'off' | undefined;
}

/**
 * Holds a key ring against what is known of its archive, and remembers its epoch. Call it once
 * the ring is trusted: before, anyone could raise what is remembered.
 * @throws StrongroomError EPOCH_ROLLBACK.
 */
export function holdEpoch(
  { core, ring }: Pick<Front, 'core' | 'ring'>,
  { minEpoch, epochMemory = 'off' }: Freshness,
  name: string,
): void {
  const { epoch } = ring.document.signed;
  const refuse = (what: string) =>
    new StrongroomError('EPOCH_ROLLBACK', `${name}: its key ring is of epoch ${epoch}, ${what}`, {
      file: name,
    });
  if (minEpoch !== undefined && epoch < minEpoch) throw refuse(`and at least ${minEpoch} is asked`);
  if (epochMemory === 'off') return;
  // The core names the author too: by the archive id alone, another author could raise it
  const id = hex(core.hash);
  const seen = epochMemory.highest(id);
  if (seen !== undefined && epoch < seen) throw refuse(`and epoch ${seen} was seen before`);
  epochMemory.remember(id, epoch);
}
