/**
 * A custody file held against a transparency log: lines that the log does not have, a line
 * after the last, and a file that goes another way all show (docs/provenance.md#in-a-log).
 */
import { hex } from '../../bytes.ts';
import { StrongroomError } from '../../errors.ts';
import { type AuditReport, auditLedger } from '../ledger/audit.ts';
import { commitmentOf } from '../ledger/commitment.ts';
import { readTile } from '../ledger/files.ts';
import { hashBytes, leafHash } from '../ledger/merkle.ts';
import type { LedgerPolicy } from '../ledger/policy.ts';
import { tileWidth, widthIn } from '../ledger/tiles.ts';
import type { VerifiedSignature } from '../ledger/trust.ts';
import type { Step } from './chain.ts';
import { documentsOf, placeOf } from './entry.ts';
import type { Statement } from './statement.ts';

/** A copy of a log, all of it, and whom to believe about it. */
export interface LogCopy {
  readonly directory: string;
  readonly policy: LedgerPolicy;
  /** Whether signatures that a quantum computer could forge count for nothing. */
  readonly quantumSafeOnly?: boolean | undefined;
}

export interface Logged {
  readonly origin: string;
  readonly size: number;
  readonly signatures: readonly VerifiedSignature[];
}

/**
 * Reads and verifies a whole log, and holds a custody file to be what it has of it.
 * @throws StrongroomError CUSTODY_INCOMPLETE, CUSTODY_BROKEN, and as `auditLedger`.
 */
export function assertLogged(steps: readonly Step[], log: LogCopy, file: string): Logged {
  const { directory, policy, quantumSafeOnly } = log;
  const statements = steps.map(({ statement }) => statement);
  const [first] = statements as [Statement];
  const refuse = (code: 'CUSTODY_INCOMPLETE' | 'CUSTODY_BROKEN', why: string, hint: string) =>
    new StrongroomError(code, `${file}: ${why}`, { file, hint });
  const after = placeOf(first, steps.length + 1);
  const audit = auditLedger(directory, {
    policy,
    quantumSafeOnly,
    custody: [
      { name: file, documents: statements.flatMap((each) => documentsOf(first, each)) },
      { name: 'after', documents: [after] },
    ],
  });
  const [lines, next] = audit.custody as [AuditReport['custody'][0], AuditReport['custody'][0]];
  const [missing] = lines.missing;
  if (missing !== undefined) {
    const why = `line ${lineAt(missing)} is not in the log`;
    const hint = 'get its newest copy, or append: "strongroom custody record" with --ledger';
    throw refuse('CUSTODY_INCOMPLETE', why, hint);
  }
  const [disordered] = lines.disordered;
  if (disordered !== undefined) {
    const why = `line ${lineAt(disordered)} is elsewhere in the log`;
    throw refuse('CUSTODY_BROKEN', why, 'find out who appended it, and when');
  }
  if (next.missing.length === 0) {
    const why = `ends at line ${steps.length}, and the log has another after it`;
    throw refuse('CUSTODY_INCOMPLETE', why, 'get the newest copy of the custody file');
  }
  const places = statements.map(({ predicate }) => placeOf(first, predicate.number));
  const twice = firstTwice(directory, audit.size, places);
  if (twice !== undefined) {
    const why = `the log has a second line ${twice + 1}: there are two files`;
    throw refuse('CUSTODY_BROKEN', why, 'find the other copy, and who went on with it');
  }
  const { origin, size, signatures } = audit;
  return { origin, size, signatures };
}

/** Two documents stand for each line. */
const lineAt = (position: number): number => Math.floor(position / 2) + 1;

/** The index of the first of `documents` that a log has twice, by its leaves. */
function firstTwice(
  directory: string,
  size: number,
  documents: readonly Uint8Array[],
): number | undefined {
  const counts = new Map(documents.map((each) => [hex(leafHash(commitmentOf(each))), 0]));
  for (let tile = 0; tile * tileWidth < size; tile++) {
    const hashes = readTile(directory, 0, tile, widthIn(size, 0, tile));
    for (let at = 0; at < hashes.length; at += hashBytes) {
      const leaf = hex(hashes.subarray(at, at + hashBytes));
      const count = counts.get(leaf);
      if (count !== undefined) counts.set(leaf, count + 1);
    }
  }
  const index = [...counts.values()].findIndex((count) => count > 1);
  return index < 0 ? undefined : index;
}
