/** A quorum as a person writes it down: groups, thresholds, paths of cards. */
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import type { QuorumPlan } from '../../custody/quorum/split.ts';
import { decodeAnyLayout } from '../../json.ts';
import { readCard, readSmallFile } from '../keyfiles.ts';

const spec = z.strictObject({
  type: z.literal('strongroom/quorum'),
  version: z.literal(1),
  groups: z.array(
    z.strictObject({
      name: z.string(),
      threshold: z.int(),
      cards: z.array(z.string().min(1).max(4096)),
    }),
  ),
});

const maxSpecBytes = 2 ** 20;

/**
 * Reads a quorum specification and its cards, whose paths are relative to it. What of it an
 * archive can hold, `seal` decides.
 * @throws StrongroomError `QUORUM_INVALID`, and as `readCard`.
 */
export async function readQuorumSpec(path: string): Promise<QuorumPlan> {
  const bytes = await readSmallFile(path, maxSpecBytes);
  const parsed = decodeAnyLayout(bytes, spec, {
    what: path,
    file: path,
    code: 'QUORUM_INVALID',
    maxBytes: maxSpecBytes,
  });
  const cardOf = (card: string) => readCard(resolve(dirname(path), card));
  const groups = parsed.groups.map(async ({ name, threshold, cards }) => ({
    name,
    threshold,
    custodians: await Promise.all(cards.map(cardOf)),
  }));
  return { groups: await Promise.all(groups) };
}
