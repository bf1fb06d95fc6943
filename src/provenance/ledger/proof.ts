/**
 * Proofs that an entry is in a log, for those who are offline.
 *
 * c2sp.org/tlog-proof
 */
import { base64, concat, fromBase64, isBase64, utf8 } from '../../bytes.ts';
import { StrongroomError } from '../../errors.ts';
import { decodeHash, decodeSize } from './checkpoint.ts';
import { decodeSignedCheckpoint, type SignedCheckpoint } from './log.ts';
import { maxNoteBytes } from './note.ts';

const firstLine = 'c2sp.org/tlog-proof@v1';
/** Hashes in a proof: one for each level of the largest tree. */
const maxHashes = 63;
export const maxProofBytes = maxNoteBytes + 65_536;

export interface LedgerProof extends SignedCheckpoint {
  /** Of the entry, from 0. */
  readonly index: number;
  readonly hashes: readonly Uint8Array[];
  /** Whatever it carries besides; nothing signs it. */
  readonly extra?: Uint8Array;
}

/** @param checkpoint the bytes of the log's checkpoint, as they are. */
export const encodeProof = (
  index: number,
  hashes: readonly Uint8Array[],
  checkpoint: Uint8Array,
): Uint8Array<ArrayBuffer> =>
  concat(utf8([firstLine, `index ${index}`, ...hashes.map(base64), '', ''].join('\n')), checkpoint);

/** @throws StrongroomError PROOF_INVALID unless the bytes are a proof in its form. */
export function decodeProof(bytes: Uint8Array): LedgerProof {
  if (bytes.length > maxProofBytes) throw invalid(`longer than ${maxProofBytes} bytes`);
  const end = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf('\n\n');
  if (end < 0) throw invalid('it has no checkpoint');
  const lines = Buffer.from(bytes.subarray(0, end)).toString('latin1').split('\n');
  if (lines.shift() !== firstLine) throw invalid(`it does not begin with ${firstLine}`);
  const extra = lines[0]?.startsWith('extra ') ? extraOf(lines.shift() ?? '') : undefined;
  const [, digits = ''] = /^index (\d+)$/.exec(lines.shift() ?? '') ?? [];
  const index = decodeSize(digits);
  if (index === undefined) throw invalid('it does not say the index of its entry');
  if (lines.length > maxHashes) throw invalid(`more than ${maxHashes} hashes`);
  const hashes = lines.map((line) => {
    const hash = decodeHash(line);
    if (hash === undefined) throw invalid('a line of it is no hash');
    return hash;
  });
  const signed = decodeSignedCheckpoint(bytes.subarray(end + 2));
  if (signed === undefined) throw invalid('it does not end with a checkpoint');
  return { ...signed, index, hashes, ...(extra === undefined ? {} : { extra }) };
}

function extraOf(line: string): Uint8Array {
  const digits = line.slice('extra '.length);
  if (!isBase64(digits)) throw invalid('its extra data is not base64');
  return fromBase64(digits);
}

const invalid = (why: string) => new StrongroomError('PROOF_INVALID', `proof: ${why}`);
