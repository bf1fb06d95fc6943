/** Planning: many machines will open one archive. */
import { basename, resolve } from 'node:path';
import type { Entry } from '../../archive/entry.ts';
import { type Access, unlock } from '../../archive/reader.ts';
import { assertTarFits } from '../../archive/tarfit.ts';
import { hex } from '../../bytes.ts';
import { type Freshness, holdEpoch } from '../../custody/epochs/freshness.ts';
import { using } from '../../engine/files.ts';
import { locationOf, openSource } from '../../engine/locate.ts';
import { createSharedDirectory, type Output } from '../../engine/output.ts';
import { isRemote } from '../../engine/remote/location.ts';
import { StrongroomError } from '../../errors.ts';
import type { Identity } from '../../keys/identity.ts';
import { type BodyOf, stageOf } from '../../scale/document.ts';
import { prepareTree } from '../extract.ts';
import {
  beginPlan,
  commonOf,
  hide,
  type NewPlanOptions,
  type PlanReport,
  writeNewPlan,
} from './new.ts';
import { receiptPlace } from './place.ts';
import { rangeOf, spansOf } from './work-open.ts';

export interface PlanOpenOptions extends NewPlanOptions, Freshness, Omit<Access, 'identity'> {
  /** Of someone who can open the archive; signs the plan. */
  readonly identity: Identity;
  /** The directory to be, on a file system that all workers share; absent: on each one's own. */
  readonly output?: string | undefined;
  /** Whether a range is so many segments, or whole files; by default segments. */
  readonly by?: 'segments' | 'files' | undefined;
}

/**
 * Plans to open the archive at `path`: verifies all of it but the segments, makes the directories,
 * and writes the plan.
 * @throws StrongroomError of any code that `docs/format.md`, "How to read", leads to; USAGE,
 *   OUTPUT_EXISTS, SUITE_MISMATCH, CARD_EXPIRED.
 */
export async function planOpen(path: string, options: PlanOpenOptions): Promise<PlanReport> {
  const { identity, output, by = output === undefined ? 'files' : 'segments', ranges } = options;
  if (output === undefined && by === 'segments') {
    throw new StrongroomError('USAGE', 'segments of a file cannot go to several disks', {
      hint: 'divide by files, or name an output on a file system that all workers share',
    });
  }
  const next = beginPlan(options, identity.card, options.trust);
  const address = shareableAddress(path);
  const receipts = receiptPlace(next.id, options.receipts, output ?? placeBeside(address));
  return using(openSource(locationOf(path), options.signal), async (source) => {
    const archive = await unlock(source, options);
    let stage: Output | undefined;
    try {
      holdEpoch(archive, options, source.name);
      await assertTarFits(source, archive);
      const { core, trailer, floe, manifest } = archive;
      const { length, segments } = trailer.payload;
      const entries = [...manifest.entries];
      const files = by === 'files' ? divideFiles(entries, ranges) : undefined;
      if (by === 'segments' && ranges > segments) throw tooMany(ranges, segments, 'segments');
      const content = {
        entries,
        ...(files === undefined ? {} : { files }),
        type: 'strongroom/plan-opening' as const,
        version: 1 as const,
      };
      if (output !== undefined) {
        stage = createSharedDirectory(output, basename(stageOf(resolve(output), next.id)));
        prepareTree(stage.path, entries);
      }
      const body = {
        ...commonOf(next, options, core, identity.card),
        by,
        contentRoot: hex(trailer.seal.contentRoot),
        kind: 'open' as const,
        payload: { length, segments },
        receipts,
        source: { address, bytes: source.size, tilesAt: trailer.footer.tilesAt },
        ...(stage === undefined ? {} : { output: resolve(output as string), stage: stage.path }),
      };
      const spans = Array.from({ length: ranges }, (_, range) =>
        spansOf(rangeOf({ core }, body, content, range).segments),
      );
      const hidden = hide(next, options, core, identity.card, { content, floe, spans });
      const full: BodyOf<'open'> = { ...body, ...hidden.signed, workers: hidden.workers };
      const report = await writeNewPlan(full, hidden.bytes, identity, options.plan);
      // For the workers to fill
      stage = undefined;
      return report;
    } finally {
      archive.wipe();
      stage?.discard();
    }
  });
}

/** An address that a plan may hold: others read it. */
export function shareableAddress(path: string): string {
  if (path === '-') throw new StrongroomError('NEEDS_RANDOM_ACCESS', 'a pipe cannot be divided');
  if (!isRemote(path)) return resolve(path);
  if (!/^https?:/i.test(path) || !/[?#]/.test(path)) return path;
  throw new StrongroomError(
    'USAGE',
    'an address with a query may hold a secret, and a plan is public',
    {
      hint: 'plan with an address without it; workers name theirs with --archive',
    },
  );
}

/** What receipts lie beside where there is no output. */
export const placeBeside = (address: string): string | undefined =>
  /^https?:/i.test(address) ? undefined : address;

/** How many of the files each range has, of about as many bytes each. */
function divideFiles(entries: readonly Entry[], ranges: number): number[] {
  const sizes = entries.flatMap((entry) => (entry.type === 'file' ? [entry.size] : []));
  if (ranges > sizes.length) throw tooMany(ranges, sizes.length, 'files');
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const counts: number[] = [];
  let next = 0;
  let done = 0;
  for (let range = 0; range < ranges; range++) {
    const [before, goal] = [next, (total * (range + 1)) / ranges];
    // One at least, and one at least for every range behind
    const most = sizes.length - (ranges - range - 1);
    do done += sizes[next++] as number;
    while (next < most && (range === ranges - 1 || done + (sizes[next] as number) / 2 <= goal));
    counts.push(next - before);
  }
  return counts;
}

const tooMany = (ranges: number, most: number, what: string) =>
  new StrongroomError('USAGE', `${ranges} ranges of an archive of ${most} ${what}`, {
    hint: `give --ranges ${most} or fewer`,
  });
