/** Sealing: a directory, a file or a tar becomes one archive. */
import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { limits, payloadOffset } from '../archive/core.ts';
import {
  digestBytes,
  digestRanges,
  digestsByFile,
  type FileDigests,
  type Sharding,
} from '../archive/digests.ts';
import type { Entry } from '../archive/entry.ts';
import { LeafCollector, type LeafReport } from '../archive/jobs/leaves.ts';
import type { OutputReport } from '../archive/jobs/target.ts';
import { createKeyring, keyringBytes, maxRecipients } from '../archive/keyring.ts';
import { assertUnchanged, type Plan, planSource } from '../archive/plan.ts';
import type { QuorumStanza } from '../archive/quorum.ts';
import { usualSlotBytes } from '../archive/room.ts';
import { areClaims, type Claims, maxClaimsBytes } from '../archive/seal.ts';
import { sealTrailer } from '../archive/trailer.ts';
import { runParallel, runPipe } from '../archive/worker.ts';
import { hex } from '../bytes.ts';
import { ciphertextBytes, segmentCount } from '../crypto/floe.ts';
import type { SuiteName } from '../crypto/suites.ts';
import {
  assertPlans,
  createQuorum,
  custodiansOf,
  type QuorumPlan,
} from '../custody/quorum/split.ts';
import { exists } from '../engine/files.ts';
import { ofOutput } from '../engine/output.ts';
import type { RunOptions } from '../engine/pool.ts';
import { isRemote } from '../engine/remote/location.ts';
import { StrongroomError } from '../errors.ts';
import { encodeJson } from '../json.ts';
import { assertSealable, type Card } from '../keys/card.ts';
import { assertMayProtect } from '../keys/enforce.ts';
import type { Identity } from '../keys/identity.ts';
import type { Trust } from '../keys/policy.ts';
import { signingIds } from '../keys/signed.ts';
import { assertKnownClaims } from '../provenance/claims.ts';
import { type Parent, withParents } from '../provenance/lineage.ts';
import { sealedEvent } from '../provenance/statements/events.ts';
import { timeOf } from '../time.ts';
import { beginCustody, newCustodyFile } from './custody/begin.ts';
import type { CustodyOptions, Recorded } from './custody/place.ts';
import { type OmsSealOptions, prepareOms } from './oms/sealing.ts';
import { type Beginning, beginArchive } from './output/beginning.ts';
import type { Inputs } from './output/head.ts';
import { assertWritable, type OutputOptions, openOutput } from './output/open.ts';
import type { ArchiveOutput } from './output/output.ts';
import { inputsDigest } from './output/state.ts';

export interface SealOptions extends RunOptions, OutputOptions, CustodyOptions, OmsSealOptions {
  /** Path of the archive to be, `s3://BUCKET/KEY`, or `-` for standard output. */
  readonly output: string;
  /** Who can open it alone: at least one unless there are quorums, all of the signer's suite. */
  readonly recipients: readonly Card[];
  /** Who can open it together, each in a way of its own; their names and keys are public. */
  readonly quorums?: readonly QuorumPlan[] | undefined;
  /** The author, whose suite the archive gets. */
  readonly signer: Identity;
  /** Seal what symbolic links point to; by default a link is refused. */
  readonly followSymlinks?: boolean | undefined;
  /** Leave out of the key ring which stanza is whose. */
  readonly hideRecipients?: boolean | undefined;
  /** The author's own statements, shown by `inspect`: at most 64 KiB of JSON without fractions. */
  readonly claims?: Claims | undefined;
  /** What the model was derived from; added to the claims. */
  readonly parents?: readonly Parent[] | undefined;
  /** Holds every recipient and the signer to be active in its registry, if it has one. */
  readonly trust?: Trust | undefined;
  /** Plaintext bytes of a segment: a power of two from 4 KiB to 16 MiB; 1 MiB by default. */
  readonly segmentBytes?: number | undefined;
}

