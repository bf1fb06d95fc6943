/** Verifying the chain of custody of an archive: whose words, in which order, and all of them. */
import { trustKeyring, unlockKeyring } from '../../archive/keyring.ts';
import { type Access as ArchiveAccess, unlock } from '../../archive/reader.ts';
import { trustSeal } from '../../archive/seal.ts';
import { fromBase64, wipe } from '../../bytes.ts';
import { using } from '../../engine/files.ts';
import { locationOf, openSource } from '../../engine/locate.ts';
import { StrongroomError } from '../../errors.ts';
import type { Card } from '../../keys/card.ts';
import type { Identity } from '../../keys/identity.ts';
import type { Trust } from '../../keys/policy.ts';
import { type Proof, provedBy } from '../../provenance/proofs.ts';
import { assertAbout, assertInForce } from '../../provenance/statements/against.ts';
import { type Gap, gapsIn, type Step } from '../../provenance/statements/chain.ts';
import { commitContents } from '../../provenance/statements/events.ts';
import { custodyPathOf, readCustody } from '../../provenance/statements/file.ts';
import { assertLogged, type LogCopy, type Logged } from '../../provenance/statements/logged.ts';
import { type Told, trustSteps } from '../../provenance/statements/trust.ts';
import { readSubject, type Subject } from './place.ts';
import { assertDecided } from './release.ts';
import { isArchive, subjectOf } from './show.ts';
import { type Happening, storyOf } from './story.ts';

export interface VerifyCustodyOptions {
  readonly trust: Trust;
  /** Of people without a role, who may tell that they opened, or what was released to them. */
  readonly known?: readonly Card[] | undefined;
  /** Path of the custody file, by default the one beside the archive. */
  readonly custody?: string | undefined;
  /** Path of a detached key ring that is in force. */
  readonly keyring?: string | undefined;
  /** With a key, what the file says of contents is held against them. */
  readonly identity?: Identity | undefined;
  /** Paths of requests and approvals: releases are held against the signatures in them. */
  readonly evidence?: readonly string[] | undefined;
  /** A log that must have every line, and none after the last. */
  readonly ledger?: LogCopy | undefined;
  /** Path of an older copy, which the file must go on from. */
  readonly since?: string | undefined;
  /** Accept lines that tell of changes that are not known; by default they are refused. */
  readonly acceptGaps?: boolean | undefined;
}

export interface CustodyReport {
  readonly file: string;
  readonly archive: string;
  readonly contentRoot: string;
  readonly story: readonly Happening[];
  /** By which signatures lines are proved, signer by signer. */
  readonly proofs: readonly Proof[];
  /** What the file was held against. */
  readonly held: {
    /** The archive: seal, key ring in force, recipients. */
    readonly archive: boolean;
    /** How many commitments to contents were opened with the key. */
    readonly contents: number;
    /** How many releases were proved by the approvals themselves. */
    readonly releases: number;
    readonly since: boolean;
    readonly ledger?: Logged;
    /** Changes that are not known, which were accepted. */
    readonly gaps: readonly Gap[];
  };
}

/**
 * Verifies the custody file of the archive at `path`, or a custody file alone.
 * @throws StrongroomError CUSTODY_INVALID, CUSTODY_TORN, CUSTODY_BROKEN, CUSTODY_UNTRUSTED,
 *   CUSTODY_MISMATCH, CUSTODY_INCOMPLETE, EPOCH_ROLLBACK, KEY_COMPROMISED; of the archive, of
 *   approvals, and of the log.
 */
