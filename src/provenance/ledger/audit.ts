/**
 * Auditing a log: every entry, every tile, and whether it has what custody files say of it.
 *
 * c2sp.org/tlog-tiles; docs/ledger.md#audit
 */
import { equal, hex } from '../../bytes.ts';
import { type Tile, TreeBuilder } from './builder.ts';
import type { Checkpoint } from './checkpoint.ts';
import { commitmentOf } from './commitment.ts';
import { damaged, type LogFile, readBundle, readTile } from './files.ts';
import { assertContinues, assertRoot, readLogCheckpoint, type SignedCheckpoint } from './log.ts';
import type { LedgerPolicy } from './policy.ts';
import { tileWidth, widthIn } from './tiles.ts';
import { assertOfLog, assertTrusted, type TrustOptions, type VerifiedSignature } from './trust.ts';

/** Documents that should be in the log, in the order in which they should be there. */
export interface CustodyFile {
  readonly name: string;
  /** One document each, such as a line without its newline. */
  readonly documents: readonly Uint8Array[];
}

export interface AuditOptions extends TrustOptions {
  readonly policy: LedgerPolicy;
  /** A checkpoint that was seen before: the log must continue it. */
  readonly seen?: SignedCheckpoint | undefined;
  readonly custody?: readonly CustodyFile[] | undefined;
}

/** What is told of one custody file. */
export interface CustodyAudit {
  readonly name: string;
  /** Where each document first stands in the log; `undefined` where it is not there. */
  readonly indexes: readonly (number | undefined)[];
  /** Positions of documents that are not in the log, from 0. */
  readonly missing: readonly number[];
  /** Positions of documents that stand in the log before one that comes earlier in the file. */
  readonly disordered: readonly number[];
}

export interface AuditReport {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  readonly signatures: readonly VerifiedSignature[];
  readonly custody: readonly CustodyAudit[];
  /** Entries of the log that no document of the custody files accounts for. */
  readonly others: number;
}

/**
 * Reads the whole log and holds every entry against every level of its tree, and the tree
 * against a checkpoint that the policy takes for good.
 * @throws StrongroomError LEDGER_INVALID at the first file that is not as it was signed,
 *   LEDGER_UNTRUSTED, LEDGER_FORKED, LEDGER_ROLLED_BACK.
 */
export function auditLedger(directory: string, options: AuditOptions): AuditReport {
  const { policy, seen, custody = [] } = options;
  const signed = readLogCheckpoint(directory);
  const signatures = assertTrusted(signed, policy, options);
  const { origin, size, root } = signed.checkpoint;
  if (seen !== undefined) {
    assertOfLog(seen, policy, options);
    if (seen.checkpoint.origin !== origin)
      throw damaged(directory, `it is not the log ${seen.checkpoint.origin}`);
    assertContinues(directory, signed, seen.checkpoint);
  }
  const wanted = new Map<string, number | undefined>();
  for (const { documents } of custody) {
    for (const document of documents) wanted.set(hex(commitmentOf(document)), undefined);
  }
  let others = 0;
  walk(directory, signed.checkpoint, (entry, index) => {
    const name = hex(entry);
    if (!wanted.has(name)) others += 1;
    else if (wanted.get(name) === undefined) wanted.set(name, index);
  });
  const audits = custody.map(({ name, documents }) =>
    auditFile(
      name,
      documents.map((document) => wanted.get(hex(commitmentOf(document)))),
    ),
  );
  return { origin, size, root, signatures, custody: audits, others };
}

function auditFile(name: string, indexes: readonly (number | undefined)[]): CustodyAudit {
  const missing: number[] = [];
  const disordered: number[] = [];
  let latest = -1;
  for (const [position, index] of indexes.entries()) {
    if (index === undefined) missing.push(position);
    else if (index <= latest) disordered.push(position);
    else latest = index;
  }
  return { name, indexes, missing, disordered };
}

/** Gives every entry of the log, whose whole tree is built anew and held against the one there. */
function walk(
  directory: string,
  checkpoint: Checkpoint,
  take: (entry: Uint8Array, index: number) => void,
): void {
  const { size } = checkpoint;
  const builder = new TreeBuilder((file, tile) => assertSame(directory, file, tile));
  for (let bundle = 0; bundle * tileWidth < size; bundle++) {
    const entries = readBundle(directory, bundle, widthIn(size, 'entries', bundle));
    for (const [i, entry] of entries.entries()) {
      builder.add(entry);
      take(entry, bundle * tileWidth + i);
    }
  }
  builder.flush(0);
  assertRoot(directory, checkpoint, builder.root);
}

function assertSame(directory: string, { path, bytes }: LogFile, { level, index, width }: Tile) {
  // Bundles are what all else is built from
  if (level === 'entries' || equal(readTile(directory, level, index, width), bytes)) return;
  throw damaged(directory, `${path} does not have the hashes of what lies below it`);
}