export interface SealReport {
  readonly output: string;
  readonly suite: SuiteName;
  /** Hex, 32 bytes. */
  readonly archive: string;
  /** Hex: what the seal states, and what names this content for good. */
  readonly contentRoot: string;
  readonly files: number;
  /** Bytes of the tar inside, and of the whole archive. */
  readonly payloadBytes: number;
  readonly archiveBytes: number;
  readonly recipients: number;
  readonly quorums: number;
  /** Hex: of model signing, if it was asked for. It names the files, and is not public. */
  readonly omsRoot?: string;
  /** Where the sealing was told, if it was. */
  readonly custody?: Recorded;
}

/**
 * Seals `source`: the path of a directory, of a file, of a tar (kept byte for byte), or
 * `-` for a tar on standard input. The output appears under its name whole or not at all.
 * @throws StrongroomError USAGE, NO_RECIPIENTS, QUORUM_INVALID, SUITE_MISMATCH, CARD_EXPIRED, KEY_STATE,
 *   KEY_UNLISTED, OUTPUT_EXISTS, SAME_FILE, NOT_FOUND, SYMLINK, SOURCE_UNSUPPORTED,
 *   OMS_INVALID, OMS_UNTRUSTED, OMS_MISMATCH,
 *   SOURCE_CHANGED, ENTRY_UNSAFE, TAR_INVALID, DISK_FULL, PERMISSION_DENIED, INTERRUPTED.
 */
export async function seal(source: string, options: SealOptions): Promise<SealReport> {
  const { signer, recipients, quorums: plans = [] } = options;
  const { suite } = signer.card;
  const claims = withParents(options.claims, options.parents);
  assertFit(options, claims);
  const oms = await prepareOms(source, options);
  assertWritable(options.output, options);
  const local = options.output !== '-' && !isRemote(options.output);
  if (source !== '-' && local) assertApart(source, options.output);
  const plan =
    source === '-'
      ? undefined
      : await planSource(source, { followSymlinks: options.followSymlinks ?? false });
  if (plan !== undefined && local) assertNotListed(plan, options.output);

  let output: ArchiveOutput | undefined;
  let beginning: Beginning | undefined;
  try {
    const custody = newCustodyFile(options);
    const inputs = plan === undefined ? undefined : inputsOf(plan, claims, options);
    output = await openOutput('seal', options.output, signer, inputs, options);
    beginning = output.begun?.beginning ?? (await begin(options));
    const { core, keys, ring, header } = beginning;
    const payload = await sealPayload(beginning, plan, output, oms.sharding, options);
    const model = oms.finish(payload.entries, payload.digests);
    const {
      seal: statement,
      footer,
      parts,
    } = sealTrailer({
      core,
      keys,
      signer,
      claims,
      floeHeader: header,
      manifest: {
        entries: payload.entries,
        length: payload.length,
        ...(model === undefined ? {} : { oms: model.oms }),
      },
      payload: { length: payload.length, segments: payload.segments },
      leaves: payload.leaves,
      at: payload.end,
    });
    for (const { bytes, offset } of parts) await output.write(bytes, offset);
    const about = { core, contentRoot: statement.contentRoot };
    const sealed = () => {
      const contents = { entries: payload.entries, key: keys.custody };
      return sealedEvent(about, ring, statement, { contents });
    };
    await output.commit();
    const told =
      custody === undefined ? undefined : await beginCustody(custody, sealed(), options, signer);
    return {
      output: options.output,
      suite: suite.name,
      archive: hex(core.archiveId),
      contentRoot: hex(statement.contentRoot),
      files: payload.entries.filter(({ type }) => type === 'file').length,
      payloadBytes: payload.length,
      archiveBytes: footer.archiveBytes,
      recipients: recipients.length,
      quorums: plans.length,
      ...(model === undefined ? {} : { omsRoot: model.root }),
      ...(told === undefined ? {} : { custody: told }),
    };
  } catch (thrown) {
    const error = ofOutput(thrown, options.output);
    await output?.discard(error);
    throw error;
  } finally {
    beginning?.wipe();
  }
}

