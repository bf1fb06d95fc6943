/** The bill of materials of a sealed model, by the word of an author who is trusted. */
import { readFront, readTrailer } from '../archive/reader.ts';
import { trustSeal } from '../archive/seal.ts';
import { hex } from '../bytes.ts';
import { using } from '../engine/files.ts';
import { locationOf, openSource } from '../engine/locate.ts';
import type { Trust } from '../keys/policy.ts';
import { mlbomOf } from '../provenance/mlbom.ts';

/**
 * What the seal of the archive at `path` says of its model, as CycloneDX 1.6. The seal is
 * verified, the segments are not: see `verify`.
 * @throws StrongroomError SEAL_UNTRUSTED, and when the parts are not those of one archive.
 */
export function mlbom(path: string, trust: Trust): Promise<ReturnType<typeof mlbomOf>> {
  return using(openSource(locationOf(path)), async (source) => {
    const { core } = await readFront(source);
    const { seal } = await readTrailer(source, core);
    const author = trustSeal(seal, core, trust, source.name);
    const { claims, time } = seal.predicate;
    return mlbomOf({
      archive: hex(core.archiveId),
      suite: core.suite.name,
      contentRoot: hex(seal.contentRoot),
      author: { name: author.name, fingerprint: author.fingerprint },
      sealedAt: time,
      ...(claims === undefined ? {} : { claims }),
    });
  });
}