export async function verifyCustody(
  path: string,
  options: VerifyCustodyOptions,
): Promise<CustodyReport> {
  const { trust, known = [], keyring, evidence = [], ledger, since, identity } = options;
  const archive = isArchive(path) ? path : undefined;
  if (archive === undefined) assertFileAlone(path, options);
  const file = archive === undefined ? path : (options.custody ?? custodyPathOf(archive));
  const steps = readCustody(file);
  const told = trustSteps(steps, { trust, known }, file);
  const gaps = gapsIn(steps);
  if (!options.acceptGaps) assertNoGap(gaps, file);
  let subject: Subject | undefined;
  let contents = 0;
  if (archive !== undefined) {
    subject = await readSubject(archive, keyring);
    await holdAgainst(told, subject, archive, trust, file);
    if (identity !== undefined) {
      contents = await openCommitments(told, archive, { identity, trust, keyring }, file);
    }
  }
  const releases = await assertDecided(told, subject?.ring, evidence, file);
  if (since !== undefined) assertGoesOn(steps, since, file);
  const logged = ledger && assertLogged(steps, ledger, file);
  const cards = [...trust.entries.map(({ card }) => card), ...known];
  return {
    file,
    ...subjectOf(steps),
    story: storyOf(steps, cards),
    proofs: proofsOf(told),
    held: {
      archive: archive !== undefined,
      contents,
      releases,
      since: since !== undefined,
      ...(logged === undefined ? {} : { ledger: logged }),
      gaps,
    },
  };
}

function proofsOf(told: readonly Told[]): Proof[] {
  const lines = new Map<Card, number>();
  for (const { by } of told) lines.set(by, (lines.get(by) ?? 0) + 1);
  return [...lines].map(([card, count]) =>
    provedBy(card, count === 1 ? '1 line' : `${count} lines`),
  );
}

function assertNoGap([gap]: readonly Gap[], file: string): void {
  if (gap === undefined) return;
  const { line, from, to } = gap;
  const message = `${file}: line ${line} says that what changed from epoch ${from} to ${to} is not known`;
  throw new StrongroomError('CUSTODY_INCOMPLETE', message, {
    file,
    hint: 'ask who had access meanwhile, and accept it if that is answered: --accept-gaps',
  });
}

function assertFileAlone(path: string, { custody, keyring, identity }: VerifyCustodyOptions) {
  if (custody === undefined && keyring === undefined && identity === undefined) return;
  throw new StrongroomError('USAGE', `${path}: is not an archive`, {
    file: path,
    hint: 'give the archive, and its custody file with --custody if it is elsewhere',
  });
}

async function holdAgainst(
  told: readonly Told[],
  subject: Subject,
  archive: string,
  trust: Trust,
  file: string,
): Promise<void> {
  trustSeal(subject.seal, subject.core, trust, archive);
  trustKeyring(subject.ring, subject.core, trust, archive);
  assertAbout(told, subject, subject.seal, file);
  const last = told.at(-1);
  if (last !== undefined) assertInForce(last.access, subject.ring, file);
}

/** Opens the commitments of whoever had all of the archive; those to a part need to know which. */
function openCommitments(
  told: readonly Told[],
  archive: string,
  access: ArchiveAccess,
  file: string,
): Promise<number> {
  return using(openSource(locationOf(archive)), async (source) => {
    const opened = await unlock(source, access);
    opened.wipe();
    const { core, ring, manifest } = opened;
    const { keys, fileKey } = await unlockKeyring(ring, core, access.identity, source.name);
    try {
      const contents = { entries: manifest.entries, key: keys.custody };
      const committed = told.filter(({ statement }) => contentsOf(statement) !== undefined);
      for (const { statement } of committed) {
        const { salt, number } = statement.predicate;
        if (commitContents(contents, fromBase64(salt)) === contentsOf(statement)) continue;
        const message = `${file}: line ${number} is about other contents than the archive has`;
        throw new StrongroomError('CUSTODY_MISMATCH', message, { file });
      }
      return committed.length;
    } finally {
      keys.wipe();
      wipe(fileKey);
    }
  });
}

/** A commitment to all of the contents, if there is one. */
function contentsOf(statement: Step['statement']): string | undefined {
  if (statement.event === 'sealed') return statement.predicate.contents;
  if (statement.event === 'opened' && statement.predicate.whole)
    return statement.predicate.contents;
  return undefined;
}

function assertGoesOn(steps: readonly Step[], since: string, file: string): void {
  const before = readCustody(since);
  const at = before.findIndex(
    ({ statement }, i) => statement.digest !== steps[i]?.statement.digest,
  );
  if (at < 0) return;
  const what =
    at < steps.length ? `differs from ${since} in line ${at + 1}` : `ends before ${since} does`;
  throw new StrongroomError('CUSTODY_INCOMPLETE', `${file}: ${what}`, { file });
}