/** What a new archive begins with is made of. */
type NewArchive = Pick<
  SealOptions,
  'signer' | 'recipients' | 'quorums' | 'hideRecipients' | 'segmentBytes' | 'trust'
>;

/** A new archive: its keys, its core, and its first key ring. */
export function begin(options: NewArchive): Promise<Beginning> {
  const { signer, recipients, quorums: plans = [] } = options;
  const { suite } = signer.card;
  const fields = {
    suite,
    segmentBytes: options.segmentBytes ?? limits.segmentBytes.usual,
    slotBytes: usualSlotBytes(keyringBytes(suite, recipients.length, custodiansOf(plans).length)),
    authors: signingIds(signer.card),
  };
  return beginArchive(fields, async ({ core, keys, fileKey }) => {
    const quorums: QuorumStanza[] = [];
    for (const plan of plans) quorums.push(await createQuorum(plan, fileKey, core, keys.commit));
    const hideRecipients = options.hideRecipients ?? false;
    return createKeyring({ core, keys, fileKey, recipients, quorums, hideRecipients, signer });
  });
}

export function assertFit(options: NewArchive, claims: Claims | undefined): void {
  const { recipients, quorums = [], signer, segmentBytes, trust } = options;
  const now = timeOf();
  assertMayProtect(trust, [signer.card, ...recipients, ...custodiansOf(quorums)], now);
  assertSealable(signer.card, signer.card.suite, now);
  assertPlans(quorums, signer.card.suite, now);
  if (recipients.length === 0 && quorums.length === 0) {
    throw new StrongroomError('NO_RECIPIENTS', 'nobody could open it');
  }
  if (recipients.length > maxRecipients) {
    throw new StrongroomError('USAGE', `more than ${maxRecipients} recipients`);
  }
  const ids = new Set<string>();
  for (const card of recipients) {
    assertSealable(card, signer.card.suite, now);
    if (ids.has(card.kem.id)) {
      throw new StrongroomError('USAGE', `the card of ${card.name} is named twice`);
    }
    ids.add(card.kem.id);
  }
  if (claims !== undefined && !areClaims(claims)) {
    throw new StrongroomError('USAGE', 'claims have no null and no numbers but integers from 0');
  }
  if (claims !== undefined && encodeJson(claims).length > maxClaimsBytes) {
    throw new StrongroomError('USAGE', `the claims are longer than ${maxClaimsBytes} bytes`);
  }
  if (claims !== undefined) assertKnownClaims(claims);
  const { least, most } = limits.segmentBytes;
  if (segmentBytes === undefined) return;
  if (!Number.isInteger(Math.log2(segmentBytes)) || segmentBytes < least || segmentBytes > most) {
    throw new StrongroomError(
      'USAGE',
      `a segment is a power of two from ${least} to ${most} bytes`,
    );
  }
}

/** Refuses an output that is, or lies within, what is to be sealed. */
function assertApart(source: string, output: string): void {
  const directory = dirname(resolve(output));
  if (!exists(source) || !exists(directory)) return;
  const from = realpathSync(source);
  const to = join(realpathSync(directory), basename(output));
  const within =
    statSync(from).isDirectory() && to.startsWith(from.endsWith(sep) ? from : from + sep);
  const same = exists(output) && realpathSync(output) === from;
  if (within) throw inSource(output);
  if (!same) return;
  throw new StrongroomError('SAME_FILE', `${output}: input and output are the same file`, {
    file: output,
  });
}

/** Refuses an output in a directory that links lead to: sealing would change what is sealed. */
function assertNotListed({ unread }: Plan, output: string): void {
  const directory = dirname(resolve(output));
  if (!exists(directory)) return;
  const to = realpathSync(directory);
  if (unread.some(({ path }) => path === to)) throw inSource(output);
}

