/** How much room an archive gets for its key rings. */
import { StrongroomError } from '../errors.ts';
import { limits } from './core.ts';
import { maxReason } from './keyring.ts';
import { slotHeadBytes } from './slots.ts';

/** A character of a reason, escaped as JSON does at worst. */
const reasonBytes = 6 * maxReason;
const pageBytes = 4096;

/** A slot with room for four times the key ring of today, which takes `ringBytes`. */
export function usualSlotBytes(ringBytes: number): number {
  const { usual, most } = limits.slotBytes;
  const wanted = 2 ** Math.ceil(Math.log2(4 * (slotHeadBytes + ringBytes)));
  return Math.min(Math.max(usual, wanted), most);
}

/**
 * A slot with room for a key ring of `ringBytes` and any reason, and for little more.
 * @throws StrongroomError USAGE beyond what a slot can be.
 */
export function slotBytesOf(ringBytes: number): number {
  const wanted = ringBytes + reasonBytes + 2 * slotHeadBytes;
  const slotBytes = Math.ceil(wanted / pageBytes) * pageBytes;
  if (slotBytes <= limits.slotBytes.most) return slotBytes;
  throw new StrongroomError(
    'USAGE',
    `a key ring of ${ringBytes} bytes has no place in an archive`,
    {
      hint: 'grant access by detached key rings',
    },
  );
}
