/** Demands of `verify`: what signatures inside an archive say of its files, for tools that know OMS. */
import type { Entry } from '../../archive/entry.ts';
import type { SealedOms } from '../../archive/manifest.ts';
import type { Unlocked } from '../../archive/reader.ts';
import { concat } from '../../bytes.ts';
import type { Source } from '../../engine/source.ts';
import { StrongroomError } from '../../errors.ts';
import type { Trust } from '../../keys/policy.ts';
import { maxBundleBytes, openBundle } from '../../provenance/oms/bundle.ts';
import { assertSameResources } from '../../provenance/oms/compare.ts';
import { openEnvelope } from '../../provenance/oms/envelope.ts';
import type { OmsPublicKey } from '../../provenance/oms/key.ts';
import {
  bundleName,
  decodeStatement,
  envelopeName,
  resourcesOf,
} from '../../provenance/oms/statement.ts';
import { type Proof, provedBy } from '../../provenance/proofs.ts';
import { shortKeyId } from '../../text.ts';
import { readEntry } from '../read.ts';
import { sealedStatement } from './sealing.ts';

export interface OmsDemand {
  /** Whose bundle, `model.sig`, has to be in the archive and to say what was sealed. */
  readonly key?: OmsPublicKey | undefined;
  /** Whether the same of a trusted author, `model.intoto.jsonl`, has to be. */
  readonly envelope?: boolean | undefined;
}

/**
 * What is proved of the files of an archive by their digests: by its author, if it was sealed
 * with them, and by the signatures in it that are asked for.
 * @throws StrongroomError OMS_INVALID, OMS_UNTRUSTED, OMS_MISMATCH, KEY_COMPROMISED.
 */
export async function proveOms(
  source: Source,
  archive: Unlocked,
  { key, envelope = false }: OmsDemand,
  trust: Trust,
): Promise<Proof[]> {
  const { name: where } = source;
  const { entries, oms } = archive.manifest;
  if (oms === undefined) {
    if (key === undefined && !envelope) return [];
    throw new StrongroomError('OMS_INVALID', `${where}: was sealed without digests`, {
      file: where,
      hint: 'open it, and verify the directory: "strongroom oms verify"',
    });
  }
  const { root } = decodeStatement(sealedStatement(oms, entries), where);
  const digests = `SHA-256 of its files, root ${root.slice(0, 16)}…`;
  const proofs = [provedBy(archive.author, digests)];
  const read = (path: string) => readSignature(source, archive, path);
  if (key !== undefined) {
    const at = `${where}: ${bundleName}`;
    assertSealed(openBundle(await read(bundleName), key, at), oms, entries, at);
    const by = shortKeyId(key.hint);
    const algorithms = [`ECDSA ${key.curve}`];
    proofs.push({
      claim: `SHA-256 of its files, by ${bundleName}`,
      by,
      algorithms,
      quantumSafe: false,
    });
  }
  if (envelope) {
    const at = `${where}: ${envelopeName}`;
    const { statement, signer } = openEnvelope(await read(envelopeName), trust, at);
    assertSealed(statement, oms, entries, at);
    proofs.push(provedBy(signer, `SHA-256 of its files, by ${envelopeName}`));
  }
  return proofs;
}

/** Holds a statement to be about the files whose digests were sealed. */
function assertSealed(
  statement: Uint8Array,
  { digests, shardSize }: SealedOms,
  entries: readonly Entry[],
  where: string,
): void {
  const signed = decodeStatement(statement, where);
  if (signed.shardSize !== shardSize) {
    throw new StrongroomError('OMS_INVALID', `${where}: is about other shards than were sealed`, {
      file: where,
      hint: 'open it, and verify the directory: "strongroom oms verify"',
    });
  }
  const files = entries.filter((entry) => entry.type === 'file');
  const ignored = [...signed.ignored, bundleName, envelopeName];
  assertSameResources(resourcesOf({ files, digests, shardSize }, ignored), signed.resources, where);
}

async function readSignature(source: Source, archive: Unlocked, path: string): Promise<Uint8Array> {
  const entry = archive.manifest.entries.find((candidate) => candidate.path === path);
  const refuse = (why: string) =>
    new StrongroomError('OMS_INVALID', `${source.name}: ${why}`, { file: source.name });
  if (entry?.type !== 'file') throw refuse(`there is no ${path} in it`);
  if (entry.size > maxBundleBytes) throw refuse(`${path}: longer than ${maxBundleBytes} bytes`);
  const chunks: Uint8Array[] = [];
  await readEntry(source, archive, entry, (chunk) => void chunks.push(chunk));
  return concat(...chunks);
}
