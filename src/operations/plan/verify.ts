/** Planning: many machines will verify one archive; none of them gets a key. */
import { readFloeHeader, readFront, readManifestBytes } from '../../archive/reader.ts';
import { hex } from '../../bytes.ts';
import type { Freshness } from '../../custody/epochs/freshness.ts';
import { using } from '../../engine/files.ts';
import { locationOf, openSource } from '../../engine/locate.ts';
import { StrongroomError } from '../../errors.ts';
import type { Identity } from '../../keys/identity.ts';
import type { Trust } from '../../keys/policy.ts';
import { readAttested } from '../attested.ts';
import { beginPlan, commonOf, type NewPlanOptions, type PlanReport, writeNewPlan } from './new.ts';
import { placeBeside, shareableAddress } from './open.ts';
import { receiptPlace } from './place.ts';

export interface PlanVerifyOptions extends NewPlanOptions, Freshness {
  /** Signs the plan; need not be able to open the archive, but is of its suite. */
  readonly identity: Identity;
  readonly trust: Trust;
  /** Path of a detached key ring. */
  readonly keyring?: string | undefined;
}

/**
 * Plans to verify the archive at `path`: who sealed it and who granted access is looked at here,
 * its segments by the workers.
 * @throws StrongroomError of any code that `docs/format.md`, "How to read", leads to; USAGE,
 *   SUITE_MISMATCH, CARD_EXPIRED.
 */
export async function planVerify(path: string, options: PlanVerifyOptions): Promise<PlanReport> {
  const { identity, ranges, keyring, signal } = options;
  const next = beginPlan(options, identity.card, options.trust);
  const address = shareableAddress(path);
  const receipts = receiptPlace(next.id, options.receipts, placeBeside(address));
  return using(openSource(locationOf(path), signal), async (source) => {
    const front = await readFront(source, keyring, signal);
    const { core } = front;
    if (identity.card.suite !== core.suite) {
      throw new StrongroomError(
        'SUITE_MISMATCH',
        `${source.name}: is of suite ${core.suite.name}, the identity of ${identity.card.suite.name}`,
      );
    }
    const { trailer } = await readAttested(source, front, options);
    await readFloeHeader(source, trailer);
    await readManifestBytes(source, core, trailer);
    const { length, segments } = trailer.payload;
    if (ranges > segments) {
      throw new StrongroomError('USAGE', `${ranges} ranges of an archive of ${segments} segments`, {
        hint: `give --ranges ${segments} or fewer`,
      });
    }
    return writeNewPlan(
      {
        ...commonOf(next, options, core, identity.card),
        contentRoot: hex(trailer.seal.contentRoot),
        kind: 'verify',
        payload: { length, segments },
        receipts,
        source: { address, bytes: source.size, tilesAt: trailer.footer.tilesAt },
        workers: options.workers.map(({ document }) => ({ card: document })),
      },
      new Uint8Array(),
      identity,
      options.plan,
    );
  });
}
