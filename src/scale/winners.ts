/**
 * Whose work counts. A range that was done twice has one winner: for every part the receipt that
 * tells of what the store holds, in whatever order they came (docs/plans.md, "How a plan ends").
 */
import { fromBase64 } from '../bytes.ts';
import type { UploadedPart } from '../engine/remote/multipart.ts';
import { partsOfRange, segmentsOfPart } from './division.ts';
import type { BodyOf } from './document.ts';
import type { Receipt } from './receipt.ts';

/** What the store says of a part. */
export interface HeldPart {
  readonly bytes: number;
  readonly etag: string;
  /** Base64; not every store tells it. */
  readonly crc32?: string | undefined;
}

export interface Winner {
  readonly range: number;
  /** Name of the worker. */
  readonly worker: string;
  readonly attempt: string;
}

export interface Counted {
  /** In order of their numbers. */
  readonly parts: readonly UploadedPart[];
  /** Every leaf hash in order. */
  readonly leaves: Uint8Array;
  readonly winners: readonly Winner[];
  /** Receipts of which nothing counts, since another attempt took their place. */
  readonly superseded: number;
  /** Ranges of which a part is not there, or nobody has signed for it. */
  readonly missing: readonly number[];
}

/** @param receipts valid ones, in any order. */
export function chooseWinners(
  { parts: divided, payload, ranges }: Pick<BodyOf<'seal'>, 'parts' | 'payload' | 'ranges'>,
  hashBytes: number,
  held: ReadonlyMap<number, HeldPart>,
  receipts: readonly Receipt[],
): Counted {
  const byRange = new Map<number, Receipt[]>();
  for (const receipt of receipts) {
    const { index } = receipt.body;
    byRange.set(index, [...(byRange.get(index) ?? []), receipt]);
  }
  const leaves = new Uint8Array(payload.segments * hashBytes);
  const parts: UploadedPart[] = [];
  const winners: Winner[] = [];
  const missing: number[] = [];
  let superseded = 0;
  for (let range = 0; range < ranges; range++) {
    const span = partsOfRange(divided, payload, ranges, range).parts;
    // So that of two that tell the same one is chosen, whoever looks
    const given = (byRange.get(range) ?? []).sort((a, b) =>
      a.body.attempt < b.body.attempt ? -1 : 1,
    );
    const won = new Set<Receipt>();
    let complete = true;
    for (let part = span.from; part < span.to; part++) {
      const found = winnerOf(part - span.from, held.get(part + 1), given);
      if (found === undefined) {
        complete = false;
        continue;
      }
      const { leaves: own, ...uploaded } = found.part;
      const { from } = segmentsOfPart(divided, payload, part);
      leaves.set(fromBase64(own), from * hashBytes);
      parts.push(uploaded);
      won.add(found.receipt);
    }
    if (!complete) missing.push(range);
    for (const { worker, body } of won) {
      winners.push({ range, worker: worker.name, attempt: body.attempt });
    }
    superseded += given.length - won.size;
  }
  return { parts, leaves, winners, superseded, missing };
}

function winnerOf(at: number, held: HeldPart | undefined, receipts: readonly Receipt[]) {
  if (held === undefined) return undefined;
  for (const receipt of receipts) {
    const part = receipt.body.did === 'seal' ? receipt.body.parts[at] : undefined;
    if (part !== undefined && isHeld(part, held)) return { receipt, part };
  }
  return undefined;
}

/**
 * The same where nothing but receipts tells of the work: of each range the earliest one, and of
 * several from one second the one whose attempt comes first.
 */
export function countRanges(
  ranges: number,
  receipts: readonly Receipt[],
): Pick<Counted, 'winners' | 'superseded' | 'missing'> {
  const first = new Map<number, Receipt>();
  for (const receipt of receipts) {
    const { index } = receipt.body;
    const other = first.get(index);
    if (other === undefined || orderOf(receipt) < orderOf(other)) first.set(index, receipt);
  }
  const missing = Array.from({ length: ranges }, (_, i) => i).filter((i) => !first.has(i));
  const winners = [...first.values()]
    .map(({ worker, body }) => ({ range: body.index, worker: worker.name, attempt: body.attempt }))
    .sort((a, b) => a.range - b.range);
  return { winners, missing, superseded: receipts.length - first.size };
}

/** Ranges of which any receipt names a segment that is not what was sealed, in order. */
export function badRanges(receipts: readonly Receipt[]): number[] {
  const bad = receipts.flatMap(({ body }) =>
    body.did === 'verify' && body.bad.length > 0 ? [body.index] : [],
  );
  return [...new Set(bad)].sort((a, b) => a - b);
}

const orderOf = ({ body }: Receipt): string => `${body.created} ${body.attempt}`;

/** Whether a part is what the store holds. */
export const isHeld = (part: UploadedPart, held: HeldPart | undefined): boolean =>
  held !== undefined &&
  part.etag === held.etag &&
  part.bytes === held.bytes &&
  (held.crc32 === undefined || part.crc32 === held.crc32);