const inSource = (output: string) =>
  new StrongroomError('SAME_FILE', `${output}: the output lies in what is sealed`, {
    file: output,
  });

/** All that makes an archive what it is, but for what is random. */
function inputsOf(plan: Plan, claims: Claims | undefined, options: SealOptions): Inputs {
  const { entries, pieces } = plan;
  const { recipients, signer, quorums = [], hideRecipients = false, oms } = options;
  const { segmentBytes = limits.segmentBytes.usual } = options;
  const ids = (cards: readonly Card[]) => cards.map(({ kem }) => kem.id);
  const said = {
    claims,
    hideRecipients,
    oms,
    quorums: quorums.map(({ groups }) =>
      groups.map(({ name, threshold, custodians }) => [name, threshold, ids(custodians)]),
    ),
    recipients: ids(recipients),
    segmentBytes,
    signer: signingIds(signer.card),
  };
  const { at, sizes, mtimeNs, ctimeNs, inodes, paths } = pieces.files;
  const columns = [at, sizes, mtimeNs, ctimeNs, inodes].map(({ buffer }) => new Uint8Array(buffer));
  const literals = pieces.literals.bytes;
  return {
    source: inputsDigest([JSON.stringify(entries), literals, paths.bytes, ...columns]),
    options: inputsDigest([JSON.stringify(said)]),
  };
}

interface SealedPayload {
  readonly entries: readonly Entry[];
  readonly length: number;
  readonly segments: number;
  /** Of its files, if they were asked for. */
  readonly digests: FileDigests;
  /** Every leaf hash in order. */
  readonly leaves: Uint8Array;
  /** Where the payload ends in the archive. */
  readonly end: number;
}

async function sealPayload(
  beginning: Beginning,
  plan: Plan | undefined,
  output: ArchiveOutput,
  digests: Sharding | undefined,
  options: RunOptions,
): Promise<SealedPayload> {
  const { core, floe } = beginning;
  const at = payloadOffset(core);
  const { segmentBytes, suite } = core;
  const place = { hash: suite.hash.name, at, segmentBytes };
  const target = await output.start(beginning, plan?.pieces.length);
  const length = plan?.pieces.length ?? 0;
  const segments = plan === undefined ? 0 : segmentCount(length, segmentBytes);
  const leaves = new LeafCollector(suite.hash.bytes, plan === undefined ? undefined : segments);
  leaves.addRuns(output.begun?.leaves ?? []);
  const onLeaves = (report: LeafReport) => leaves.add(report);
  const onPart = (report: OutputReport) =>
    output.onPart(report, (from, to) => leaves.range(from, to));
  const ended = (length: number, segments: number) => ({
    length,
    segments,
    leaves: leaves.hashes(segments),
    end: at + ciphertextBytes(length, segmentBytes),
  });
  if (plan === undefined) {
    const job = { kind: 'seal-pipe', payload: place, floe, output: target, digests } as const;
    const held = await runPipe(job, options, onLeaves, onPart);
    const { entries, digests: found = [] } = held;
    return { entries, digests: found, ...ended(held.length, held.segments) };
  }
  const payload = { ...place, length, segments };
  const { entries, pieces } = plan;
  const files = entries.filter((entry) => entry.type === 'file');
  const ranges = digests && digestRanges(files, digests);
  const hashes = new LeafCollector(digestBytes, ranges?.at.length);
  const job = { kind: 'seal', payload, floe, pieces, output: target, digests: ranges } as const;
  await runParallel(job, options, onLeaves, (report) => hashes.add(report), onPart);
  assertUnchanged(plan);
  const found =
    digests === undefined
      ? []
      : digestsByFile(files, digests, hashes.hashes(ranges?.at.length ?? 0));
  return { entries, digests: found, ...ended(length, segments) };
}
