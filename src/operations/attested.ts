/** Who granted access to an archive and who sealed it, held against trust, without any key. */
import { trustKeyring } from '../archive/keyring.ts';
import { assertOneKey, type Front, readTrailer, type Trailer } from '../archive/reader.ts';
import { type Claims, trustSeal } from '../archive/seal.ts';
import { hex } from '../bytes.ts';
import type { SuiteName } from '../crypto/suites.ts';
import { type Freshness, holdEpoch } from '../custody/epochs/freshness.ts';
import type { Source } from '../engine/source.ts';
import type { Card } from '../keys/card.ts';
import type { Trust } from '../keys/policy.ts';

export interface Attested {
  readonly trailer: Trailer;
  readonly author: Card;
  readonly grantedBy: Card;
}

/** Steps 6 and 7 of docs/format.md, "How to read". */
export async function readAttested(
  source: Source,
  front: Front,
  options: Freshness & { readonly trust: Trust },
): Promise<Attested> {
  const { core, ring } = front;
  const { name } = source;
  const grantedBy = trustKeyring(ring, core, options.trust, name);
  holdEpoch(front, options, name);
  const trailer = await readTrailer(source, core);
  const author = trustSeal(trailer.seal, core, options.trust, name);
  assertOneKey(front, trailer, name);
  return { trailer, author, grantedBy };
}

/** An archive in the words of its seal, and its author by the card that is trusted. */
export interface SealReport {
  readonly archive: string;
  readonly suite: SuiteName;
  readonly contentRoot: string;
  readonly author: { readonly name: string; readonly fingerprint: string };
  readonly sealedAt: string;
  readonly claims?: Claims;
  readonly payloadBytes: number;
}

export function sealReport(
  { core }: Front,
  { trailer: { seal, payload }, author }: Attested,
): SealReport {
  const { claims, time } = seal.predicate;
  return {
    archive: hex(core.archiveId),
    suite: core.suite.name,
    contentRoot: hex(seal.contentRoot),
    author: { name: author.name, fingerprint: author.fingerprint },
    sealedAt: time,
    ...(claims === undefined ? {} : { claims }),
    payloadBytes: payload.length,
  };
}
